using DriftWatch.Analysis.Windows;
using MathNet.Numerics;
using MathNet.Numerics.Distributions;

namespace DriftWatch.Analysis.Detection;

/// <summary>Tests that the detectors share. Reference numbers: tests/Analysis.Tests/Golden/statistics.py (SciPy).</summary>
public static class Statistics
{
    /// <summary>Smaller p-values count as this: a score is their logarithm, and 0 has none.</summary>
    public const double SmallestP = 1e-300;

    /// <summary>z of two ratios Σy/Σn whose sequences are independent and whose rows are not: (R₁ − R₀) / √(V₀ + V₁).</summary>
    /// <remarks>
    /// Vᵢ = Sᵢ/(Sᵢ − 1) · Σ(y − R n)² / (Σn)² over the sequences of side i, with R pooled over both sides (a score test: a side in which
    /// a rare feature happens not to fire would otherwise have no variance at all). The linearised variance of a ratio of cluster
    /// totals, Cochran, Sampling Techniques, 3rd ed., §6.4 and §11.
    /// </remarks>
    public static double ClusteredZ(in ClusteredRatio window, in ClusteredRatio baseline)
    {
        if (window.N <= 0 || baseline.N <= 0) return 0;
        var pooled = (window.Y + baseline.Y) / (window.N + baseline.N);
        var variance = window.VarianceAt(pooled) + baseline.VarianceAt(pooled);
        return variance > 0 ? (window.Ratio - baseline.Ratio) / Math.Sqrt(variance) : 0;
    }

    /// <summary>Two-sided p-value of a standard normal: erfc(|z|/√2).</summary>
    public static double NormalP(double z) => SpecialFunctions.Erfc(Math.Abs(z) / Math.Sqrt(2));

    /// <summary>Two-sided p-value of Student's t: I(ν/(ν + t²); ν/2, ½).</summary>
    public static double StudentP(double t, double freedom) => SpecialFunctions.BetaRegularized(freedom / 2, 0.5, freedom / (freedom + t * t));

    /// <summary>95 % interval of the factor between two ratios: log-normal, its variance the sum of both sides' V/R² (delta method), clustered by sequence.</summary>
    /// <returns>Null where a side is 0: no logarithm, no interval.</returns>
    public static (double Low, double High)? RatioInterval(in ClusteredRatio window, in ClusteredRatio baseline)
    {
        if (window.Ratio <= 0 || baseline.Ratio <= 0) return null;
        var error = Math.Sqrt(window.VarianceAt(window.Ratio) / (window.Ratio * window.Ratio) + baseline.VarianceAt(baseline.Ratio) / (baseline.Ratio * baseline.Ratio));
        var ratio = window.Ratio / baseline.Ratio;
        return (ratio * Math.Exp(-1.959963984540054 * error), ratio * Math.Exp(1.959963984540054 * error));
    }

    /// <summary>Chance that none of <paramref name="marked"/> sequences, drawn without replacement from <paramref name="total"/>, is among <paramref name="chosen"/> given ones.</summary>
    /// <remarks>
    /// Hypergeometric: C(total − chosen, marked) / C(total, marked). Exact when the sequences of both sides are exchangeable, however rows depend within one.
    /// </remarks>
    public static double NoneChosenP(long total, long chosen, long marked)
    {
        if (marked > total - chosen) return 0;
        return Math.Exp(LogBinomial(total - chosen, marked) - LogBinomial(total, marked));
    }

    /// <summary>Chance of <paramref name="hits"/> or more of <paramref name="trials"/> when <paramref name="otherHits"/> of <paramref name="otherTrials"/> on the other side have the same chance: Fisher's exact test, one-sided.</summary>
    public static double FisherP(long hits, long trials, long otherHits, long otherTrials)
    {
        var (marked, total) = (hits + otherHits, trials + otherTrials);
        var all = LogBinomial(total, trials);
        var p = 0.0;
        for (var more = hits; more <= Math.Min(marked, trials); more++) p += Math.Exp(LogBinomial(marked, more) + LogBinomial(total - marked, trials - more) - all);
        return Math.Min(1, p);
    }

    /// <summary>Interval for a share of which <paramref name="hits"/> of <paramref name="trials"/> were seen: exact, never too narrow (Clopper and Pearson 1934).</summary>
    /// <remarks>Quantiles of Beta(k, n − k + 1) and Beta(k + 1, n − k). Independent trials.</remarks>
    public static (double Low, double High) ClopperPearson(long hits, long trials, double confidence)
    {
        var tail = (1 - confidence) / 2;
        return (hits == 0 ? 0 : Beta.InvCDF(hits, trials - hits + 1, tail), hits == trials ? 1 : Beta.InvCDF(hits + 1, trials - hits, 1 - tail));
    }

    private static double LogBinomial(long n, long k) => SpecialFunctions.GammaLn(n + 1) - SpecialFunctions.GammaLn(k + 1) - SpecialFunctions.GammaLn(n - k + 1);

    /// <summary>Benjamini and Hochberg (1995): the largest p-value to reject so that the expected share of false rejections stays at most <paramref name="rate"/>; 0 if none.</summary>
    /// <param name="pValues">Of all tests made, the insignificant ones too.</param>
    public static double BenjaminiHochberg(IReadOnlyCollection<double> pValues, double rate) => BenjaminiHochberg(pValues, pValues.Count, rate);

    /// <param name="pValues">Of those tests at least whose p-value is no larger than the rate: only they can be rejected, and most are larger.</param>
    /// <param name="tests">Of all tests made.</param>
    public static double BenjaminiHochberg(IEnumerable<double> pValues, int tests, double rate)
    {
        var sorted = pValues.Where(p => p <= rate).Order().ToArray();
        for (var i = sorted.Length - 1; i >= 0; i--)
            if (sorted[i] <= rate * (i + 1) / tests) return sorted[i];
        return 0;
    }
}

/// <summary>One side of a comparison: sums over its S sequences of (y, n).</summary>
public readonly record struct ClusteredRatio(long Sequences, double Y, double N, double YY, double YN, double NN)
{
    public double Ratio => N > 0 ? Y / N : 0;

    public static ClusteredRatio Of(in Firing firing, WindowSummary summary) =>
        new(summary.Sequences, firing.Rows, summary.Rows, firing.RowsSquared, firing.RowsByLength, summary.LengthSquared);

    /// <summary>A set counted within a sequence: each sequence is one trial.</summary>
    public static ClusteredRatio OfSequences(in Firing firing, WindowSummary summary) =>
        new(summary.Sequences, firing.Rows, summary.Sequences, firing.RowsSquared, firing.RowsByLength, summary.Sequences);

    public static ClusteredRatio Of(in RatioSums sums, long sequences) => new(sequences, sums.Y.Value, sums.N.Value, sums.YY.Value, sums.YN.Value, sums.NN.Value);

    /// <summary>S/(S − 1) · Σ(y − R n)² / (Σn)².</summary>
    public double VarianceAt(double ratio) =>
        Sequences < 2 ? 0 : Math.Max(0, YY - 2 * ratio * YN + ratio * ratio * NN) / (N * N) * Sequences / (Sequences - 1);
}
