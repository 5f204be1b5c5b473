using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Sums of paired rows x [P] and y [Q], to all their second moments; sums of other sequences can be added or taken away.</summary>
internal sealed class PairMoments(int p, int q)
{
    private readonly double[] sumP = new double[p];
    private readonly double[] sumQ = new double[q];
    private readonly Matrix<double> xxPP = new(p, p);
    private readonly Matrix<double> yyQQ = new(q, q);
    private readonly Matrix<double> xyPQ = new(p, q);
    private double count;

    public int P => p;
    public int Q => q;

    public void Add(ReadOnlySpan<float> rowsNP, ReadOnlySpan<float> rowsNQ, Products<double> products)
    {
        var rows = rowsNP.Length / p;
        var (x, y) = (Widened(rowsNP, rows, p), Widened(rowsNQ, rows, q));
        count += rows;
        for (var row = 0; row < rows; row++)
        {
            Doubles.AddScaled(sumP, x.Row(row), 1);
            Doubles.AddScaled(sumQ, y.Row(row), 1);
        }
        products.Add(xxPP.View(), 1, x.Transposed(), x.View());
        products.Add(yyQQ.View(), 1, y.Transposed(), y.View());
        products.Add(xyPQ.View(), 1, x.Transposed(), y.View());
    }

    public void Add(PairMoments other, int sign = 1)
    {
        count += sign * other.count;
        Doubles.AddScaled(sumP, other.sumP, sign);
        Doubles.AddScaled(sumQ, other.sumQ, sign);
        Doubles.AddScaled(xxPP.Values, other.xxPP.Values, sign);
        Doubles.AddScaled(yyQQ.Values, other.yyQQ.Values, sign);
        Doubles.AddScaled(xyPQ.Values, other.xyPQ.Values, sign);
    }

    /// <summary>Σ (x − x̄)(x − x̄)ᵀ, Σ (y − ȳ)(y − ȳ)ᵀ and Σ (x − x̄)(y − ȳ)ᵀ.</summary>
    public (Matrix<double> PP, Matrix<double> QQ, Matrix<double> PQ) Centred() => (Centred(xxPP, sumP, sumP), Centred(yyQQ, sumQ, sumQ), Centred(xyPQ, sumP, sumQ));

    private Matrix<double> Centred(Matrix<double> moments, double[] left, double[] right)
    {
        var centred = moments.Copy();
        for (var i = 0; i < left.Length && count > 0; i++) Doubles.AddScaled(centred.Row(i), right, -left[i] / count);
        return centred;
    }

    private static Matrix<double> Widened(ReadOnlySpan<float> rowsND, int rows, int width)
    {
        var wide = new Matrix<double>(rows, width);
        var values = wide.Values;
        for (var i = 0; i < values.Length; i++) values[i] = rowsND[i];
        return wide;
    }
}
