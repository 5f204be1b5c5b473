using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Does the dictionary still describe the activations as well as it did in the baseline?</summary>
/// <remarks>
/// Intuition: a dictionary that never saw a behaviour leaves more of it unexplained, and one that was trained on it less; either way the fit moves.
/// Three ratios of sums over sequences, window against baseline: residual energy over energy, active features per row (L0), share of outlier-norm rows.
/// Score: the larger |z| of the first two, clustered by sequence. Effect: the larger factor of the two.
/// Threshold: |z| ≥ 4 and a factor of <see cref="DetectionOptions.FvuRatio"/> or <see cref="DetectionOptions.L0Ratio"/>; outlier rows count from a share of one in
/// a hundred more than the baseline had. Drift here says that feature findings beside it are to be read with care.
/// Residual energy is taken over ‖x‖², not over the variance as in FVU: both sums are over sequences then, and the ratio has a variance. The FVU that is shown is the usual one.
/// </remarks>
public sealed class EncoderFit(DetectionOptions options) : IDetector
{
    private const double ZMinimum = 4;
    private const double OutlierShareMore = 0.01;

    public string Name => "encoder-fit";
    public bool ReadsFeatures => false;

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        if (!baseline.SameActivations) return Finding.Without(Name, Verdict.Undecided, 0, 1, Baseline.OtherActivations);
        var then = baseline.Summary;
        var (fvuZ, fvuFactor) = Compare(window.Residual, window, then.Residual, then);
        var (l0Z, l0Factor) = Compare(window.L0, window, then.L0, then);
        var outliers = OutlierShare(window) - OutlierShare(then);
        var drifted = Math.Abs(fvuZ) >= ZMinimum && fvuFactor >= options.FvuRatio
            || Math.Abs(l0Z) >= ZMinimum && l0Factor >= options.L0Ratio
            || outliers >= OutlierShareMore;
        return Finding.Without(
            Name,
            drifted ? Verdict.Drift : Verdict.Steady,
            Math.Max(Math.Abs(fvuZ), Math.Abs(l0Z)),
            Math.Max(fvuFactor, l0Factor),
            $"{(then.Residual.Y.Units == 0 ? "FVU unknown (nothing is reconstructed here: a transcoder's target is not in the messages)" : $"FVU {then.Fvu:0.0000} → {window.Fvu:0.0000}")}, L0 {then.L0.Ratio:0.00} → {window.L0.Ratio:0.00}, outlier rows {OutlierShare(then):0.00%} → {OutlierShare(window):0.00%}");
    }

    /// <summary>The factors that <see cref="DetectionOptions.FvuRatio"/> and <see cref="DetectionOptions.L0Ratio"/> are compared with; 1 where they are not significant.</summary>
    public static (double Fvu, double L0) Factors(WindowSummary window, Baseline baseline)
    {
        if (!baseline.SameActivations) return (1, 1);
        var (fvuZ, fvu) = Compare(window.Residual, window, baseline.Summary.Residual, baseline.Summary);
        var (l0Z, l0) = Compare(window.L0, window, baseline.Summary.L0, baseline.Summary);
        return (Math.Abs(fvuZ) >= ZMinimum ? fvu : 1, Math.Abs(l0Z) >= ZMinimum ? l0 : 1);
    }

    private static (double Z, double Factor) Compare(RatioSums now, WindowSummary window, RatioSums then, WindowSummary baseline)
    {
        var z = Statistics.ClusteredZ(ClusteredRatio.Of(now, window.Sequences), ClusteredRatio.Of(then, baseline.Sequences));
        var (low, high) = now.Ratio < then.Ratio ? (now.Ratio, then.Ratio) : (then.Ratio, now.Ratio);
        return (z, low > 0 ? Math.Min(1000, high / low) : high > 0 ? 1000 : 1);
    }

    private static double OutlierShare(WindowSummary summary) => (double)summary.RowsOutlier / Math.Max(1, summary.Rows + summary.RowsOutlier);
}
