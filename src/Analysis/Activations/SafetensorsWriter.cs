using System.Buffers.Binary;
using System.Text.Json;

namespace DriftWatch.Analysis.Activations;

/// <summary>Writes tensors as a safetensors file.</summary>
public static class SafetensorsWriter
{
    public static void Write(Stream file, IReadOnlyList<(string Name, string DType, int[] Shape, ReadOnlyMemory<byte> Data)> tensors, Dictionary<string, string> metadata)
    {
        var entries = new Dictionary<string, object>(StringComparer.Ordinal);
        if (metadata.Count > 0) entries["__metadata__"] = metadata;
        var at = 0L;
        foreach (var (name, dtype, shape, data) in tensors)
        {
            entries[name] = new { dtype, shape, data_offsets = new[] { at, at + data.Length } };
            at += data.Length;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(entries);
        // Readers map the data as floats: pad the header to eight bytes.
        var padding = (8 - json.Length % 8) % 8;
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length + padding);
        file.Write(length);
        file.Write(json);
        file.Write("        "u8[..padding]);
        foreach (var (_, _, _, data) in tensors) file.Write(data.Span);
    }
}
