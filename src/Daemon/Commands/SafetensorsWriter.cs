using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace DriftWatch.Daemon.Commands;

/// <summary>Writes float32 tensors as a safetensors file.</summary>
public static class SafetensorsWriter
{
    public static void Write(string path, IReadOnlyList<(string Name, int[] Shape, float[] Values)> tensors)
    {
        var entries = new Dictionary<string, object>(StringComparer.Ordinal);
        var at = 0L;
        foreach (var (name, shape, values) in tensors)
        {
            var end = at + 4L * values.Length;
            entries[name] = new { dtype = "F32", shape, data_offsets = new[] { at, end } };
            at = end;
        }
        var json = JsonSerializer.SerializeToUtf8Bytes(entries);
        using var file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        // Readers map the data as floats: pad the header to eight bytes.
        var padding = (8 - json.Length % 8) % 8;
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length + padding);
        file.Write(length);
        file.Write(json);
        file.Write("        "u8[..padding]);
        foreach (var (_, _, values) in tensors)
            for (var i = 0; i < values.Length; i += 1 << 20) file.Write(MemoryMarshal.AsBytes(values.AsSpan(i, Math.Min(1 << 20, values.Length - i))));
    }
}
