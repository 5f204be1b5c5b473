using System.Collections.Immutable;
using System.Diagnostics;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts;

/// <summary>One thing that can be alarming: drift of a monitor, or one of its hazards; per partition, since windows are.</summary>
/// <param name="Rule"><see cref="DriftRule"/>, <see cref="TailsRule"/> or <c>hazard:id</c>.</param>
public readonly record struct AlarmKey(MonitorId Monitor, Probe Probe, int Partition, string Rule)
{
    public const string DriftRule = "drift";
    public const string TailsRule = SequenceTails.Name;
}

/// <summary>How an alarm stands after the windows so far.</summary>
/// <param name="Alert">Id of the alert that is raised; null: none.</param>
/// <param name="DriftStreak">Windows in a row with drift. Undecided ones neither count nor break it.</param>
/// <param name="SteadyStreak">Windows in a row without.</param>
public sealed record Alarm(string? Alert, int DriftStreak, int SteadyStreak)
{
    public static readonly Alarm Quiet = new(null, 0, 0);

    public Alarm After(Verdict verdict) => verdict switch
    {
        Verdict.Drift => this with { DriftStreak = DriftStreak + 1, SteadyStreak = 0 },
        Verdict.Steady => this with { DriftStreak = 0, SteadyStreak = SteadyStreak + 1 },
        _ => this,
    };
}

/// <summary>What is alarming now, and how much was seen: a fold of the watch streams and nothing else.</summary>
public sealed record AlertBook(
    ImmutableDictionary<AlarmKey, Alarm> Alarms,
    ImmutableDictionary<(MonitorId, Probe, int Partition), (long Windows, long Sequences)> Seen)
{
    /// <summary>Whether the map fits, by the last canary rows that could tell.</summary>
    public ImmutableDictionary<(MonitorId, int Partition), Verdict> CanaryMaps { get; init; } = ImmutableDictionary<(MonitorId, int), Verdict>.Empty;

    public static readonly AlertBook Empty = new(ImmutableDictionary<AlarmKey, Alarm>.Empty, ImmutableDictionary<(MonitorId, Probe, int), (long, long)>.Empty);

    public static AlertBook From(IEnumerable<AlertEvent> facts) => facts.Aggregate(Empty, Evolve);

    public static AlertBook Evolve(AlertBook book, AlertEvent fact) => fact switch
    {
        WindowClosed window => book.After(window),
        DriftDetected raised => book.With(new(raised.Monitor, raised.Probe, raised.Partition, raised.Rule ?? AlarmKey.DriftRule), raised.Alert),
        DriftEnded ended => book.With(new(ended.Monitor, ended.Probe, ended.Partition, ended.Rule ?? AlarmKey.DriftRule), null),
        HazardDetected raised => book.With(new(raised.Monitor, raised.Probe, raised.Partition, Finding.HazardPrefix + raised.Hazard), raised.Alert),
        HazardEnded ended => book.With(new(ended.Monitor, ended.Probe, ended.Partition, Finding.HazardPrefix + ended.Hazard), null),
        // What people did and what windows are compared with changes no alarm.
        BaselineFrozen or CatalogChanged or TransformInstalled or AlertAcknowledged or AlertMuted or AlertResolved => book,
        // Never skip a fact: a book that ignores one is wrong and does not show it.
        _ => throw new UnreachableException($"AlertBook has no rule for {fact.GetType().Name}. Add one before storing it."),
    };

    public Alarm For(AlarmKey key) => Alarms.GetValueOrDefault(key, Alarm.Quiet);

    public (long Windows, long Sequences) SeenOf(MonitorId monitor, Probe probe, int partition) => Seen.GetValueOrDefault((monitor, probe, partition));

    /// <summary>What a window's findings say of each rule.</summary>
    public static IEnumerable<(string Rule, Verdict Verdict)> Verdicts(ImmutableArray<Finding> findings)
    {
        if (findings.Length == 0) yield break;
        yield return (AlarmKey.DriftRule, Drift(findings));
        foreach (var finding in findings.Where(finding => RuleOf(finding) != AlarmKey.DriftRule)) yield return (RuleOf(finding), finding.Verdict);
    }

    public static bool IsHazard(Finding finding) => finding.Detector.StartsWith(Finding.HazardPrefix, StringComparison.Ordinal);

    /// <summary>The rule that a finding speaks for.</summary>
    public static string RuleOf(Finding finding) => IsHazard(finding) || finding.Detector == AlarmKey.TailsRule ? finding.Detector : AlarmKey.DriftRule;

    /// <summary>Drift when one detector sees it; an all-clear needs at least one that looked.</summary>
    private static Verdict Drift(ImmutableArray<Finding> findings)
    {
        var verdicts = findings.Where(finding => RuleOf(finding) == AlarmKey.DriftRule).Select(finding => finding.Verdict).ToHashSet();
        return verdicts.Contains(Verdict.Drift) ? Verdict.Drift : verdicts.Contains(Verdict.Steady) ? Verdict.Steady : Verdict.Undecided;
    }

    private AlertBook After(WindowClosed window)
    {
        var alarms = Alarms;
        foreach (var (rule, verdict) in Verdicts(window.Findings))
        {
            var key = new AlarmKey(window.Monitor, window.Probe, window.Partition, rule);
            alarms = alarms.SetItem(key, For(key).After(verdict));
        }
        var (windows, sequences) = SeenOf(window.Monitor, window.Probe, window.Partition);
        var maps = window.Probe == Probe.Canary && window.Findings.FirstOrDefault(finding => finding.Detector == MapFit.DetectorName) is { Verdict: not Verdict.Undecided } fit
            ? CanaryMaps.SetItem((window.Monitor, window.Partition), fit.Verdict)
            : CanaryMaps;
        return new(alarms, Seen.SetItem((window.Monitor, window.Probe, window.Partition), (windows + 1, sequences + window.Sequences))) { CanaryMaps = maps };
    }

    /// <summary>An end begins the count anew: a hazard that leaves the catalog while it holds has not been steady, and may come back.</summary>
    private AlertBook With(AlarmKey key, string? alert) =>
        this with { Alarms = Alarms.SetItem(key, For(key) is var alarm && alert is null ? alarm with { Alert = null, DriftStreak = 0 } : alarm with { Alert = alert }) };
}
