using System.Buffers.Binary;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>The tensors of one file by name, read one by one into float32. Formats need not know which container they come from.</summary>
/// <remarks>A tensor is streamed from the file into the array that is returned; nothing else of its size is allocated.</remarks>
public abstract class TensorFile : IDisposable
{
    /// <summary>What the file holds. Every shape, offset and length is checked against the file.</summary>
    public abstract IReadOnlyDictionary<string, StoredTensor> Stored { get; }

    public bool Has(string name) => Stored.ContainsKey(name);

    /// <summary>The tensor's numbers, row-major, if it has exactly this shape.</summary>
    public float[] Read(string name, params ReadOnlySpan<int> shape) => ReadRowMajor(Find(name, shape));

    /// <summary>The numbers of a tensor that is [<paramref name="rows"/>, <paramref name="columns"/>] in the file, as [columns, rows].</summary>
    public float[] ReadTransposed(string name, int rows, int columns) => Read(Find(name, rows, columns), [1, rows]);

    /// <summary>Whole numbers (I32, I64) of a scalar or a list.</summary>
    public long[] ReadWhole(string name)
    {
        var tensor = Find(name);
        var size = tensor.DType switch { "I32" => 4, "I64" => 8, _ => throw new MalformedException("tensor", $"the tensor {tensor} should be I32 or I64") };
        if (tensor.Shape.Length > 1 || tensor.Count > 1 << 20 || (tensor.Count > 1 && tensor.Strides[0] != 1)) throw new MalformedException("tensor", $"the tensor {tensor} should be one whole number or a list of them");
        using var storage = OpenStorage(tensor);
        // To the end, also behind the tensor: containers that keep checksums check them there.
        var bytes = new byte[checked((int)Math.Min(tensor.StorageLength * size, 1 << 24))];
        if (bytes.Length != tensor.StorageLength * size) throw new MalformedException("tensor", $"the tensor {tensor} is a view of {tensor.StorageLength} numbers; save it on its own (clone it first)");
        storage.ReadExactly(bytes);
        var values = new long[tensor.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var number = bytes.AsSpan((int)(tensor.Offset + i) * size, size);
            values[i] = size == 8 ? BinaryPrimitives.ReadInt64LittleEndian(number) : BinaryPrimitives.ReadInt32LittleEndian(number);
        }
        return values;
    }

    /// <summary>A tensor that the format does not know may change the numbers: refused rather than left out.</summary>
    public void RefuseOthers(params IReadOnlyCollection<string> known)
    {
        if (Stored.Keys.Order(StringComparer.Ordinal).FirstOrDefault(name => !known.Contains(name)) is { } other)
            throw new MalformedException("tensor", $"the weights hold {Shown(other)}, which this format does not have; they would be computed wrongly without it");
    }

    /// <summary>A tensor's shape, if it has this many dimensions.</summary>
    public int[] ShapeOf(string name, int dimensions)
    {
        var tensor = Find(name);
        return tensor.Shape.Length == dimensions ? tensor.Shape : throw new MalformedException("tensor", $"the tensor {tensor} should have {dimensions} dimensions");
    }

    /// <summary>A tensor's storage from its first number on; read to its end.</summary>
    protected abstract Stream OpenStorage(StoredTensor tensor);

    protected virtual float[] ReadRowMajor(StoredTensor tensor) => Read(tensor, StoredTensor.RowMajor(tensor.Shape));

    private StoredTensor Find(string name) =>
        Stored.TryGetValue(name, out var tensor) ? tensor
            : throw new MalformedException("tensor", $"the weights lack the tensor {name}; they hold {string.Join(", ", Stored.Keys.Order(StringComparer.Ordinal).Take(20).Select(Shown))}");

    private StoredTensor Find(string name, params ReadOnlySpan<int> shape)
    {
        var tensor = Find(name);
        return tensor.Shape.AsSpan().SequenceEqual(shape) ? tensor : throw new MalformedException("tensor", $"the tensor {tensor} should be [{string.Join(", ", shape.ToArray())}]");
    }

    private float[] Read(StoredTensor tensor, ReadOnlySpan<long> targetStrides)
    {
        if (tensor.Count > Array.MaxLength) throw new MalformedException("tensor", $"the tensor {tensor} has {tensor.Count} numbers; at most {Array.MaxLength} are supported");
        using var storage = new NumberStream(OpenStorage(tensor), tensor);
        var values = HugePages.Array((int)tensor.Count);
        StridedCopy.Read(storage, tensor, targetStrides, values);
        storage.SkipTo(tensor.StorageLength);
        return values;
    }

    // A name that needs no quotes keeps none.
    private static string Shown(string name) => name.Length < 60 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') ? name : SafetensorsHeader.Shown(name);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
