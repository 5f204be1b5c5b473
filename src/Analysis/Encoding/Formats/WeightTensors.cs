using System.Buffers;
using System.Buffers.Binary;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A safetensors file of weights, read tensor by tensor into float32; the file is never in memory as a whole.</summary>
public sealed class WeightTensors : IDisposable
{
    private const int ChunkBytes = 1 << 20;
    private readonly Stream stream;

    public WeightTensors(Stream stream)
    {
        this.stream = stream;
        var first = new byte[8];
        var read = stream.ReadAtLeast(first, 8, throwOnEndOfStream: false);
        var json = new byte[SafetensorsHeader.JsonLength(first.AsSpan(0, read), stream.Length, SafetensorsHeader.WeightsHeaderBytesMaximum)];
        stream.ReadExactly(json);
        Header = SafetensorsHeader.Parse(json, stream.Length);
    }

    public SafetensorsHeader Header { get; }

    public bool Has(string name) => Header.Tensors.ContainsKey(name);

    /// <summary>The tensor's numbers, row-major, if it has exactly this shape.</summary>
    public float[] Read(string name, params ReadOnlySpan<int> shape)
    {
        if (!Header.Tensors.TryGetValue(name, out var tensor))
            throw new MalformedException("tensor", $"the weights lack the tensor {name}; they hold {string.Join(", ", Header.Tensors.Keys.Order(StringComparer.Ordinal).Take(20))}");
        if (!tensor.Shape.AsSpan().SequenceEqual(shape))
            throw new MalformedException("tensor", $"the tensor {tensor} should be [{string.Join(", ", shape.ToArray())}]");
        return Read(tensor);
    }

    public float[] Read(TensorEntry tensor)
    {
        var size = tensor.DType switch
        {
            "F64" => 8,
            "F32" => 4,
            "F16" or "BF16" => 2,
            _ => throw new MalformedException("tensor", $"the tensor {tensor} is not F64, F32, F16 or BF16"),
        };
        var count = tensor.Bytes / size;
        if (count > Array.MaxLength) throw new MalformedException("tensor", $"the tensor {tensor} has {count} numbers; at most {Array.MaxLength} are supported");
        var values = new float[count];
        stream.Position = Header.DataStart + tensor.Start;
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (var done = 0; done < values.Length;)
            {
                var part = values.AsSpan(done, (int)Math.Min(ChunkBytes / size, values.Length - done));
                var bytes = chunk.AsSpan(0, part.Length * size);
                stream.ReadExactly(bytes);
                if (size == 8)
                    for (var i = 0; i < part.Length; i++) part[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
                else
                    Widening.ToSingle(bytes, tensor.DType switch { "F32" => ActivationType.F32, "F16" => ActivationType.F16, _ => ActivationType.BF16 }, part);
                done += part.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
        return values;
    }

    public void Dispose() => stream.Dispose();
}
