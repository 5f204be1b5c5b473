using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

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

    [Fact]
    public void A_tensor_of_many_chunks_is_read_whole()
    {
        // More than two chunks of a mebibyte, and an odd rest.
        var many = SomeAutoencoder.Gaussians(new Random(1), 600_001, 1);
        using var tensors = Open(Some.Safetensors(null, ("w", "F32", [600_001], Some.Bytes(many))));

        Assert.Equal(many, tensors.Read("w", 600_001));
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
