using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Has the mean of the raw activations moved, whatever the dictionary says?</summary>
/// <remarks>
/// Intuition: a control that needs no dictionary; if it moves and the features do not, the dictionary is blind to what changed.
/// Per width index the clustered z of the mean and its shift in standard deviations of the baseline's rows.
/// Score: the largest |z|. Effect: the largest shift among the indices that are significant (Benjamini–Hochberg over the width), in standard deviations.
/// Threshold: an effect of <see cref="DetectionOptions.MeanShift"/> or more.
/// Not done: directions other than the axes (the covariance is not kept; D² sums a window are too many).
/// </remarks>
public sealed class ActivationMeanShift(DetectionOptions options) : IDetector
{
    public string Name => "activation-mean-shift";
    public bool ReadsFeatures => false;

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        if (!baseline.SameActivations) return Finding.Without(Name, Verdict.Undecided, 0, 0, Baseline.OtherActivations);
        var then = baseline.Summary;
        var z = new double[window.Width];
        var p = new double[window.Width];
        for (var i = 0; i < z.Length; i++)
        {
            z[i] = Statistics.ClusteredZ(Side(window, i), Side(then, i));
            p[i] = Statistics.NormalP(z[i]);
        }
        var limit = Statistics.BenjaminiHochberg(p, options.FalseDiscoveryRate);
        var (effect, axis) = (0.0, -1);
        for (var i = 0; i < z.Length; i++)
        {
            if (p[i] > limit || Shift(window, then, i) is var shift && shift <= effect) continue;
            (effect, axis) = (Shift(window, then, i), i);
        }
        return Finding.Without(
            Name,
            effect >= options.MeanShift ? Verdict.Drift : Verdict.Steady,
            z.Max(Math.Abs),
            effect,
            axis < 0 ? "no axis of the activations moved" : $"the mean activation moved by {effect:0.00} standard deviations along axis {axis}");
    }

    private static ClusteredRatio Side(WindowSummary summary, int i) =>
        new(summary.Sequences, summary.ActivationSumD[i].Value, summary.Rows, summary.SequenceSquareD[i].Value, summary.SequenceByLengthD[i].Value, summary.LengthSquared);

    private static double Shift(WindowSummary window, WindowSummary then, int i)
    {
        var mean = then.ActivationSumD[i].Value / then.Rows;
        var deviation = Math.Sqrt(Math.Max(0, then.ActivationSquareD[i].Value / then.Rows - mean * mean));
        var moved = Math.Abs(window.ActivationSumD[i].Value / window.Rows - mean);
        // An axis that never moved before and does now is any number of deviations away.
        return deviation > 0 ? Math.Min(1000, moved / deviation) : moved > 0 ? 1000 : 0;
    }
}
