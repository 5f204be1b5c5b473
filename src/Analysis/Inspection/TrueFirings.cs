using DriftWatch.Analysis.Encoding;
using MathNet.Numerics.LinearAlgebra;

namespace DriftWatch.Analysis.Inspection;

/// <summary>Which true features fire in each row: as the truth file says, if its firings make up these rows; else found from the rows and the directions by non-negative least squares.</summary>
/// <remarks>
/// One file of firings may belong to several models of a family, and not to all: firings that do not give the rows are not theirs.
/// min ‖x − b − zD‖², z ≥ 0: Lawson and Hanson's active set, a feature at a time, until none would gain more than the rows' own rounding. A feature fires above ‖x‖/64:
/// BF16 rounds to 2⁻⁹, so what remains of its rounding lies far below. With few features firing the solution is the truth itself, not an estimate.
/// </remarks>
public static class TrueFirings
{
    private const double Cut = 1.0 / 64, Gain = 1.0 / 256;
    private const int ActiveMaximum = 256;

    /// <summary>More of ‖x‖² than this unexplained: the firings are not those of the rows.</summary>
    private const double ResidualMaximum = 1e-4;

    /// <returns>The firings, and whether they were found from the rows.</returns>
    public static (SparseCodes Firings, bool Found) Of(GroundTruth truth, InspectedRows inspected, int threads)
    {
        var rowsBD = inspected.RowsBD;
        if (truth.Firings is { } said && said.Rows <= inspected.Keep.Length && Kept(said, inspected.Keep) is var kept && MakeUp(kept, truth, rowsBD)) return (kept, false);
        var rows = inspected.Count;
        var found = new (int[] Features, float[] Values)[rows];
        Parallel.For(0, rows, new() { MaxDegreeOfParallelism = threads }, row => found[row] = Row(truth, rowsBD.AsSpan(row * truth.Width, truth.Width)));
        var codes = new SparseCodes();
        foreach (var (features, values) in found) codes.AddRow(features, values);
        return (codes, true);
    }

    private static bool MakeUp(SparseCodes firings, GroundTruth truth, float[] rowsBD)
    {
        var (error, energy) = (0.0, 0.0);
        for (var row = 0; row < firings.Rows; row++)
        {
            var rowD = rowsBD.AsSpan(row * truth.Width, truth.Width);
            var leftD = Without(rowD, truth);
            for (var i = 0; i < firings.FeaturesOf(row).Length; i++) Subtract(truth, firings.FeaturesOf(row)[i], firings.ValuesOf(row)[i], leftD);
            error += leftD.Sum(x => x * x);
            energy += Energy.Of(rowD);
        }
        return error <= ResidualMaximum * energy;
    }

    /// <summary>Of the rows that count; the last rows may have no entry at all.</summary>
    private static SparseCodes Kept(SparseCodes said, bool[] keep)
    {
        var kept = new SparseCodes();
        for (var row = 0; row < keep.Length; row++)
        {
            if (!keep[row]) continue;
            if (row < said.Rows) kept.AddRow(said.FeaturesOf(row), said.ValuesOf(row));
            else kept.AddRow([], []);
        }
        return kept;
    }

    private static (int[] Features, float[] Values) Row(GroundTruth truth, ReadOnlySpan<float> rowD)
    {
        var (inputD, norm) = (Without(rowD, truth), Math.Sqrt(Energy.Of(rowD)));
        var (active, values) = (new List<int>(), Vector<double>.Build.Dense(1));
        var leftD = inputD.ToArray();
        while (active.Count < Math.Min(truth.Width, ActiveMaximum) && Best(truth, leftD, active) is ( >= 0, var gain) best && gain > Gain * norm)
        {
            active.Add(best.Feature);
            values = Solved(truth, inputD, active);
            while (values.Minimum() <= 0)
            {
                active.RemoveAt(values.MinimumIndex());
                if (active.Count == 0) break;
                values = Solved(truth, inputD, active);
            }
            leftD = [.. inputD];
            for (var i = 0; i < active.Count; i++) Subtract(truth, active[i], values[i], leftD);
            if (!active.Contains(best.Feature)) break;   // It went at once: nothing more to gain.
        }
        var fires = active.Select((feature, i) => (Feature: feature, Value: (float)values[i])).Where(entry => entry.Value > Cut * norm).OrderBy(entry => entry.Feature).ToArray();
        return ([.. fires.Select(entry => entry.Feature)], [.. fires.Select(entry => entry.Value)]);
    }

    private static (int Feature, double Gain) Best(GroundTruth truth, double[] leftD, List<int> active)
    {
        var best = (Feature: -1, Gain: 0.0);
        for (var feature = 0; feature < truth.Features; feature++)
            if (Product(Direction(truth, feature), leftD) is var gain && gain > best.Gain && !active.Contains(feature)) best = (feature, gain);
        return best;
    }

    private static Vector<double> Solved(GroundTruth truth, double[] inputD, List<int> active)
    {
        var gram = Matrix<double>.Build.Dense(active.Count, active.Count, (i, j) => Product(Direction(truth, active[i]), Direction(truth, active[j])));
        var right = Vector<double>.Build.Dense(active.Count, i => Product(Direction(truth, active[i]), inputD));
        return gram.Solve(right);   // By LU: two features of one direction are no reason to fail.
    }

    private static double[] Without(ReadOnlySpan<float> rowD, GroundTruth truth)
    {
        var leftD = new double[rowD.Length];
        for (var i = 0; i < leftD.Length; i++) leftD[i] = rowD[i] - (truth.BiasD.Length == 0 ? 0 : (double)truth.BiasD[i]);
        return leftD;
    }

    private static void Subtract(GroundTruth truth, int feature, double value, double[] leftD)
    {
        var directionD = Direction(truth, feature);
        for (var i = 0; i < leftD.Length; i++) leftD[i] -= value * directionD[i];
    }

    private static ReadOnlySpan<float> Direction(GroundTruth truth, int feature) => truth.DirectionsND.AsSpan(feature * truth.Width, truth.Width);

    private static double Product(ReadOnlySpan<float> x, ReadOnlySpan<double> y)
    {
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++) sum += x[i] * y[i];
        return sum;
    }

    private static double Product(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++) sum += (double)x[i] * y[i];
        return sum;
    }
}
