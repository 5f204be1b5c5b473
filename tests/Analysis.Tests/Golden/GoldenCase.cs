using System.Globalization;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Golden;

/// <summary>One folder of golden numbers: a dictionary as a library saved it, and what that library computed with it.</summary>
internal sealed class GoldenCase : IWeightFiles
{
    private const string Numbers = "golden.safetensors";
    private readonly string numbers;
    private readonly string folder;
    private readonly string? named;
    private readonly SafetensorsHeader header;

    private GoldenCase(string folder)
    {
        numbers = System.IO.Path.Combine(folder, Numbers);
        using var tensors = new WeightTensors(File.OpenRead(numbers));
        header = tensors.Header;
        // What a person would point at: a folder, or one file.
        Path = System.IO.Path.GetFullPath(System.IO.Path.Combine(folder, header.Metadata.GetValueOrDefault("open", ".")));
        (this.folder, named) = File.Exists(Path) ? (System.IO.Path.GetDirectoryName(Path)!, System.IO.Path.GetFileName(Path)) : (Path, null);
    }

    /// <summary>From this project's own folder.</summary>
    public static GoldenCase Committed(string name) => new(System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", name));

    /// <summary>From the larger set beside the checkout; the test is skipped where there is none.</summary>
    public static GoldenCase Shared(string name)
    {
        Assert.SkipWhen(SharedFolder is null, "the larger golden set is not on this machine: no folder shared/golden above the tests; DRIFTWATCH_SHARED can name the shared folder");
        return new(System.IO.Path.Combine(SharedFolder!, name));
    }

    public static string? SharedFolder { get; } = FindShared();

    public string Path { get; }

    public IReadOnlyList<string> Names => named is not null ? [named] : [.. Directory.EnumerateFiles(folder).Select(file => System.IO.Path.GetFileName(file))];
    public string Architecture => header.Metadata["class"];
    public string Expect => header.Metadata["expect"];
    public float? InputScale => header.Metadata.TryGetValue("norm_scaling_factor", out var factor) ? float.Parse(factor, CultureInfo.InvariantCulture) : null;

    public int? K => header.Metadata.TryGetValue("k", out var k) ? int.Parse(k, CultureInfo.InvariantCulture) : null;

    public bool Has(string name) => File.Exists(System.IO.Path.Combine(folder, name));

    public Stream Open(string name) => File.OpenRead(System.IO.Path.Combine(folder, name));

    public SparseAutoencoder Dictionary() => DictionaryReader.Read(this, new(InputScale, K));

    public bool HasTensor(string name) => header.Tensors.ContainsKey(name);

    /// <summary>A tensor's rows, flattened: [rows, heads, d_head] has its heads one after another.</summary>
    public float[][] Rows(string name)
    {
        using var tensors = new WeightTensors(File.OpenRead(numbers));
        var tensor = header.Tensors[name];
        var values = tensors.Read(tensor);
        return [.. values.Chunk(values.Length / tensor.Shape[0])];
    }

    private static string? FindShared()
    {
        if (Environment.GetEnvironmentVariable("DRIFTWATCH_SHARED") is { Length: > 0 } shared) return System.IO.Path.Combine(shared, "golden");
        for (var above = new DirectoryInfo(AppContext.BaseDirectory); above is not null; above = above.Parent)
            if (System.IO.Path.Combine(above.FullName, "shared", "golden") is var golden && Directory.Exists(golden)) return golden;
        return null;
    }
}
