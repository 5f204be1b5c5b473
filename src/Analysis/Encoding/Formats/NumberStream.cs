using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A tensor's storage as float32, number after number, forwards only.</summary>
internal sealed class NumberStream : IDisposable
{
    private const int ChunkBytes = 1 << 20;
    private readonly Stream stream;
    private readonly ActivationType? type;   // Null: F64.
    private readonly int size;
    private readonly byte[] chunk;

    public NumberStream(Stream stream, StoredTensor tensor)
    {
        this.stream = stream;
        (size, type) = tensor.DType switch
        {
            "F64" => (8, (ActivationType?)null),
            "F32" => (4, ActivationType.F32),
            "F16" => (2, ActivationType.F16),
            "BF16" => (2, ActivationType.BF16),
            _ => throw new MalformedException("tensor", $"the tensor {tensor} is not F64, F32, F16 or BF16"),
        };
        chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
    }

    /// <summary>The number that comes next.</summary>
    public long Position { get; private set; }

    public void SkipTo(long position)
    {
        for (var bytes = (position - Position) * size; bytes > 0;)
        {
            var part = (int)Math.Min(ChunkBytes, bytes);
            stream.ReadExactly(chunk, 0, part);
            bytes -= part;
        }
        Position = Math.Max(Position, position);
    }

    public void Read(Span<float> values)
    {
        for (var done = 0; done < values.Length;)
        {
            // A chunk at a time also where the bytes are the numbers: a checksum finds it in the cache.
            var part = values.Slice(done, Math.Min(ChunkBytes / size, values.Length - done));
            if (type == ActivationType.F32) stream.ReadExactly(MemoryMarshal.AsBytes(part));   // As Widening does: this code runs on little-endian processors.
            else
            {
                var bytes = chunk.AsSpan(0, part.Length * size);
                stream.ReadExactly(bytes);
                if (type is { } known) Widening.ToSingle(bytes, known, part);
                else
                    for (var i = 0; i < part.Length; i++) part[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
            }
            done += part.Length;
        }
        Position += values.Length;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(chunk);
        stream.Dispose();
    }
}
