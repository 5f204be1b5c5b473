using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Sums of squares and products in double precision, in one fixed order on every processor: eight lanes, added up from the first to the last.</summary>
public static class Energy
{
    /// <summary>Σ xᵢ².</summary>
    public static double Of(ReadOnlySpan<float> x)
    {
        var lanes = Vector512<double>.Zero;
        var i = 0;
        for (; i + 8 <= x.Length; i += 8)
        {
            var wide = Widen(x.Slice(i, 8));
            lanes = Vector512.FusedMultiplyAdd(wide, wide, lanes);
        }
        var sum = Sum(lanes);
        for (; i < x.Length; i++) sum = Math.FusedMultiplyAdd(x[i], x[i], sum);
        return sum;
    }

    /// <summary>Σ xᵢyᵢ.</summary>
    public static double OfProduct(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var lanes = Vector512<double>.Zero;
        var i = 0;
        for (; i + 8 <= x.Length; i += 8) lanes = Vector512.FusedMultiplyAdd(Widen(x.Slice(i, 8)), Widen(y.Slice(i, 8)), lanes);
        var sum = Sum(lanes);
        for (; i < x.Length; i++) sum = Math.FusedMultiplyAdd(x[i], y[i], sum);
        return sum;
    }

    /// <summary>Σ (xᵢ − yᵢ)².</summary>
    public static double OfDifference(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var lanes = Vector512<double>.Zero;
        var i = 0;
        for (; i + 8 <= x.Length; i += 8)
        {
            var difference = Widen(x.Slice(i, 8)) - Widen(y.Slice(i, 8));
            lanes = Vector512.FusedMultiplyAdd(difference, difference, lanes);
        }
        var sum = Sum(lanes);
        for (; i < x.Length; i++)
        {
            var difference = (double)x[i] - y[i];
            sum = Math.FusedMultiplyAdd(difference, difference, sum);
        }
        return sum;
    }

    private static Vector512<double> Widen(ReadOnlySpan<float> eight)
    {
        var (low, high) = Vector256.Widen(Vector256.Create(eight));
        return Vector512.Create(low, high);
    }

    // Not Vector512.Sum: its order is the processor's choice.
    private static double Sum(Vector512<double> lanes)
    {
        var sum = 0.0;
        for (var lane = 0; lane < 8; lane++) sum += lanes[lane];
        return sum;
    }
}
