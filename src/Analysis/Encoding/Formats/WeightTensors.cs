using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using DriftWatch.Analysis.Activations;
using Microsoft.Win32.SafeHandles;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A safetensors file of weights, read tensor by tensor into float32; the file is never in memory as a whole.</summary>
public sealed class WeightTensors : TensorFile
{
    private const int ChunkBytes = 1 << 20;
    private readonly Stream stream;
    private readonly SafeFileHandle? file;
    private Dictionary<string, StoredTensor>? stored;

    public WeightTensors(Stream stream)
    {
        this.stream = stream;
        var first = new byte[8];
        var read = stream.ReadAtLeast(first, 8, throwOnEndOfStream: false);
        var json = new byte[SafetensorsHeader.JsonLength(first.AsSpan(0, read), stream.Length, SafetensorsHeader.WeightsHeaderBytesMaximum)];
        stream.ReadExactly(json);
        Header = SafetensorsHeader.Parse(json, stream.Length);
        // Asked for once: the stream empties its buffer each time, which several threads must not make it do.
        file = (stream as FileStream)?.SafeFileHandle;
    }

    public SafetensorsHeader Header { get; }

    public override IReadOnlyDictionary<string, StoredTensor> Stored => stored ??= Header.Tensors.Values.ToDictionary(tensor => tensor.Name, Describe, StringComparer.Ordinal);

    public float[] Read(TensorEntry tensor)
    {
        var count = tensor.Bytes / SizeOf(tensor);
        if (count > Array.MaxLength) throw new MalformedException("tensor", $"the tensor {tensor} has {count} numbers; at most {Array.MaxLength} are supported");
        var values = HugePages.Array((int)count);
        // A large file in the system's cache comes as fast as processors copy it.
        if (file is not null) Parts.OfNumbers(values.Length, (first, length) => Read(tensor, first, values.AsSpan(first, length)));
        else Read(tensor, 0, values);
        return values;
    }

    /// <summary>Numbers <paramref name="first"/> and on.</summary>
    public void Read(TensorEntry tensor, long first, Span<float> values)
    {
        var size = SizeOf(tensor);
        var position = Header.DataStart + tensor.Start + first * size;
        if (tensor.DType == "F32")
        {
            ReadAt(position, MemoryMarshal.AsBytes(values));
            return;
        }
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (var done = 0; done < values.Length;)
            {
                var part = values.Slice(done, Math.Min(ChunkBytes / size, values.Length - done));
                var bytes = chunk.AsSpan(0, part.Length * size);
                ReadAt(position + (long)done * size, bytes);
                if (size == 8)
                    for (var i = 0; i < part.Length; i++) part[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
                else
                    Widening.ToSingle(bytes, tensor.DType == "F16" ? ActivationType.F16 : ActivationType.BF16, part);
                done += part.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    /// <summary>Whole numbers of a tensor [n].</summary>
    public long[] ReadWhole(TensorEntry tensor)
    {
        if (tensor.Shape is not [var count] || tensor.DType is not ("I32" or "I64")) throw new MalformedException("tensor", $"the tensor {tensor} should be I32 or I64 [n]");
        var values = new long[count];
        var bytes = ReadBytes(tensor);
        for (var i = 0; i < count; i++) values[i] = tensor.DType == "I64" ? BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8 * i)) : BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4 * i));
        return values;
    }

    /// <summary>As they are in the file.</summary>
    public byte[] ReadBytes(TensorEntry tensor)
    {
        if (tensor.Bytes > Array.MaxLength) throw new MalformedException("tensor", $"the tensor {tensor} has {tensor.Bytes} bytes; at most {Array.MaxLength} are supported");
        var bytes = new byte[tensor.Bytes];
        ReadAt(Header.DataStart + tensor.Start, bytes);
        return bytes;
    }

    /// <summary>In files, of several threads at once.</summary>
    private void ReadAt(long position, Span<byte> bytes)
    {
        if (file is null)
        {
            stream.Position = position;
            stream.ReadExactly(bytes);
            return;
        }
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(file, bytes[done..], position + done);
            if (read == 0) throw new EndOfStreamException($"{((FileStream)stream).Name} ends at byte {RandomAccess.GetLength(file)}; it was cut while it was read");
            done += read;
        }
    }

    protected override float[] ReadRowMajor(StoredTensor tensor) => Read(Header.Tensors[tensor.Name]);

    private static int SizeOf(TensorEntry tensor) => tensor.DType switch
    {
        "F64" => 8,
        "F32" => 4,
        "F16" or "BF16" => 2,
        _ => throw new MalformedException("tensor", $"the tensor {tensor} is not F64, F32, F16 or BF16"),
    };

    private static StoredTensor Describe(TensorEntry tensor)
    {
        var count = tensor.Shape.Aggregate(1L, (product, size) => product * size);
        return new(tensor.Name, tensor.DType, tensor.Shape, StoredTensor.RowMajor(tensor.Shape), 0, count);
    }

    protected override Stream OpenStorage(StoredTensor tensor)
    {
        var entry = Header.Tensors[tensor.Name];
        return new FilePart(stream, Header.DataStart + entry.Start, entry.Bytes);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
    }
}
