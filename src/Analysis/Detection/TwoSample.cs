using System.Numerics.Tensors;
using MathNet.Numerics;

namespace DriftWatch.Analysis.Detection;

/// <summary>Are two samples from one distribution? The usual statistics, for comparing with and for checks. Reference numbers: tests/Analysis.Tests/Golden/two_sample.py (SciPy, NumPy).</summary>
/// <remarks>All of them take observations to be independent: give them one number a sequence, not one a token.</remarks>
public static class TwoSample
{
    // Above this n the distribution of D is taken from its expansion; below, the exact matrix power is small.
    private const int ExactMaximum = 140;

    /// <summary>Kolmogorov and Smirnov: D = sup |F_a(x) − F_b(x)| over the empirical distribution functions. O(n + m).</summary>
    /// <param name="a">Ascending, not empty.</param>
    /// <param name="b">Ascending, not empty.</param>
    public static double KolmogorovSmirnov(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var (i, j, most) = (0, 0, 0.0);
        while (i < a.Length && j < b.Length)
        {
            var x = Math.Min(a[i], b[j]);
            while (i < a.Length && a[i] <= x) i++;
            while (j < b.Length && b[j] <= x) j++;
            most = Math.Max(most, Math.Abs((double)i / a.Length - (double)j / b.Length));
        }
        return most;
    }

    /// <summary>Two-sided p-value of D for samples of n and m, for large ones: the distribution of the one-sample statistic at round(n m / (n + m)).</summary>
    /// <remarks>
    /// As scipy.stats.ks_2samp(method="asymp"). The one-sample distribution is exact up to n = 140 and for small D (Marsaglia, Tsang and Wang, 2003), else Pelz and
    /// Good's expansion (1976) in the middle, and twice the one-sided tail (Smirnov's sum; Miller, 1956) where both sides at once are negligible. Ties make the test conservative.
    /// </remarks>
    public static double KolmogorovSmirnovP(double d, long n, long m)
    {
        if (d <= 0) return 1;
        if (d >= 1) return 0;
        var size = Math.Max(1, (long)Math.Round((double)n * m / (n + m)));
        var reach = size * d * d;
        if (d >= 0.5 || reach >= 4 || size > ExactMaximum && reach >= 2.2) return Math.Min(1, 2 * OneSidedTail(d, size));
        var exact = size <= ExactMaximum || size <= 100_000 && size * Math.Pow(d, 1.5) <= 1.4;
        return Math.Clamp(1 - (exact ? MarsagliaTsangWang(d, (int)size) : PelzGood(d, size)), 0, 1);
    }

    /// <summary>No larger than <see cref="KolmogorovSmirnovP"/> and mostly not much smaller, in a hundredth of the time; 0 where that is below 1e-12. For samples of 30 and more.</summary>
    /// <remarks>
    /// Smirnov's one-sided tail, exp(−(6 N D + 1)²/18N) with N = n m / (n + m) (Maag and Dicaire, 1971), and the next term of its exponent, 4/9 N D⁴. Down to 1e-12
    /// the p-value was compared with SciPy's: from N = 50 on it is 1.7 to 2.1 times that tail where the tail is a half or less, and from N = 15 on a seventh of it at least.
    /// </remarks>
    public static double KolmogorovSmirnovLeastP(double d, long n, long m)
    {
        var size = Math.Round((double)n * m / (n + m));
        var tail = Math.Exp(-(6 * size * d + 1) * (6 * size * d + 1) / (18 * size) - 4.0 / 9 * size * d * d * d * d);
        var least = tail * (size < 50 || tail > 0.5 ? 0.125 : 1.6);
        return least < 1e-12 ? 0 : least;
    }

