using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace DriftWatch.Support;

/// <summary>One tensor of a file that a test writes.</summary>
public sealed record SomeTensor(string Name, string DType, int[] Shape, byte[] Data)
{
    public static SomeTensor F32(string name, int[] shape, params float[] values) => new(name, "F32", shape, MemoryMarshal.AsBytes<float>(values).ToArray());

    public static SomeTensor F16(string name, int[] shape, params float[] values) => new(name, "F16", shape, MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value)).ToArray());

    /// <summary>Cut off, not rounded: give values that have no more bits than BF16 keeps.</summary>
    public static SomeTensor BF16(string name, int[] shape, params float[] values) =>
        new(name, "BF16", shape, MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))).ToArray());

    public static SomeTensor I32(string name, params int[] values) => new(name, "I32", [values.Length], MemoryMarshal.AsBytes<int>(values).ToArray());

    public static SomeTensor I64(string name, params long[] values) => new(name, "I64", [values.Length], MemoryMarshal.AsBytes<long>(values).ToArray());

    public static SomeTensor U8(string name, params byte[] values) => new(name, "U8", [values.Length], values);
}

/// <summary>Safetensors bytes: well formed from tensors, or with any header a test wants.</summary>
public static class SafetensorsFile
{
    public static byte[] Of(IReadOnlyDictionary<string, string>? metadata, params IReadOnlyList<SomeTensor> tensors)
    {
        var header = new Dictionary<string, object>(StringComparer.Ordinal);
        if (metadata is not null) header["__metadata__"] = metadata;
        var at = 0;
        foreach (var tensor in tensors)
        {
            header[tensor.Name] = new { dtype = tensor.DType, shape = tensor.Shape, data_offsets = new[] { at, at + tensor.Data.Length } };
            at += tensor.Data.Length;
        }
        return With(JsonSerializer.SerializeToUtf8Bytes(header), [.. tensors.SelectMany(tensor => tensor.Data)]);
    }

    public static byte[] With(string json, byte[] data) => With(Encoding.UTF8.GetBytes(json), data);

    public static byte[] With(ReadOnlySpan<byte> json, ReadOnlySpan<byte> data) => [.. LengthOf((ulong)json.Length), .. json, .. data];

    /// <summary>The first eight bytes of a file whose header is, or pretends to be, this long.</summary>
    public static byte[] LengthOf(ulong length)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        return bytes;
    }

    /// <summary>The JSON header of a well-formed file.</summary>
    public static string HeaderOf(ReadOnlySpan<byte> file) => Encoding.UTF8.GetString(file.Slice(8, (int)BinaryPrimitives.ReadUInt64LittleEndian(file)));

    /// <summary>What follows the header of a well-formed file.</summary>
    public static byte[] DataOf(ReadOnlySpan<byte> file) => file[(8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(file))..].ToArray();
}
