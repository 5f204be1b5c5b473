namespace DriftWatch.Analysis.Windows;

/// <summary>A sequence in a few numbers, whatever the dictionary's size: what novelty, contrast and the covariance control look at.</summary>
/// <remarks>
/// y = (lg FVU, lg norm, lg L0, lg spread, z₁ … z₁₆), with z a random projection of the sequence's mean activation, in units of its own root mean square norm
/// (Johnson and Lindenstrauss: distances survive; the signs are a hash of row and column, the same in every process). lg is linear between powers of two:
/// monotone, and the same on every machine, which a library's logarithm is not.
/// </remarks>
public static class SequenceProfile
{
    public const int Scalars = 4;
    public const int Sketch = 16;
    public const int Length = Scalars + Sketch;
    public const int Products = Length * (Length + 1) / 2;

    private const double Smallest = 1e-6;

    /// <param name="sumD">Σx over the sequence's rows.</param>
    /// <param name="norm">Root mean square of its rows' norms.</param>
    public static void Write(double fvu, double norm, double l0, double spread, ReadOnlySpan<double> sumD, int rows, SketchSigns signs, Span<float> profile)
    {
        profile[0] = (float)Lg(fvu);
        profile[1] = (float)Lg(norm);
        profile[2] = (float)Lg(l0);
        profile[3] = (float)Lg(spread);
        var scale = norm > 0 ? 1 / (norm * rows) : 0;
        for (var k = 0; k < Sketch; k++) profile[Scalars + k] = (float)(signs.Dot(k, sumD) * scale);
    }

    private static double Lg(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(Math.Max(value, Smallest));
        var mantissa = BitConverter.Int64BitsToDouble((bits & 0xF_FFFF_FFFF_FFFFL) | 0x3FF0_0000_0000_0000L);
        return (bits >> 52) - 1023 + mantissa - 1;
    }
}

/// <summary>The projection's signs for one activation width.</summary>
public sealed class SketchSigns
{
    private readonly int width;
    private readonly double[] signKD;

    public SketchSigns(int width)
    {
        this.width = width;
        signKD = new double[SequenceProfile.Sketch * width];
        for (var i = 0; i < signKD.Length; i++) signKD[i] = (SplitMix64.Mix(((ulong)i + 1) * SplitMix64.Step) & 1) == 0 ? 1 : -1;
    }

    public double Dot(int k, ReadOnlySpan<double> x)
    {
        var signs = signKD.AsSpan(k * width, width);
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++) sum += signs[i] * x[i];
        return sum;
    }
}