    /// <summary>Two-sided p-value of D for small samples without ties, exact: the share of orders of n + m observations whose D is as large. O(n m).</summary>
    /// <remarks>
    /// Drawn one by one without replacement, the observations walk from (0, 0) to (n, m); D is the largest |i/n − j/m| on the way. The chance of a first step out to D
    /// is added up, so that small p-values keep their digits. Hodges (1957); as scipy.stats.ks_2samp(method="exact").
    /// </remarks>
    public static double KolmogorovSmirnovExactP(double d, int n, int m)
    {
        var reach = (long)Math.Round(d * n * m);
        if (reach <= 0) return 1;
        var inside = new double[m + 1];
        var outside = 0.0;
        for (var i = 0; i <= n; i++)
            for (var j = 0; j <= m; j++)
            {
                var left = n - i + m - j;
                var arriving = i == 0 && j == 0 ? 1.0 : 0;
                if (i > 0) arriving += inside[j] * (n - i + 1) / (left + 1);
                if (j > 0) arriving += inside[j - 1] * (m - j + 1) / (left + 1);
                var isOut = Math.Abs((long)i * m - (long)j * n) >= reach;
                if (isOut) outside += arriving;
                inside[j] = isOut ? 0 : arriving;
            }
        return Math.Min(1, outside);
    }

    /// <summary>Wasserstein-1 (earth mover's) distance: ∫ |F_a(x) − F_b(x)| dx. As scipy.stats.wasserstein_distance.</summary>
    /// <param name="valuesA">Ascending, with their weights; histograms give their bins' values. Weights count relative to their sum.</param>
    /// <param name="valuesB">As <paramref name="valuesA"/>.</param>
    public static double Wasserstein(ReadOnlySpan<double> valuesA, ReadOnlySpan<double> weightsA, ReadOnlySpan<double> valuesB, ReadOnlySpan<double> weightsB)
    {
        var (totalA, totalB) = (Sum(weightsA), Sum(weightsB));
        var (i, j, seenA, seenB, distance) = (0, 0, 0.0, 0.0, 0.0);
        var x = Math.Min(valuesA[0], valuesB[0]);
        while (true)
        {
            while (i < valuesA.Length && valuesA[i] <= x) seenA += weightsA[i++];
            while (j < valuesB.Length && valuesB[j] <= x) seenB += weightsB[j++];
            if (i == valuesA.Length && j == valuesB.Length) return distance;
            var next = Math.Min(i < valuesA.Length ? valuesA[i] : double.PositiveInfinity, j < valuesB.Length ? valuesB[j] : double.PositiveInfinity);
            distance += (next - x) * Math.Abs(seenA / totalA - seenB / totalB);
            x = next;
        }
    }

    /// <summary>Maximum mean discrepancy, squared, unbiased: mean k(x, x') + mean k(y, y') − 2 mean k(x, y) over pairs of different rows; k = exp(−γ‖x − y‖²). O((n + m)² D).</summary>
    /// <remarks>Gretton et al. (2012), lemma 6. Its mean is 0 where both distributions are the same, so it can be negative.</remarks>
    /// <param name="rowsND">Row-major, two rows at least.</param>
    /// <param name="rowsMD">Row-major, two rows at least.</param>
    public static double MeanDiscrepancy(ReadOnlySpan<double> rowsND, ReadOnlySpan<double> rowsMD, int width, double gamma)
    {
        var (n, m) = (rowsND.Length / width, rowsMD.Length / width);
        var (withinN, withinM, between) = (0.0, 0.0, 0.0);
        for (var i = 0; i < n; i++)
        {
            var rowD = rowsND.Slice(i * width, width);
            for (var j = 0; j < i; j++) withinN += Kernel(rowD, rowsND.Slice(j * width, width), gamma);
            for (var j = 0; j < m; j++) between += Kernel(rowD, rowsMD.Slice(j * width, width), gamma);
        }
        for (var i = 0; i < m; i++)
            for (var j = 0; j < i; j++) withinM += Kernel(rowsMD.Slice(i * width, width), rowsMD.Slice(j * width, width), gamma);
        return 2 * withinN / n / (n - 1) + 2 * withinM / m / (m - 1) - 2 * between / n / m;
    }

