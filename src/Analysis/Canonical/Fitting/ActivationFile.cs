using System.Globalization;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>A safetensors file with <c>activations</c> [rows, width]: a message of the wire format, or a longer recording; its header is checked, its rows stay in the file.</summary>
internal sealed class ActivationFile : IDisposable
{
    /// <summary>What says to which sequence a row belongs, as producers name it; the first that is there counts.</summary>
    private static readonly string[] sequenceNames = ["sequence_ids", "doc_id"];

    private readonly WeightTensors tensors;
    private readonly TensorEntry activations;

    private ActivationFile(string path, WeightTensors tensors)
    {
        (Path, this.tensors) = (path, tensors);
        if (!tensors.Header.Tensors.TryGetValue("activations", out activations)) throw new MalformedException("missing-tensor", $"it has no tensor 'activations'; it holds {string.Join(", ", tensors.Header.Tensors.Keys.Order(StringComparer.Ordinal).Take(20))}");
        if (activations.Shape is not [> 0, > 0]) throw new MalformedException("bad-shape", $"the tensor {activations} should be [rows, d_model], with at least one row");
        if (activations.DType is not ("F32" or "F16" or "BF16")) throw new MalformedException("bad-dtype", $"the tensor {activations} should be F32, F16 or BF16");
    }

    public string Path { get; }
    public int Rows => activations.Shape[0];
    public int Width => activations.Shape[1];
    public string? Model => tensors.Header.Metadata.GetValueOrDefault("model");
    public string? Hook => tensors.Header.Metadata.GetValueOrDefault("hook");
    public string? SequenceName => sequenceNames.FirstOrDefault(tensors.Has);

    public static ActivationFile Open(string path) => Said(path, () => new ActivationFile(path, new(File.OpenRead(path))));

    /// <summary>Whole numbers, one a row; null where the file has none of this name.</summary>
    public long[]? Ids(string name) => !tensors.Has(name) ? null : Said(Path, () =>
    {
        var ids = tensors.ReadWhole(tensors.Header.Tensors[name]);
        return ids.Length == Rows ? ids : throw new MalformedException("bad-shape", $"'{name}' has {ids.Length} numbers for {Rows} rows");
    });

    /// <summary>The sequence of each row: by ids, by windows of equal length (<c>rows_per_window</c>), or the whole file is one.</summary>
    public long[] SequenceIds()
    {
        if (SequenceName is { } name) return Ids(name)!;
        var length = int.TryParse(tensors.Header.Metadata.GetValueOrDefault("rows_per_window"), NumberStyles.None, CultureInfo.InvariantCulture, out var rows) && rows > 0 ? rows : Rows;
        return [.. Enumerable.Range(0, Rows).Select(row => (long)(row / length))];
    }

    public void Read(int firstRow, Span<float> rowsND) => tensors.Read(activations, (long)firstRow * Width, rowsND);

    public void Dispose() => tensors.Dispose();

    /// <summary>Refusals name the file.</summary>
    private static T Said<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MalformedException error)
        {
            throw new MalformedException(error.Reason, $"{path}: {error.Message}.");
        }
    }
}
