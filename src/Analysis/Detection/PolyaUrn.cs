namespace DriftWatch.Analysis.Detection;

/// <summary>Exceedances of an order statistic, drawn one after another: the exact null of a tail count, whatever the score's distribution.</summary>
/// <remarks>
/// If k of N exchangeable sequences lie above a threshold that was set at their (k+1)-th largest score, the next sequence does with probability (k+1)/(N+1), and n more of them with the
/// beta-binomial law BetaBin(n, a, b), a = k+1, b = N−k: a Pólya urn that takes every window's sequences in (Pólya 1930; Vovk, Gammerman and Shafer, Algorithmic Learning in a Random
/// World, 2nd ed. 2022, on conformal ranks). Ties only make exceedances rarer than that. No bootstrap, no normal approximation, no independence of features.
/// </remarks>
public static class PolyaUrn
{
    private static readonly double HalfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    /// <summary>ln of the e-value of x exceedances among n: their probability when <paramref name="more"/> of the sequences exceed on top, over that under the urn.</summary>
    /// <remarks>Expectation 1 under the urn, so it is a fair bet against it. The alternative is the urn's law with the same weight and its mean moved.</remarks>
    public static double LogEValue(double a, double b, long n, long x, double more)
    {
        var moved = Moved(a, b, more);
        return LogRise(a + moved, x) - LogRise(a, x) + LogRise(b - moved, n - x) - LogRise(b, n - x);
    }

    /// <summary>Never more than half of what does not exceed yet.</summary>
    private static double Moved(double a, double b, double more) => Math.Min(more * (a + b), b / 2);

    /// <summary>ln a(a+1)…(a+x−1) = ln Γ(a+x) − ln Γ(a).</summary>
    public static double LogRise(double a, long x)
    {
        if (x == 0) return 0;
        if (x > 8) return LogGamma(a + x) - LogGamma(a);
        var product = a;
        for (var i = 1; i < x; i++) product *= a + i;
        return Math.Log(product);
    }

    /// <summary>Stirling's series from 12 on, the recurrence below: a fifth of the time of the library's, and the inner loop of every feature of every window.</summary>
    private static double LogGamma(double z)
    {
        var product = 1.0;
        for (; z < 12; z++) product *= z;
        var r = 1 / z;
        var r2 = r * r;
        var series = r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 / 1680)));
        return (z - 0.5) * Math.Log(z) - z + HalfLogTwoPi + series - (product == 1 ? 0 : Math.Log(product));
    }
}
