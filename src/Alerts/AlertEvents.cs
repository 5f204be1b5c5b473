using System.Collections.Immutable;
using System.Text.Json.Serialization;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>What happened, as stored. Add members with defaults and new types; never rename: samples of every stored version are kept with a test that reads them.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(WindowClosed), "window-closed")]
[JsonDerivedType(typeof(DriftDetected), "drift-detected")]
[JsonDerivedType(typeof(DriftEnded), "drift-ended")]
[JsonDerivedType(typeof(HazardDetected), "hazard-detected")]
[JsonDerivedType(typeof(HazardEnded), "hazard-ended")]
[JsonDerivedType(typeof(BaselineFrozen), "baseline-frozen")]
[JsonDerivedType(typeof(CatalogChanged), "catalog-changed")]
[JsonDerivedType(typeof(TransformInstalled), "transform-installed")]
[JsonDerivedType(typeof(AlertAcknowledged), "alert-acknowledged")]
[JsonDerivedType(typeof(AlertMuted), "alert-muted")]
[JsonDerivedType(typeof(AlertResolved), "alert-resolved")]
public abstract record AlertEvent
{
    /// <summary>The same fact, about the alert that its alarm belongs to (<see cref="AlertGroups"/>).</summary>
    public AlertEvent Of(string alert) => this switch
    {
        DriftDetected fact => fact with { Alert = alert },
        DriftEnded fact => fact with { Alert = alert },
        HazardDetected fact => fact with { Alert = alert },
        HazardEnded fact => fact with { Alert = alert },
        AlertAcknowledged fact => fact with { Alert = alert },
        AlertMuted fact => fact with { Alert = alert },
        AlertResolved fact => fact with { Alert = alert },
        _ => this,
    };
}

/// <summary>A window was closed and judged; what was decided from it follows in the same append.</summary>
/// <param name="Baseline">Hash of the baseline it was compared with; null: none was frozen yet, and nothing was decided.</param>
/// <param name="Encoding">Summaries with this same hash compare: dictionary, transform and row selection.</param>
/// <param name="Summary">The window's sums (<see cref="SummaryCodec"/>).</param>
/// <param name="Sample">SHA-256 of the <see cref="SequenceSample"/> that is attached until newer windows take its place; null: none was taken.</param>
public sealed record WindowClosed(
    MonitorId Monitor,
    Probe Probe,
    int Partition,
    WindowOffsets Offsets,
    DateTimeOffset Start,
    DateTimeOffset End,
    long Rows,
    long Sequences,
    long RowsNotFinite,
    long RowsZero,
    long RowsOutlier,
    double Fvu,
    double L0,
    ImmutableSortedDictionary<string, long> Rejected,
    string Space,
    string Dictionary,
    string Transform,
    string Encoding,
    string Catalog,
    string? Baseline,
    ImmutableArray<Finding> Findings,
    byte[] Summary,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Sample = null) : AlertEvent
{
    /// <summary>Nothing was decided from it: no baseline, or too few sequences for every detector.</summary>
    [JsonIgnore]
    public bool Undecided => Findings.All(finding => finding.Verdict == Verdict.Undecided);
}

/// <summary>The window that an alert speaks of, as a person needs it.</summary>
/// <param name="BaselineFvu">FVU and L0 of the baseline, for comparison.</param>
/// <param name="TransformGrade">A to F; null: identity, nothing was mapped, or never measured.</param>
/// <param name="Transform">Hash of the map that it was seen through; null: identity.</param>
public sealed record AlertWindow(
    DateTimeOffset Start,
    DateTimeOffset End,
    long FirstOffset,
    long NextOffset,
    long Rows,
    long Sequences,
    double Fvu,
    double BaselineFvu,
    double L0,
    double BaselineL0,
    string? TransformGrade,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Transform = null);

/// <summary>A feature behind an alert, with the label it had when the alert was raised.</summary>
/// <param name="RatioLow">95 % confidence interval of the factor between the rates.</param>
/// <param name="Group">The first of this finding's features that writes in nearly the same direction: one concept that the dictionary has split; null: none does.</param>
/// <param name="Prefix">Of a Matryoshka dictionary: width of the smallest prefix that has it.</param>
public sealed record AlertFeature(
    int Feature, string? Set, string? Label, double BaselineRate, double Rate, double Z, double P,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? RatioLow = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? RatioHigh = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Group = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Prefix = null);

