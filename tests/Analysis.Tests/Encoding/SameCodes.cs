using System.Runtime.InteropServices;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>What every encoder is held to: the same features and the same bits.</summary>
internal static class SameCodes
{
    public static SparseCodes Of(IEncoder encoder, float[] rowsBD)
    {
        var codes = new SparseCodes();
        encoder.Encode(rowsBD, codes);
        return codes;
    }

    public static void Assert(SparseCodes expected, SparseCodes actual)
    {
        Xunit.Assert.Equal(expected.Rows, actual.Rows);
        for (var row = 0; row < expected.Rows; row++)
        {
            Xunit.Assert.Equal(expected.FeaturesOf(row), actual.FeaturesOf(row));
            // As bits: 0 is not −0, and an overflow that became NaN is equal to itself.
            Xunit.Assert.Equal(MemoryMarshal.Cast<float, uint>(expected.ValuesOf(row)), MemoryMarshal.Cast<float, uint>(actual.ValuesOf(row)));
        }
    }
}
