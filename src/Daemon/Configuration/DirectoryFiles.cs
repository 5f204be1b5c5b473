using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Daemon.Configuration;

/// <summary>A dictionary's folder on disk.</summary>
public sealed class DirectoryFiles(string folder) : IWeightFiles
{
    public string Path => folder;

    public bool Has(string name) => File.Exists(System.IO.Path.Combine(folder, name));

    public Stream Open(string name) => File.OpenRead(System.IO.Path.Combine(folder, name));
}
