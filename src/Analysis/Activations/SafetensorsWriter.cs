using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace DriftWatch.Analysis.Activations;

/// <summary>Writes tensors as a safetensors file.</summary>
public static class SafetensorsWriter
{
    private const int ChunkNumbers = 1 << 20;

    public static void Write(Stream file, IReadOnlyList<(string Name, string DType, int[] Shape, ReadOnlyMemory<byte> Data)> tensors, Dictionary<string, string> metadata)
    {
        WriteHeader(file, [.. tensors.Select(tensor => (tensor.Name, tensor.DType, tensor.Shape, (long)tensor.Data.Length))], metadata);
        foreach (var (_, _, _, data) in tensors) file.Write(data.Span);
    }

    /// <summary>As F32, without a copy of the numbers: one tensor may have more than 2 GiB.</summary>
    public static void Write(Stream file, IReadOnlyList<(string Name, int[] Shape, float[] Data)> tensors, Dictionary<string, string> metadata)
    {
        WriteHeader(file, [.. tensors.Select(tensor => (tensor.Name, "F32", tensor.Shape, (long)sizeof(float) * tensor.Data.Length))], metadata);
        foreach (var (_, _, data) in tensors)
            for (var at = 0; at < data.Length; at += ChunkNumbers) file.Write(MemoryMarshal.AsBytes(data.AsSpan(at, Math.Min(ChunkNumbers, data.Length - at))));
    }

    private static void WriteHeader(Stream file, IReadOnlyList<(string Name, string DType, int[] Shape, long Bytes)> tensors, Dictionary<string, string> metadata)
    {
        var entries = new Dictionary<string, object>(StringComparer.Ordinal);
        if (metadata.Count > 0) entries["__metadata__"] = metadata;
        var at = 0L;
        foreach (var (name, dtype, shape, bytes) in tensors)
        {
            entries[name] = new { dtype, shape, data_offsets = new[] { at, at + bytes } };
            at += bytes;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(entries);
        // Readers map the data as floats: pad the header to eight bytes.
        var padding = (8 - json.Length % 8) % 8;
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length + padding);
        file.Write(length);
        file.Write(json);
        file.Write("        "u8[..padding]);
    }
}
