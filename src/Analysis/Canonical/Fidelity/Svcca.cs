using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Double;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Singular vector canonical correlation analysis (Raghu et al. 2017): each side is reduced to the principal directions that hold 0.99 of its variance; the mean of their canonical correlations.</summary>
/// <remarks>Any invertible map leaves canonical correlations as they are: SVCCA says whether the two spaces hold the same, not whether the map is right.</remarks>
internal static class Svcca
{
    public const double VarianceKept = 0.99;

    /// <returns>0 to 1; 0 where a side does not vary.</returns>
    public static double Of(PairMoments moments)
    {
        var (xx, yy, xy) = moments.Centred();
        if (Whitening(xx) is not { } x || Whitening(yy) is not { } y) return 0;
        var correlations = (x.TransposeThisAndMultiply(Dense(xy)) * y).Svd(computeVectors: false).S;
        return correlations.Take(Math.Min(x.ColumnCount, y.ColumnCount)).Sum(correlation => Math.Clamp(correlation, 0, 1)) / Math.Min(x.ColumnCount, y.ColumnCount);
    }

    /// <summary>Principal directions, each divided by its deviation; null where nothing varies.</summary>
    private static DenseMatrix? Whitening(Fitting.Matrix<double> momentsDD)
    {
        var width = momentsDD.Rows;
        var factors = Dense(momentsDD).Evd(Symmetricity.Symmetric);
        var variances = factors.EigenValues.Select(value => value.Real).ToArray();   // Ascending.
        var all = variances.Sum(variance => Math.Max(0, variance));
        if (!(all > 0)) return null;
        var (kept, held) = (0, 0.0);
        while (kept < width && held < VarianceKept * all) held += Math.Max(0, variances[width - ++kept]);
        return DenseMatrix.Create(width, kept, (row, column) => factors.EigenVectors[row, width - 1 - column] / Math.Sqrt(variances[width - 1 - column]));
    }

    private static DenseMatrix Dense(Fitting.Matrix<double> matrix) => DenseMatrix.Create(matrix.Rows, matrix.Columns, (row, column) => matrix[row, column]);
}
