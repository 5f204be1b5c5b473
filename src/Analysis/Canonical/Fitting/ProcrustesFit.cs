using DriftWatch.Analysis.Activations;
using MathNet.Numerics.LinearAlgebra.Double;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>The rotation (with reflection) that brings centred source rows closest to the target's: Q = UVᵀ of X̃ᵀỸ = UΣVᵀ (Schönemann 1966), and the best factor s beside it.</summary>
/// <remarks>Unequal widths: Q [S, T] is semi-orthogonal, of the rows or columns that the narrower side has. s = tr(QᵀX̃ᵀỸ) / ‖X̃Q‖², 1 without scale.</remarks>
internal static class ProcrustesFit
{
    // Below, a direction's sign and partner are rounding.
    private const double SingularShareMinimum = 1e-10;

    public static (Matrix<double> A, double Scale) Solve(CentredMoments moments, bool scale, Products<double> products)
    {
        var (source, target) = (moments.CrossST.Rows, moments.CrossST.Columns);
        var rank = Math.Min(source, target);
        var svd = DenseMatrix.Build.DenseOfRowMajor(source, target, moments.CrossST.Values.ToArray()).Svd();
        var deficient = svd.S.Count(sigma => !(sigma > SingularShareMinimum * svd.S[0]));
        if (deficient > 0)
            throw new MalformedException(FittingData.Reason, $"Source and target vary together in {rank - deficient} directions; an orthogonal map between widths {source} and {target} needs {rank}. The source or the target is rank-deficient: use rows that vary in every direction, or --kind low-rank.");
        var q = svd.U.SubMatrix(0, source, 0, rank) * svd.VT.SubMatrix(0, rank, 0, target);
        var aST = new Matrix<double>(source, target);
        for (var s = 0; s < source; s++)
            for (var t = 0; t < target; t++) aST[s, t] = q[s, t];
        if (!scale) return (aST, 1);
        var mappedST = new Matrix<double>(source, target);
        products.Add(mappedST.View(), 1, moments.SourceSS.View(), aST.View());
        var (common, energy) = (0.0, 0.0);
        for (var i = 0; i < aST.Values.Length; i++) (common, energy) = (common + aST.Values[i] * moments.CrossST.Values[i], energy + aST.Values[i] * mappedST.Values[i]);
        var factor = common / energy;
        foreach (ref var value in aST.Values) value *= factor;
        return (aST, factor);
    }
}
