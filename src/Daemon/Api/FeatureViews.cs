using System.Collections.Immutable;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Api;

/// <summary>What a feature does in a monitor's newest windows, beside the baseline.</summary>
/// <param name="Z">Of the difference of the rates, clustered by sequence; null: there is no baseline.</param>
/// <param name="Lift">Factor of the baseline's rate; null: it did not fire there.</param>
public sealed record FeatureView(
    int Feature, string? Label, ImmutableArray<string> Tags, double Rate, double RateError, double SequenceShare, double? MeanMagnitude,
    double? BaselineRate, double? BaselineSequenceShare, double? BaselineMeanMagnitude, double? Lift, double? Z)
{
    public static FeatureView Of(int feature, WindowSummary now, WindowSummary? baseline, FeatureLabels labels)
    {
        var firing = now.FiringF()[feature];
        var ratio = ClusteredRatio.Of(firing, now);
        var (label, then) = (labels.ById.GetValueOrDefault(feature), baseline?.FiringF()[feature]);
        var usual = baseline is null ? default : ClusteredRatio.Of(then!.Value, baseline);
        return new(
            feature, label?.Label, label?.Tags ?? [], ratio.Ratio, Math.Sqrt(ratio.VarianceAt(ratio.Ratio)), ShareOf(firing, now), Magnitude(now, feature, firing),
            baseline is null ? null : usual.Ratio, baseline is null ? null : ShareOf(then!.Value, baseline), baseline is null ? null : Magnitude(baseline, feature, then!.Value),
            usual.Ratio > 0 ? ratio.Ratio / usual.Ratio : null, baseline is null ? null : Statistics.ClusteredZ(ratio, usual));
    }

    private static double ShareOf(Firing firing, WindowSummary summary) => summary.Sequences == 0 ? 0 : (double)firing.Sequences / summary.Sequences;

    private static double? Magnitude(WindowSummary summary, int feature, Firing firing) => firing.Rows == 0 ? null : summary.FiredOf(feature)!.Value.Magnitude.Value / firing.Rows;
}

/// <param name="Windows">That are added up: the newest, of one encoding.</param>
/// <param name="Baseline">Hash of the baseline beside them; null: none.</param>
/// <param name="NotMapped">Features that the model's map does not reach, which are left out.</param>
public sealed record FeaturesView(
    MonitorId Monitor, Probe Probe, int Windows, DateTimeOffset Start, DateTimeOffset End, long Rows, long Sequences, string? Baseline, int Features, int NotMapped, IReadOnlyList<FeatureView> Listed);

/// <summary>A point of a feature's history.</summary>
/// <param name="RateError">Standard error of the rate, clustered by sequence.</param>
public sealed record FeaturePointView(
    DateTimeOffset Start, DateTimeOffset End, long Windows, long Rows, long Sequences, long FiringRows, long FiringSequences, double Rate, double RateError, double SequenceShare, double? MeanMagnitude)
{
    public static FeaturePointView Of(FeaturePoint point) => new(
        point.Start, point.End, point.Windows, point.Rows, point.Sequences, point.Firing.Rows, point.Firing.Sequences, point.Rate, point.RateError, point.SequenceShare, point.MeanMagnitude);
}

/// <summary>A feature's history as the API and <c>history --json</c> show it.</summary>
/// <param name="Windows">In the stretch; more than there are points when they are added up.</param>
/// <param name="UpTo">Position of the log up to which windows are in it.</param>
/// <param name="OtherEncodings">Under which the monitor has windows that are not in it: their features are others.</param>
public sealed record FeatureHistoryView(
    MonitorId Monitor, Probe Probe, int Feature, string? Label, ImmutableArray<string> Tags, string Encoding, long Windows, long UpTo, ImmutableArray<string> OtherEncodings, IReadOnlyList<FeaturePointView> Points)
{
    public static FeatureHistoryView Of(FeatureAnswer answer, int feature, FeatureLabel? label) => new(
        answer.Series.Monitor, answer.Series.Probe, feature, label?.Label, label?.Tags ?? [], answer.Series.Encoding, answer.Windows, answer.Position, answer.OtherEncodings, [.. answer.Points.Select(FeaturePointView.Of)]);
}
