using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>How every feature's firing rate differs between two summaries, as far as it is more than noise: the direction in which a model moved.</summary>
/// <remarks>
/// dᶠ = log₂ of ((c + ½)/(N + 1) here over the same there), times max(0, 1 − 2/|z|), with c the rows in which the feature fired, N all rows, and z the clustered
/// z of its two rates (<see cref="Statistics.ClusteredZ"/>). A change of two standard errors or less is 0, a large one stays as it is: a window of a hundred
/// sequences and a version of ten thousand point the same way when they moved the same way.
/// 0, too, where five firing sequences are neither there nor expected on the side of <paramref name="DriftF"/>'s window: such a z means nothing.
/// </remarks>
/// <param name="DriftF">Per feature; mostly 0.</param>
/// <param name="Compared">Features that could be compared, ascending.</param>
public sealed record DriftVector(double[] DriftF, IReadOnlyList<int> Compared)
{
    private const double StandardErrors = 2;
    private const double SequencesMinimum = 5;

    public double Norm => Math.Sqrt(DriftF.Sum(drift => drift * drift));

    /// <param name="thenF">Firing of every feature in <paramref name="then"/>.</param>
    public static DriftVector Of(WindowSummary now, WindowSummary then, ReadOnlySpan<Firing> thenF)
    {
        var nowF = now.FiringF();
        var driftF = new double[nowF.Length];
        var compared = new List<int>();
        var share = (double)now.Sequences / (now.Sequences + then.Sequences);
        for (var f = 0; f < driftF.Length; f++)
        {
            var (here, there) = (nowF[f], thenF[f]);
            if (Math.Max(here.Sequences, (here.Sequences + there.Sequences) * share) < SequencesMinimum) continue;
            compared.Add(f);
            var z = Statistics.ClusteredZ(ClusteredRatio.Of(here, now), ClusteredRatio.Of(there, then));
            if (Math.Abs(z) <= StandardErrors) continue;
            driftF[f] = Math.Log2((here.Rows + 0.5) / (now.Rows + 1) / ((there.Rows + 0.5) / (then.Rows + 1))) * (1 - StandardErrors / Math.Abs(z));
        }
        return new(driftF, compared);
    }
}
