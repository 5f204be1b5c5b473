namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Sums of paired rows x [P] and y [Q], to their second moments; sums of other sequences can be added with a weight.</summary>
public sealed class PairMoments(int p, int q)
{
    // Rows of one pass over a moment: read from the cache so many times for each time it comes from memory.
    private const int RowsAtOnce = 8;

    private readonly double[] sumP = new double[p];
    private readonly double[] sumQ = new double[q];
    private readonly double[] xxPP = new double[p * p];
    private readonly double[] yyQQ = new double[q * q];
    private readonly double[] xyPQ = new double[p * q];
    private double count;

    public int P => p;
    public int Q => q;

    /// <summary>Rows, each counted once.</summary>
    public void Add(ReadOnlySpan<float> rowsNP, ReadOnlySpan<float> rowsNQ)
    {
        var rows = rowsNP.Length / p;
        var (x, y) = (Widened(rowsNP), Widened(rowsNQ));
        count += rows;
        for (var row = 0; row < rows; row++)
        {
            Doubles.AddScaled(sumP, x.AsSpan(row * p, p), 1);
            Doubles.AddScaled(sumQ, y.AsSpan(row * q, q), 1);
        }
        for (var first = 0; first < rows; first += RowsAtOnce)
        {
            var last = Math.Min(rows, first + RowsAtOnce);
            AddProducts(xxPP, x, p, x, p, first, last);
            AddProducts(xyPQ, x, p, y, q, first, last);
            AddProducts(yyQQ, y, q, y, q, first, last);
        }
    }

    public void Add(PairMoments other, double weight)
    {
        count += weight * other.count;
        Doubles.AddScaled(sumP, other.sumP, weight);
        Doubles.AddScaled(sumQ, other.sumQ, weight);
        Doubles.AddScaled(xxPP, other.xxPP, weight);
        Doubles.AddScaled(yyQQ, other.yyQQ, weight);
        Doubles.AddScaled(xyPQ, other.xyPQ, weight);
    }

    /// <summary>Σ (x − x̄)(x − x̄)ᵀ, Σ (y − ȳ)(y − ȳ)ᵀ and Σ (x − x̄)(y − ȳ)ᵀ, row-major.</summary>
    public (double[] PP, double[] QQ, double[] PQ) Centred() => (Centred(xxPP, sumP, sumP), Centred(yyQQ, sumQ, sumQ), Centred(xyPQ, sumP, sumQ));

    private double[] Centred(double[] moments, double[] left, double[] right)
    {
        var centred = (double[])moments.Clone();
        if (count == 0) return centred;
        for (var i = 0; i < left.Length; i++) Doubles.AddScaled(centred.AsSpan(i * right.Length, right.Length), right, -left[i] / count);
        return centred;
    }

    private static void AddProducts(double[] momentsPQ, double[] xNP, int p, double[] yNQ, int q, int first, int last)
    {
        for (var i = 0; i < p; i++)
            for (var row = first; row < last; row++)
                Doubles.AddScaled(momentsPQ.AsSpan(i * q, q), yNQ.AsSpan(row * q, q), xNP[row * p + i]);
    }

    private static double[] Widened(ReadOnlySpan<float> values)
    {
        var wide = new double[values.Length];
        for (var i = 0; i < values.Length; i++) wide[i] = values[i];
        return wide;
    }
}
