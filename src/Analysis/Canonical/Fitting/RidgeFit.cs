using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>The affine map that minimises ‖Y − XA − b‖² + λ‖A‖²: A = (X̃ᵀX̃ + λI)⁻¹X̃ᵀỸ of centred rows, b = ȳ − x̄A. The intercept is not penalised.</summary>
internal static class RidgeFit
{
    /// <summary>λ in units of the mean diagonal of X̃ᵀX̃, the mean Σ(x − x̄)² of a source column.</summary>
    private static readonly double[] grid = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10];

    public static Matrix<double> Solve(CentredMoments moments, double penalty, Products<double> products)
    {
        var cholesky = new Cholesky(moments.SourceSS, penalty, products);
        if (cholesky.Dependent > 0)
            throw new MalformedException(FittingData.Reason, $"The source is rank-deficient: {cholesky.Dependent} of its {moments.SourceSS.Rows} columns are constant or follow from the others, even with a penalty of {penalty:0.###e+0}. Use a larger one, or rows that vary in every direction.");
        var aST = moments.CrossST.Copy();
        cholesky.Solve(aST);
        return aST;
    }

    /// <summary>The penalty with the least squared error on sequences that the map was not learned from.</summary>
    /// <returns>λ for all rows, and the R² of each that was tried.</returns>
    public static (double Penalty, IReadOnlyList<(double Penalty, double R2)> Tried) Choose(PairedMoments moments, Products<double> products, IProgress<FitProgress>? progress, CancellationToken stopping)
    {
        var errors = new double[grid.Length];
        var energy = 0.0;
        var done = 0;
        foreach (var (others, own, ownEnergy) in moments.CrossValidation())
        {
            energy += ownEnergy;
            for (var i = 0; i < grid.Length; i++)
            {
                stopping.ThrowIfCancellationRequested();
                errors[i] += own.ErrorOf(Solve(others, grid[i] * Unit(others), products), products);
                progress?.Report(new("penalties", ++done, (long)moments.Folds.Length * grid.Length));
            }
        }
        var unit = Unit(moments.All.Centred());
        return (grid[Array.IndexOf(errors, errors.Min())] * unit, [.. grid.Zip(errors, (share, error) => (share * unit, 1 - error / energy))]);
    }

    /// <summary>The mean diagonal.</summary>
    public static double Unit(CentredMoments moments) => moments.SourceEnergy / moments.SourceSS.Rows;

    /// <summary>Refuses a source in which some direction does not vary: of it nothing can be learned.</summary>
    public static void RefuseRankDeficient(CentredMoments moments, Products<double> products)
    {
        if (new Cholesky(moments.SourceSS, 0, products).Dependent is var dependent and > 0)
            throw new MalformedException(FittingData.Reason,
                $"The source is rank-deficient: {dependent} of its {moments.SourceSS.Rows} columns are constant or follow from the others, so no one map is the best. " +
                $"Use rows that vary in every direction, or state a penalty, as in --penalty {1e-4 * Math.Max(Unit(moments), double.Epsilon):0.###e+0}: the map is then zero along what does not vary.");
    }
}