/// <summary>What a detector said, with labels.</summary>
public sealed record AlertFinding(string Detector, double Score, double Effect, string Because, int FeatureCount, ImmutableArray<AlertFeature> Features);

/// <summary>Drift in <c>detection.raiseAfter</c> windows in a row: one alert, whichever detectors saw it. Or unusual sequences, at once: their detector keeps its own run time.</summary>
/// <param name="Alert">The alert's id, the same in every event about it.</param>
/// <param name="Attribution">input, model, encoder, mapping or unclear: what the controls say has changed.</param>
/// <param name="Evidence">What the controls measured, in a sentence: why it carries this label.</param>
/// <param name="Windows">Windows of this monitor and partition so far, this one included.</param>
/// <param name="SequencesSeen">Sequences in those windows.</param>
/// <param name="Rule"><c>sequence-tails</c>, or null for broad drift: a broad change that is known must not hide a rare one that comes later.</param>
public sealed record DriftDetected(
    string Alert,
    MonitorId Monitor,
    Probe Probe,
    int Partition,
    Severity Severity,
    string Attribution,
    long Windows,
    long SequencesSeen,
    AlertWindow Window,
    ImmutableArray<AlertFinding> Findings,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Rule = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Evidence = null) : AlertEvent;

public sealed record DriftEnded(string Alert, MonitorId Monitor, Probe Probe, int Partition, DateTimeOffset WindowEnd, long Windows, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Rule = null) : AlertEvent;

/// <summary>A hazard rule's condition held in <c>for</c> windows in a row.</summary>
public sealed record HazardDetected(
    string Alert,
    MonitorId Monitor,
    Probe Probe,
    int Partition,
    string Hazard,
    Severity Severity,
    string Summary,
    string Attribution,
    long Windows,
    long SequencesSeen,
    AlertWindow Window,
    ImmutableArray<AlertFinding> Findings,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Evidence = null) : AlertEvent;

public sealed record HazardEnded(string Alert, MonitorId Monitor, Probe Probe, int Partition, string Hazard, DateTimeOffset WindowEnd, long Windows) : AlertEvent;

/// <summary>The approved version's rows are enough: from here on windows are compared with them.</summary>
/// <param name="End">Event time of the last of its windows.</param>
/// <param name="Windows">Ids of the window-closed events that it is the sum of.</param>
/// <param name="Hash">SHA-256 of <paramref name="Summary"/>.</param>
/// <param name="Novelty">The model that its later windows and all that are compared with it are scored with; null: too few sequences to fit one.</param>
public sealed record BaselineFrozen(
    MonitorId Monitor,
    Probe Probe,
    string Encoding,
    string Hash,
    DateTimeOffset End,
    long Rows,
    long Sequences,
    ImmutableArray<Guid> Windows,
    byte[] Summary,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] byte[]? Novelty = null) : AlertEvent;

/// <summary>Other rules, options, dictionaries or transforms than before.</summary>
/// <param name="Content">Canonical JSON of all that decides findings.</param>
public sealed record CatalogChanged(string Hash, string Content) : AlertEvent;

/// <summary>A learned map is in force that was not before. It follows the <see cref="CatalogChanged"/> that names it.</summary>
/// <param name="Hash">SHA-256 of the transform file; windows name it.</param>
/// <param name="Card">What the file says about itself: kind, what it was learned from, fidelity, grade.</param>
public sealed record TransformInstalled(string Hash, string Model, string Hook, string Space, ImmutableSortedDictionary<string, string> Card) : AlertEvent;

/// <summary>A person has seen the alert.</summary>
public sealed record AlertAcknowledged(string Alert, MonitorId Monitor, string Note) : AlertEvent;

/// <summary>A person wants to hear no more of it, until a time if one is given.</summary>
public sealed record AlertMuted(string Alert, MonitorId Monitor, string Note, DateTimeOffset? Until) : AlertEvent;

/// <summary>A person has dealt with it. It is raised anew only after its cause has ended and come back.</summary>
public sealed record AlertResolved(string Alert, MonitorId Monitor, string Note) : AlertEvent;
