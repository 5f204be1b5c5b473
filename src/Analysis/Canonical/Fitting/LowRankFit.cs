using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Double;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Reduced-rank regression (Izenman 1975; with a ridge: Mukherjee and Zhu 2011): the best A of rank r is the ridge map A projected on the r leading eigenvectors V of AᵀX̃ᵀỸ, the covariance of what it predicts: A V Vᵀ.</summary>
internal static class LowRankFit
{
    /// <summary>U = A V [S, r] and Vᵀ [r, T], for all ranks at once: of the first r columns and rows.</summary>
    public static (Matrix<double> U, Matrix<double> Vt) Solve(CentredMoments moments, double penalty, Products<double> products)
    {
        var aST = RidgeFit.Solve(moments, penalty, products);
        var (source, target) = (aST.Rows, aST.Columns);
        var predictedTT = new Matrix<double>(target, target);
        products.Add(predictedTT.View(), 1, aST.Transposed(), moments.CrossST.View());
        // Symmetric but for rounding; MathNet gives the eigenvalues in ascending order.
        var vectors = DenseMatrix.Build.DenseOfRowMajor(target, target, predictedTT.Values.ToArray()).Evd(Symmetricity.Symmetric).EigenVectors;
        var rank = Math.Min(source, target);
        var vtRT = new Matrix<double>(rank, target);
        for (var r = 0; r < rank; r++)
            for (var t = 0; t < target; t++) vtRT[r, t] = vectors[t, target - 1 - r];
        var uSR = new Matrix<double>(source, rank);
        products.Add(uSR.View(), 1, aST.View(), vtRT.Transposed());
        return (uSR, vtRT);
    }

    /// <summary>The smallest rank whose error on sequences it was not learned from is within one standard error (over folds) of the least.</summary>
    /// <returns>It, and the R² of each that was tried.</returns>
    public static (int Rank, IReadOnlyList<(int Rank, double R2)> Tried) Choose(PairedMoments moments, double penalty, Products<double> products, IProgress<FitProgress>? progress, CancellationToken stopping)
    {
        var ranks = Grid(Math.Min(moments.All.CrossST.Rows, moments.All.CrossST.Columns));
        var unexplained = new List<double[]>();
        foreach (var (others, own, ownEnergy) in moments.CrossValidation())
        {
            stopping.ThrowIfCancellationRequested();
            unexplained.Add([.. Errors(others, own, penalty * others.Count / moments.All.Count, ranks, products).Select(error => error / ownEnergy)]);
            progress?.Report(new("ranks", unexplained.Count, moments.Folds.Length));
        }
        var means = ranks.Select((_, i) => unexplained.Average(fold => fold[i])).ToArray();
        var best = Array.IndexOf(means, means.Min());
        var standardError = Math.Sqrt(unexplained.Sum(fold => Math.Pow(fold[best] - means[best], 2)) / (unexplained.Count - 1) / unexplained.Count);
        return (ranks[Array.FindIndex(means, mean => mean <= means[best] + standardError)], [.. ranks.Zip(means, (rank, mean) => (rank, 1 - mean))]);
    }

    /// <summary>Σ‖(y−m′) − (x−m)UVᵀ‖² for each rank: with orthonormal V it is one sum over the columns of U and V.</summary>
    private static double[] Errors(CentredMoments others, CentredMoments own, double penalty, int[] ranks, Products<double> products)
    {
        var (uSR, vtRT) = Solve(others, penalty, products);
        var mappedSR = new Matrix<double>(uSR.Rows, uSR.Columns);
        products.Add(mappedSR.View(), 1, own.SourceSS.View(), uSR.View());
        var crossSR = new Matrix<double>(uSR.Rows, uSR.Columns);
        products.Add(crossSR.View(), 1, own.CrossST.View(), vtRT.Transposed());
        var gains = new double[uSR.Columns];
        for (var s = 0; s < uSR.Rows; s++)
            for (var r = 0; r < gains.Length; r++) gains[r] += uSR[s, r] * (2 * crossSR[s, r] - mappedSR[s, r]);
        return [.. ranks.Select(rank => own.TargetEnergy - gains.Take(rank).Sum())];
    }

    /// <summary>1, 2, 3, 4, 6, 8, 12, 16, … and the full rank.</summary>
    private static int[] Grid(int full) => [.. Enumerable.Range(0, 30).SelectMany(power => new[] { 1L << power, 3L << power }).Where(rank => rank < full).Append(full).Distinct().Order().Select(rank => (int)rank)];
}
