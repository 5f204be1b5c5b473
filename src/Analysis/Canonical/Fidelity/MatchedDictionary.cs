using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Each reference feature represented by that feature of another dictionary which correlates best with it on some rows: the control for "any dictionary would have done".</summary>
/// <remarks>A feature of the other dictionary may stand for several. Scaled by least squares through the origin. Nothing stands for a feature that fires in fewer than ten of the rows.</remarks>
internal sealed class MatchedDictionary
{
    private const int FiringsMinimum = 10;

    /// <summary>For each feature of the other dictionary what it stands for, ascending.</summary>
    private readonly List<(int Feature, float Factor)>[] standsFor;
    private readonly SortedDictionary<int, float> row = [];

    public MatchedDictionary(SparseCodes reference, int referenceFeatures, SparseCodes other, int otherFeatures)
    {
        standsFor = [.. Enumerable.Range(0, otherFeatures).Select(_ => new List<(int, float)>())];
        var rows = reference.Rows;
        var rowsOf = new List<(int Row, float Value)>[referenceFeatures];
        for (var r = 0; r < rows; r++)
            for (var i = 0; i < reference.FeaturesOf(r).Length; i++) (rowsOf[reference.FeaturesOf(r)[i]] ??= []).Add((r, reference.ValuesOf(r)[i]));
        var (sums, squares) = (new double[otherFeatures], new double[otherFeatures]);
        for (var r = 0; r < rows; r++)
            for (var i = 0; i < other.FeaturesOf(r).Length; i++)
            {
                sums[other.FeaturesOf(r)[i]] += other.ValuesOf(r)[i];
                squares[other.FeaturesOf(r)[i]] += (double)other.ValuesOf(r)[i] * other.ValuesOf(r)[i];
            }
        var products = new double[otherFeatures];
        for (var feature = 0; feature < referenceFeatures; feature++)
        {
            if (rowsOf[feature] is not { Count: >= FiringsMinimum } fires) continue;
            Array.Clear(products);
            foreach (var (r, value) in fires)
                for (var i = 0; i < other.FeaturesOf(r).Length; i++) products[other.FeaturesOf(r)[i]] += (double)value * other.ValuesOf(r)[i];
            var sum = fires.Sum(fire => (double)fire.Value);
            // Without the feature's own deviation, which is the same for all.
            double Likeness(int candidate) => squares[candidate] - sums[candidate] * sums[candidate] / rows is > 0 and var spread ? (products[candidate] - sum * sums[candidate] / rows) / Math.Sqrt(spread) : 0;
            var best = Enumerable.Range(0, otherFeatures).MaxBy(Likeness);
            if (Likeness(best) > 0) standsFor[best].Add((feature, (float)(products[best] / squares[best])));
        }
    }

    public void Map(SparseCodes other, SparseCodes reference)
    {
        reference.Clear();
        for (var r = 0; r < other.Rows; r++)
        {
            row.Clear();
            for (var i = 0; i < other.FeaturesOf(r).Length; i++)
                foreach (var (feature, factor) in standsFor[other.FeaturesOf(r)[i]]) row[feature] = factor * other.ValuesOf(r)[i];
            reference.AddRow([.. row.Keys], [.. row.Values]);
        }
    }
}
