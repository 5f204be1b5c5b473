using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Support;

/// <summary>A dictionary's folder on disk.</summary>
public sealed class DiskFiles(string folder) : IWeightFiles
{
    public string Path => folder;

    public IReadOnlyList<string> Names => [.. Directory.EnumerateFiles(folder).Select(file => System.IO.Path.GetFileName(file))];

    public bool Has(string name) => File.Exists(System.IO.Path.Combine(folder, name));

    public Stream Open(string name) => File.OpenRead(System.IO.Path.Combine(folder, name));
}