    /// <summary>Where to cut into <paramref name="bins"/> bins of equal shares: the bins − 1 inner quantiles (linear between order statistics, as numpy.quantile), each once.</summary>
    /// <param name="sorted">Ascending, not empty.</param>
    public static double[] QuantileEdges(ReadOnlySpan<double> sorted, int bins)
    {
        var edges = new List<double>(bins);
        for (var k = 1; k < bins; k++)
        {
            var at = (double)k / bins * (sorted.Length - 1);
            var low = (int)at;
            var edge = sorted[low] + (at - low) * (sorted[Math.Min(low + 1, sorted.Length - 1)] - sorted[low]);
            if (edges.Count == 0 || edge > edges[^1]) edges.Add(edge);
        }
        return [.. edges];
    }

    /// <summary>Population stability index: Σ (q − p) ln(q/p) over bins, p and q their shares before and now. A bin with a share below <paramref name="floor"/> counts as that.</summary>
    /// <remarks>Siddiqi, Credit Risk Scorecards (2006): above 0.1 look, above 0.2 or 0.25 act. It knows no sample size: small samples and many bins raise it by themselves.</remarks>
    public static double StabilityIndex(ReadOnlySpan<double> countsBefore, ReadOnlySpan<double> countsNow, double floor = 1e-4)
    {
        var (before, now) = (Sum(countsBefore), Sum(countsNow));
        var index = 0.0;
        for (var i = 0; i < countsBefore.Length; i++)
        {
            var (p, q) = (Math.Max(floor, countsBefore[i] / before), Math.Max(floor, countsNow[i] / now));
            index += (q - p) * Math.Log(q / p);
        }
        return index;
    }

    /// <summary>z of the plain two-proportion test: (y₁/n₁ − y₀/n₀) / √(R(1 − R)(1/n₁ + 1/n₀)), R pooled. For trials that are independent, which tokens are not.</summary>
    public static double ProportionZ(double y1, double n1, double y0, double n0)
    {
        var pooled = (y1 + y0) / (n1 + n0);
        var variance = pooled * (1 - pooled) * (1 / n1 + 1 / n0);
        return variance > 0 ? (y1 / n1 - y0 / n0) / Math.Sqrt(variance) : 0;
    }

    /// <summary>Two-sided p-value of <see cref="ProportionZ"/>.</summary>
    public static double ProportionP(double y1, double n1, double y0, double n0) => Statistics.NormalP(ProportionZ(y1, n1, y0, n0));

    private static double Sum(ReadOnlySpan<double> values)
    {
        var sum = 0.0;
        foreach (var value in values) sum += value;
        return sum;
    }

    private static double Kernel(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double gamma)
    {
        var square = 0.0;
        for (var i = 0; i < x.Length; i++) square += (x[i] - y[i]) * (x[i] - y[i]);
        return Math.Exp(-gamma * square);
    }

    /// <summary>P(D⁺ ≥ d) = d Σ_{j ≤ n(1 − d)} C(n, j) (d + j/n)^{j − 1} (1 − d − j/n)^{n − j}: Smirnov's exact sum of positive terms.</summary>
    private static double OneSidedTail(double d, long n)
    {
        var sum = 0.0;
        for (var j = 0L; j <= (long)Math.Floor(n * (1 - d)); j++)
        {
            var rest = 1 - d - (double)j / n;
            if (rest <= 0) break;
            sum += Math.Exp(CountModels.LogChoose(n, j) + (j - 1) * Math.Log(d + (double)j / n) + (n - j) * Math.Log(rest));
        }
        return d * sum;
    }

