using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace DriftWatch.Analysis.Detection;

/// <summary>Undecided: too little to raise an alarm or to end one.</summary>
public enum Verdict
{
    Steady,
    Drift,
    Undecided,
}

/// <summary>A detector's verdict on one window.</summary>
/// <param name="Detector">Stored name: <c>firing-rate-shift</c>, <c>hazard:backdoor-hostile</c>.</param>
/// <param name="Score">What the detector's header says; larger is more drift.</param>
/// <param name="Effect">Size of the change in the detector's own unit, whatever the amount of traffic.</param>
/// <param name="Because">One sentence for a person.</param>
/// <param name="Features">The features behind it, most telling first.</param>
/// <param name="FeatureCount">How many there are in all; <paramref name="Features"/> holds the first of them.</param>
public sealed record Finding(
    string Detector,
    Verdict Verdict,
    double Score,
    double Effect,
    string Because,
    ImmutableArray<FeatureEvidence> Features,
    int FeatureCount)
{
    public const string HazardPrefix = "hazard:";

    /// <summary>Evidence kept per finding: what a person reads, not a table of the dictionary.</summary>
    public const int FeaturesMaximum = 10;

    public static Finding Without(string detector, Verdict verdict, double score, double effect, string because) => new(detector, verdict, score, effect, because, [], 0);

    /// <summary>A finding with the first of its features kept.</summary>
    public static Finding With(string detector, Verdict verdict, double score, double effect, string because, IReadOnlyCollection<FeatureEvidence> features) =>
        new(detector, verdict, score, effect, because, [.. features.Take(FeaturesMaximum)], features.Count);
}

/// <summary>What one feature, or a set of features together, did.</summary>
/// <param name="Feature">Canonical id; for a set its first feature.</param>
/// <param name="Set">The set's key when this is about several features together.</param>
/// <param name="BaselineRate">Share of the rows (for a set within a sequence: of the sequences) in which it fired, in the baseline.</param>
/// <param name="Rate">The same in the window.</param>
/// <param name="Z">Standard deviations between the two, clustered by sequence.</param>
/// <param name="P">Two-sided p-value of the detector's test, before any correction.</param>
/// <param name="RatioLow">95 % confidence interval of the factor between the rates; null where the detector is not about rates.</param>
public readonly record struct FeatureEvidence(
    int Feature, string? Set, double BaselineRate, double Rate, double Z, double P,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? RatioLow = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? RatioHigh = null);
