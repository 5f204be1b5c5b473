using MathNet.Numerics;

namespace DriftWatch.Analysis.Detection;

/// <summary>Natural logarithms of the chances of counts. Reference numbers: tests/Analysis.Tests/Golden/two_sample.py (SciPy).</summary>
public static class CountModels
{
    /// <summary>ln C(n, k), 0 ≤ k ≤ n.</summary>
    public static double LogChoose(double n, double k) => LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k);

    /// <summary>Poisson: k ln μ − μ − ln k!. At μ = 0 only k = 0 can be.</summary>
    public static double LogPoisson(long k, double mean) =>
        k < 0 ? double.NegativeInfinity : TimesLog(k, mean) - mean - LogFactorial(k);

    /// <summary>Binomial: ln C(n, k) + k ln p + (n − k) ln(1 − p).</summary>
    public static double LogBinomial(long k, long n, double p) =>
        k < 0 || k > n ? double.NegativeInfinity : LogChoose(n, k) + TimesLog(k, p) + (k == n ? 0 : (n - k) * SpecialFunctions.Log1p(-p));

    /// <summary>Beta-binomial: ln C(n, k) + ln B(k + α, n − k + β) − ln B(α, β). A binomial whose p differs from sequence to sequence as a Beta(α, β) does: tokens of a prompt move together.</summary>
    public static double LogBetaBinomial(long k, long n, double alpha, double beta) =>
        k < 0 || k > n ? double.NegativeInfinity : LogChoose(n, k) + SpecialFunctions.BetaLn(k + alpha, n - k + beta) - SpecialFunctions.BetaLn(alpha, beta);

    // The approximation misses 0 by a rounding error.
    private static double LogFactorial(double n) => n < 2 ? 0 : SpecialFunctions.GammaLn(n + 1);

    /// <summary>k ln x with 0 ln 0 = 0.</summary>
    private static double TimesLog(long k, double x) => k == 0 ? 0 : k * Math.Log(x);
}
