using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Daemon.Configuration;

/// <summary>A dictionary on disk: a folder, or one file of a folder.</summary>
public sealed class DirectoryFiles : IWeightFiles
{
    private readonly string folder;
    private readonly string? named;

    public DirectoryFiles(string path)
    {
        Path = path;
        Location = System.IO.Path.GetFullPath(path);
        (folder, named) = File.Exists(path) ? (System.IO.Path.GetDirectoryName(Location)!, System.IO.Path.GetFileName(Location)) : (Location, null);
    }

    public string Path { get; }
    public string Location { get; }

    public IReadOnlyList<string> Names => named is not null ? [named] : Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder).Select(file => System.IO.Path.GetFileName(file)).Order(StringComparer.Ordinal)] : [];

    public bool Has(string name) => File.Exists(System.IO.Path.Combine(folder, name));

    public Stream Open(string name) => File.OpenRead(System.IO.Path.Combine(folder, name));
}
