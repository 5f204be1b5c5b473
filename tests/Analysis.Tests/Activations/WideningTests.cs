using System.Runtime.InteropServices;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Tests.Activations;

public class WideningTests
{
    private static readonly ushort[] all = [.. Enumerable.Range(0, 1 << 16).Select(bits => (ushort)bits)];

    [Fact]
    public void Every_float16_becomes_the_float32_of_the_same_value_or_the_same_NaN() =>
        Assert.Equal(all.Select(bits => BitConverter.SingleToUInt32Bits((float)BitConverter.UInt16BitsToHalf(bits))), Widened(all, ActivationType.F16));

    [Fact]
    public void Every_bfloat16_becomes_the_float32_that_it_begins() =>
        Assert.Equal(all.Select(bits => (uint)bits << 16), Widened(all, ActivationType.BF16));

    /// <summary>Vectors end where they like, and a tensor begins where the file's header says.</summary>
    [Theory, InlineData(ActivationType.F16), InlineData(ActivationType.BF16)]
    public void Any_length_from_any_byte_on_is_as_the_whole(ActivationType type)
    {
        var whole = Widened(all, type);
        for (var length = 0; length <= 70; length++)
            for (var offset = 0; offset < 4; offset++)
            {
                var from = 0x3c00 - length / 2;
                var bytes = new byte[offset + 2 * length];
                MemoryMarshal.AsBytes(all.AsSpan(from, length)).CopyTo(bytes.AsSpan(offset));
                var values = new float[length];
                Widening.ToSingle(bytes.AsSpan(offset), type, values);
                Assert.Equal(whole[from..(from + length)], values.Select(BitConverter.SingleToUInt32Bits));
            }
    }

    private static uint[] Widened(ushort[] halves, ActivationType type)
    {
        var values = new float[halves.Length];
        Widening.ToSingle(MemoryMarshal.AsBytes(halves.AsSpan()), type, values);
        return [.. values.Select(BitConverter.SingleToUInt32Bits)];
    }
}
