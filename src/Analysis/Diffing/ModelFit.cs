using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Diffing;

/// <summary>How well one model's rows are described, as sums that merge in any order.</summary>
public sealed class ModelFit(int width)
{
    private readonly ExactSum[] sumD = new ExactSum[width];
    private ExactSum energy, error;
    private long rows, fired;

    public double L0 => (double)fired / Math.Max(1, rows);

    /// <summary>Σ‖x − x̂‖² over Σ‖x − mean x‖²; null where the rows do not vary.</summary>
    public double? Fvu
    {
        get
        {
            var spread = energy.Value - sumD.Sum(sum => sum.Value * sum.Value) / Math.Max(1, rows);
            return spread > 0 ? error.Value / spread : null;
        }
    }

    public void Add(in DescribedRow row)
    {
        rows++;
        fired += row.Features.Length;
        energy += ExactSum.Of(Energy.Of(row.RowD));
        error += ExactSum.Of(Energy.OfDifference(row.RowD, row.ReconstructionD));
        for (var i = 0; i < sumD.Length; i++) sumD[i] += ExactSum.Of(row.RowD[i]);
    }

    public void Merge(ModelFit other)
    {
        (rows, fired, energy, error) = (rows + other.rows, fired + other.fired, energy + other.energy, error + other.error);
        for (var i = 0; i < sumD.Length; i++) sumD[i] += other.sumD[i];
    }
}
