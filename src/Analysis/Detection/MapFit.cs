using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Does the learned map still bring this model to the canonical space?</summary>
/// <remarks>
/// Intuition: behind a map that no longer fits the reference dictionary finds nothing that it knows, so more of every row stays unexplained; and features behind it mean nothing.
/// Effect: what is lost of what the map explained in the baseline, (u − u₀)/(1 − u₀). u is the FVU of the mapped activations; behind a feature map, which leaves activations as they are,
/// the mean share of a sequence's activation that the map leaves out (<see cref="ScoreNames.Unmapped"/>). Score: |z| of the difference, clustered by sequence.
/// Threshold: |z| ≥ 4 and <see cref="DetectionOptions.MapLoss"/> lost. New content costs some hundredths (a backdoor's hostile text through a map with FVU 0.2: see README), a turned basis nearly all.
/// Drift here makes what rests on features Undecided, unless canary rows show that the map still fits: then it is the traffic that the dictionary does not describe.
/// </remarks>
public sealed class MapFit(DetectionOptions options, bool ofFeatures) : IDetector
{
    public const string DetectorName = "map-fit";
    private const double ZMinimum = 4;

    public string Name => DetectorName;
    public bool ReadsFeatures => false;

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        if (!baseline.SameActivations) return Finding.Without(Name, Verdict.Undecided, 0, 0, "the baseline is another model's: what this map explained is not known");
        var (what, now, then, z) = ofFeatures ? Unmapped(window, baseline.Summary) : Unexplained(window, baseline.Summary);
        var lost = then < 1 ? (now - then) / (1 - then) : 0;
        return Finding.Without(
            Name, Math.Abs(z) >= ZMinimum && lost >= options.MapLoss ? Verdict.Drift : Verdict.Steady, Math.Abs(z), lost,
            FormattableString.Invariant($"{what} {then:0.000} → {now:0.000}: {Math.Max(0, lost):0%} of what the map explained is lost ({options.MapLoss:0%} are too much)"));
    }

    private static (string What, double Now, double Then, double Z) Unexplained(WindowSummary window, WindowSummary baseline) =>
        ("FVU behind the map", window.Residual.Ratio, baseline.Residual.Ratio, Statistics.ClusteredZ(ClusteredRatio.Of(window.Residual, window.Sequences), ClusteredRatio.Of(baseline.Residual, baseline.Sequences)));

    private static (string What, double Now, double Then, double Z) Unmapped(WindowSummary window, WindowSummary baseline)
    {
        var ((now, nowError), (then, thenError)) = (MeanOf(window.Score(ScoreNames.Unmapped)), MeanOf(baseline.Score(ScoreNames.Unmapped)));
        var error = Math.Sqrt(nowError + thenError);
        return ("activation that is not mapped", now, then, error > 0 ? (now - then) / error : 0);
    }

    /// <summary>Mean of the histogram, and the mean's variance.</summary>
    private static (double Mean, double Variance) MeanOf(LogHistogram scores)
    {
        if (scores.Total < 2) return (0, 0);
        var (sum, square) = (0.0, 0.0);
        foreach (var (bin, count) in scores.Bins)
        {
            var value = (LogHistogram.EdgeOf(bin) + LogHistogram.UpperEdgeOf(bin)) / 2;
            sum += count * value;
            square += count * value * value;
        }
        var mean = sum / scores.Total;
        return (mean, Math.Max(0, square / scores.Total - mean * mean) / (scores.Total - 1));
    }
}
