using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Linear centred kernel alignment, ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖) with centred columns and Frobenius norms (Kornblith et al. 2019): 1 for the same rows up to rotation, shift and scale.</summary>
internal static class LinearCka
{
    /// <returns>0 to 1; 0 where a side does not vary.</returns>
    public static double Of(PairMoments moments)
    {
        var (xx, yy, xy) = moments.Centred();
        var scale = Math.Sqrt(Squares(xx)) * Math.Sqrt(Squares(yy));
        return scale > 0 ? Squares(xy) / scale : 0;
    }

    private static double Squares(Matrix<double> matrix)
    {
        var sum = 0.0;
        foreach (var value in matrix.Values) sum += value * value;
        return sum;
    }
}
