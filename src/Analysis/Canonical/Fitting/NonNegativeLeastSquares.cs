using MathNet.Numerics.LinearAlgebra.Double;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>min ‖X w − y‖² over w ≥ 0, from XᵀX and Xᵀy (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23).</summary>
public static class NonNegativeLeastSquares
{
    /// <param name="gramKK">XᵀX; a column that is all zero gets weight 0.</param>
    /// <param name="productK">Xᵀy.</param>
    public static double[] Solve(double[,] gramKK, double[] productK)
    {
        var k = productK.Length;
        var (weights, active) = (new double[k], new bool[k]);
        var little = 1e-10 * Enumerable.Range(0, k).Max(i => gramKK[i, i]);
        // Each step takes in one more column; a column may leave again, but no set comes twice. The bound is for rounding.
        for (var step = 0; step < 10 * k; step++)
        {
            var next = Enumerable.Range(0, k).Where(i => !active[i] && gramKK[i, i] > little && Slope(i) > 1e-10 * Math.Abs(productK[i])).OrderByDescending(i => Slope(i) / Math.Sqrt(gramKK[i, i])).ThenBy(i => i).FirstOrDefault(-1);
            if (next < 0) break;
            active[next] = true;
            while (true)
            {
                var wanted = Unconstrained(gramKK, productK, active, little);
                var below = Enumerable.Range(0, k).Where(i => active[i] && wanted[i] <= 0).ToArray();
                if (below.Length == 0)
                {
                    weights = wanted;
                    break;
                }
                // As far towards it as no weight passes zero; the one that gets there first leaves.
                double Reach(int i) => weights[i] > 0 ? weights[i] / (weights[i] - wanted[i]) : 0;
                var leaves = below.MinBy(Reach);
                var reach = Reach(leaves);
                for (var i = 0; i < k; i++) weights[i] = Math.Max(0, weights[i] + reach * (wanted[i] - weights[i]));
                (weights[leaves], active[leaves]) = (0, false);
            }
        }
        return weights;

        double Slope(int i)
        {
            var slope = productK[i];
            for (var j = 0; j < k; j++) slope -= gramKK[i, j] * weights[j];
            return slope;
        }
    }

    private static double[] Unconstrained(double[,] gramKK, double[] productK, bool[] active, double little)
    {
        var columns = Enumerable.Range(0, active.Length).Where(i => active[i]).ToArray();
        var weights = new double[active.Length];
        if (columns.Length == 0) return weights;
        // Twin columns have no unique solution; a tiny ridge picks one.
        var gram = DenseMatrix.Create(columns.Length, columns.Length, (i, j) => gramKK[columns[i], columns[j]] + (i == j ? little : 0));
        var solved = gram.Cholesky().Solve(DenseVector.Create(columns.Length, i => productK[columns[i]]));
        for (var i = 0; i < columns.Length; i++) weights[columns[i]] = solved[i];
        return weights;
    }
}
