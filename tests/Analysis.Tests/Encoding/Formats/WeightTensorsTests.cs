using System.Runtime.InteropServices;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

public sealed class WeightTensorsTests
{
    private static readonly float[] values = [0, 1, -2.5f, 1024];

    public static TheoryData<string, byte[]> Stored => new()
    {
        { "F64", [.. values.SelectMany(value => BitConverter.GetBytes((double)value))] },
        { "F32", [.. values.SelectMany(BitConverter.GetBytes)] },
        { "F16", [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))] },
        { "BF16", [.. values.SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)))] },
    };

    [Theory, MemberData(nameof(Stored))]
    public void Each_type_is_read_into_float32(string dtype, byte[] data)
    {
        using var tensors = Open(Some.Safetensors(null, ("before", "U8", [3], [9, 9, 9]), ("w", dtype, [2, 2], data), ("after", "U8", [1], [9])));

        Assert.True(tensors.Has("w"));
        Assert.False(tensors.Has("v"));
        Assert.Equal(values, tensors.Read("w", 2, 2));
    }

    [Theory]
    [InlineData("F64")]
    [InlineData("F32")]
    [InlineData("F16")]
    public void A_tensor_of_many_parts_is_read_whole(string dtype)
    {
        // Files are read in parts of 2²⁰ numbers by all processors, numbers that are not float32 in chunks of a mebibyte; the last is an odd rest.
        float[] many = [.. Enumerable.Range(0, 2_500_001).Select(i => i % 2039)];
        byte[] data = dtype switch
        {
            "F64" => MemoryMarshal.AsBytes<double>(Array.ConvertAll(many, value => (double)value)).ToArray(),
            "F16" => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(many, value => (Half)value)).ToArray(),
            _ => Some.Bytes(many),
        };
        var file = Some.Safetensors(null, ("before", "U8", [3], [9, 9, 9]), ("w", dtype, [many.Length], data));
        using var folder = new TempFolder();
        using var tensors = new WeightTensors(File.OpenRead(folder.Write("w", file)));
        using var inMemory = Open(file);

        Assert.True(many.AsSpan().SequenceEqual(tensors.Read("w", many.Length)));
        Assert.True(many.AsSpan().SequenceEqual(inMemory.Read("w", many.Length)));
    }

    [Fact]
    public void A_file_that_is_cut_while_it_is_read_is_named()
    {
        using var folder = new TempFolder();
        var path = folder.Write("weights.safetensors", Some.Safetensors(null, ("w", "F32", [3 << 20], new byte[12 << 20])));
        using var tensors = new WeightTensors(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        using (var cut = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) cut.SetLength(1 << 20);

        Assert.Contains("weights.safetensors ends at byte 1048576", Assert.Throws<EndOfStreamException>(() => tensors.Read("w", 3 << 20)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_is_missing_or_of_another_shape_or_type_is_refused_by_name()
    {
        using var tensors = Open(Some.Safetensors(null, ("w", "F32", [2, 2], Some.Bytes(values)), ("ids", "I64", [1], new byte[8])));

        Assert.Contains("they hold ids, w", Refusal(() => tensors.Read("v", 4)), StringComparison.Ordinal);
        Assert.Contains("w F32 [2, 2] should be [4]", Refusal(() => tensors.Read("w", 4)), StringComparison.Ordinal);
        Assert.Contains("w F32 [2, 2] should be [4, 1]", Refusal(() => tensors.Read("w", 4, 1)), StringComparison.Ordinal);
        Assert.Contains("ids I64 [1] is not", Refusal(() => tensors.Read("ids", 1)), StringComparison.Ordinal);

        static string Refusal(Func<object> read) => Assert.Throws<MalformedException>(read).Message;
    }

    [Fact]
    public void Every_truncation_is_refused_when_the_file_is_opened()
    {
        var file = Some.Safetensors(null, ("w", "F32", [2, 2], Some.Bytes(values)));

        for (var length = 0; length < file.Length; length++)
            Assert.Equal("truncated", Assert.Throws<MalformedException>(() => Open(file[..length])).Reason);
    }

    private static WeightTensors Open(byte[] file) => new(new MemoryStream(file));
}
