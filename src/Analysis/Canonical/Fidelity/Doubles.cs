using System.Numerics;
using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Sums of products of vectors of doubles.</summary>
internal static class Doubles
{
    /// <summary>sum += factor · x.</summary>
    public static void AddScaled(Span<double> sum, ReadOnlySpan<double> x, double factor)
    {
        var i = 0;
        var wide = new Vector<double>(factor);
        for (; i + Vector<double>.Count <= sum.Length; i += Vector<double>.Count)
            Vector.FusedMultiplyAdd(new Vector<double>(x[i..]), wide, new Vector<double>(sum[i..])).CopyTo(sum[i..]);
        for (; i < sum.Length; i++) sum[i] = Math.FusedMultiplyAdd(x[i], factor, sum[i]);
    }

    /// <remarks>In eight lanes on every processor, added up from the first to the last.</remarks>
    public static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        var lanes = Vector512<double>.Zero;
        var i = 0;
        for (; i + 8 <= x.Length; i += 8)
            lanes = Vector512.FusedMultiplyAdd(Vector512.Create(x.Slice(i, 8)), Vector512.Create(y.Slice(i, 8)), lanes);
        var sum = 0.0;
        for (var lane = 0; lane < 8; lane++) sum += lanes[lane];
        for (; i < x.Length; i++) sum = Math.FusedMultiplyAdd(x[i], y[i], sum);
        return sum;
    }
}