    /// <summary>P(D &lt; d), exact: the middle of the n-th power of a (2k − 1)² matrix, k = ⌊n d⌋ + 1.</summary>
    private static double MarsagliaTsangWang(double d, int n)
    {
        var k = (int)(n * d) + 1;
        var size = 2 * k - 1;
        var h = k - n * d;
        var matrix = new double[size * size];
        for (var i = 0; i < size; i++)
            for (var j = 0; j <= Math.Min(size - 1, i + 1); j++) matrix[i * size + j] = 1;
        for (var i = 0; i < size; i++)
        {
            matrix[i * size] -= Math.Pow(h, i + 1);
            matrix[(size - 1) * size + i] -= Math.Pow(h, size - i);
        }
        matrix[(size - 1) * size] += 2 * h - 1 > 0 ? Math.Pow(2 * h - 1, size) : 0;
        for (var i = 0; i < size; i++)
            for (var j = 0; j <= Math.Min(size - 1, i); j++) matrix[i * size + j] /= SpecialFunctions.Factorial(i - j + 1);

        var (power, exponent) = Power(matrix, size, n);
        var middle = power[(k - 1) * size + k - 1];
        for (var i = 1; i <= n; i++)
        {
            middle = middle * i / n;
            if (middle >= 1e-140) continue;
            middle *= 1e140;
            exponent -= 140;
        }
        return middle * Math.Pow(10, exponent);
    }

    /// <summary>matrixⁿ = result · 10^exponent.</summary>
    private static (double[] Result, int Exponent) Power(double[] matrix, int size, int n)
    {
        if (n == 1) return (matrix, 0);
        var (half, exponent) = Power(matrix, size, n / 2);
        exponent *= 2;
        var result = Product(half, half, size);
        if (n % 2 == 1) result = Product(matrix, result, size);
        if (result[size / 2 * size + size / 2] <= 1e140) return (result, exponent);
        for (var i = 0; i < result.Length; i++) result[i] *= 1e-140;
        return (result, exponent + 140);
    }

    private static double[] Product(double[] a, double[] b, int size)
    {
        var product = new double[size * size];
        for (var i = 0; i < size; i++)
            for (var k = 0; k < size; k++)
            {
                var factor = a[i * size + k];
                if (factor == 0) continue;
                // Not fused: with the bits of a plain loop.
                var sums = product.AsSpan(i * size, size);
                TensorPrimitives.MultiplyAdd(b.AsSpan(k * size, size), factor, sums, sums);
            }
        return product;
    }

    /// <summary>P(D &lt; d) ≈ K₀(z) + K₁(z)/√n + K₂(z)/n + K₃(z)/n^{3/2}, z = d√n, in the form for small z.</summary>
    private static double PelzGood(double d, long n)
    {
        var z = Math.Sqrt(n) * d;
        double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, z8 = z4 * z4;
        const double pi2 = Math.PI * Math.PI, pi4 = pi2 * pi2, pi6 = pi4 * pi2;
        if (pi2 / 8 / z2 > 700) return 0;
        var (k0, k1, k2, k3) = (0.0, 0.0, 0.0, 0.0);
        var (extra2, extra3) = (0.0, 0.0);
        for (var k = (int)Math.Ceiling(16 * z / Math.PI); k > 0; k--)
        {
            double odd2 = (2.0 * k - 1) * (2 * k - 1), odd4 = odd2 * odd2, odd6 = odd4 * odd2;
            var weight = Math.Exp(-odd2 * pi2 / 8 / z2);
            k0 += weight;
            k1 += weight * (pi2 / 4 * odd2 - z2);
            k2 += weight * (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * pi2 / 4 * odd2 + pi4 * (1 - 2 * z2) / 16 * odd4);
            k3 += weight * (-30 * z6 - 90 * z8 + pi2 * (135 * z4 - 96 * z6) / 4 * odd2 + pi4 * (212 * z4 - 60 * z2) / 16 * odd4 + pi6 * (5 - 30 * z2) / 64 * odd6);
            var square = (double)k * k;
            var even = Math.Exp(-square * pi2 / 2 / z2);
            extra2 += square * even;
            extra3 += (3 * z2 - pi2 * square) * square * even;
        }
        var root = Math.Sqrt(2 * Math.PI);
        k0 *= root / z;
        k1 *= root / (6 * z4);
        k2 = k2 * root / (72 * z6 * z) - pi2 * root / (36 * z2 * z) * extra2;
        k3 = k3 * root / (6480 * z8 * z2) + pi2 * root / (216 * z6) * extra3;
        return k0 + k1 / Math.Sqrt(n) + k2 / n + k3 / (n * Math.Sqrt(n));
    }
}
