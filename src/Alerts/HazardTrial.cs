using System.Collections.Immutable;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>Smallest, middle and largest of what was measured, window by window.</summary>
public sealed record Spread(double Minimum, double Median, double Maximum)
{
    public static Spread? Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        if (sorted.Length == 0) return null;
        var middle = sorted.Length / 2;
        return new(sorted[0], sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2, sorted[^1]);
    }
}

/// <summary>One part of a rule's condition over a monitor's windows.</summary>
/// <param name="NotCounted">Windows that closed before the rule was in force and cannot say.</param>
/// <param name="Rate">What is compared with the limits (a fingerprint: the cosine), over the windows that can.</param>
/// <param name="Lift">Its factor of the baseline's; null where the baseline cannot say.</param>
/// <param name="Magnitude">Where the part limits it.</param>
/// <param name="Estimated">Windows in which it was estimated from a sample of sequences, theirs or the baseline's.</param>
public sealed record TrialPart(string Name, int NotCounted, Spread? Rate, Spread? Lift, Spread? Magnitude, int Estimated);

/// <summary>How a rule would have done on one monitor's stored windows.</summary>
/// <param name="Windows">Stored windows with the dictionary, transform and rows of the configuration.</param>
/// <param name="Judged">Windows that the rule could decide.</param>
/// <param name="Held">Judged windows in which its condition held.</param>
/// <param name="Alerts">What <c>for</c> would have made of them.</param>
/// <param name="Quiet">Judged windows that count as quiet, and <paramref name="QuietHeld"/> those of them in which the condition held.</param>
/// <param name="Undecided">Why the others were not judged, the commonest reason first: what the first such window's finding says, and how many.</param>
public sealed record TrialMonitor(
    MonitorId Monitor, Probe Probe, int Windows, int Judged, int Held, int Alerts, int Quiet, int QuietHeld, ImmutableArray<TrialPart> Parts, ImmutableArray<(string Because, int Windows)> Undecided);

/// <summary>A rule tried on what is stored.</summary>
/// <param name="FalsePositives">Share of quiet windows in which the condition held: 95 % interval of Clopper and Pearson; null without quiet windows.</param>
public sealed record TrialRule(HazardRule Rule, ImmutableArray<TrialMonitor> Monitors, long Quiet, long QuietHeld, (double Low, double High)? FalsePositives);

/// <summary>What hazard rules would have said of stored windows, before anyone is paged by them: a function of the log and the rules.</summary>
/// <remarks>
/// Each window is judged as the daemon judges it, against the baseline that is frozen at the end of the log (its own windows, too: there the rule is tried on what it is compared
/// with, so their share of false positives is a little low), and <see cref="AlertPolicy"/> decides what is raised.
/// Quiet are windows as <see cref="AlarmHistory"/> says. An alert of the tried rule itself excuses nothing: it is what is tried.
/// The interval takes windows for independent; they share traffic, so take its upper end for a lower bound of the doubt.
/// </remarks>
public sealed class HazardTrial
{
    /// <summary>Of the interval for false positives.</summary>
    public const double Confidence = 0.95;

    /// <summary>How the reason begins when a window closed before the rule was in force.</summary>
    public const string NotCounted = "not counted";

    private readonly Catalog catalog;
    private readonly BaselineBook baselines;
    private readonly AlarmHistory history;
    private readonly List<(Guid Id, WindowClosed Window, IReadOnlySet<string> Alarms)> windows = [];
    private readonly WindowSamples samples = new();

    public HazardTrial(Catalog catalog, IReadOnlySet<MonitorId> quiet)
    {
        (this.catalog, history) = (catalog, new(catalog, quiet));
        baselines = new(BaselineTargets.Of(catalog));
    }

    public IEnumerable<MonitorId> Monitors => windows.Select(entry => entry.Window.Monitor).Distinct().Order();

    /// <summary>Takes the log's facts in order.</summary>
    public void Evolve(AlertEvent fact, Guid id)
    {
        // Windows are folded only for the baselines that were frozen: what is being learned has no say here.
        samples.Evolve(fact, id);
        if (fact is BaselineFrozen) baselines.Evolve(fact, id);
        var alarms = history.Evolve(fact);
        if (fact is WindowClosed window && catalog.PlanFor(window.Monitor) is { Hazards.Length: > 0 } plan && plan.EncodingHash == window.Encoding) windows.Add((id, window with { Findings = [] }, alarms!));
    }

    /// <param name="only">These monitors; empty: all.</param>
    /// <param name="log">Where the facts come from: samples are beside them.</param>
    public async Task<IReadOnlyList<TrialRule>> ResultsAsync(IReadOnlySet<MonitorId> only, IEventLog log, CancellationToken stopping)
    {
        var results = new List<TrialRule>();
        var chosen = windows.Where(entry => only.Count == 0 || only.Contains(entry.Window.Monitor)).ToArray();
        foreach (var rule in catalog.Models.SelectMany(plan => plan.Hazards).DistinctBy(rule => rule.Id).OrderBy(rule => rule.Id, StringComparer.Ordinal))
        {
            var monitors = new List<TrialMonitor>();
            foreach (var group in chosen
                .Where(entry => catalog.PlanFor(entry.Window.Monitor)!.Hazards.Contains(rule))
                .GroupBy(entry => (entry.Window.Monitor, entry.Window.Probe))
                .OrderBy(group => group.Key.Monitor).ThenBy(group => group.Key.Probe))
                monitors.Add(await TryAsync(rule, group.Key.Monitor, group.Key.Probe, [.. group], log, stopping));
            var (all, held) = (monitors.Sum(monitor => (long)monitor.Quiet), monitors.Sum(monitor => (long)monitor.QuietHeld));
            results.Add(new(rule, [.. monitors], all, held, all == 0 ? null : Statistics.ClopperPearson(held, all, Confidence)));
        }
        return results;
    }

    private async Task<TrialMonitor> TryAsync(
        HazardRule rule, MonitorId monitor, Probe probe, IReadOnlyList<(Guid Id, WindowClosed Window, IReadOnlySet<string> Alarms)> entries, IEventLog log, CancellationToken stopping)
    {
        // The daemon's own decisions, with this rule alone.
        var plan = catalog.PlanFor(monitor)! with { Hazards = [rule] };
        var detector = new HazardDetector(rule);
        var book = AlertBook.Empty;
        var measures = new List<IReadOnlyList<HazardMeasure>>();
        var undecided = new List<(string Kind, string Because)>();
        var (judgedCount, held, alerts, quietCount, quietHeld) = (0, 0, 0, 0, 0);
        var baseline = baselines.For(plan, probe, catalog);
        if (baseline is not null) baseline = await samples.CompletedAsync(baseline, plan.Sets, log, stopping);
        foreach (var (id, stored, alarms) in entries)
        {
            if (baseline is null)
            {
                undecided.Add(("baseline", "no baseline is frozen for it in this log"));
                continue;
            }
            var summary = await samples.CompletedAsync(SummaryCodec.Decode(stored.Summary), id, plan.Sets, log, stopping);
            var finding = detector.Judge(summary, baseline);
            measures.Add(detector.Measure(summary, baseline));
            if (finding.Verdict == Verdict.Undecided)
            {
                var kind = detector.SequencesOf(summary) < rule.MinimumSequences ? "sequences" : measures[^1].Any(part => !part.Counted) ? "counted" : "other";
                undecided.Add((kind, kind == "counted" ? $"{NotCounted}: {string.Join(", ", measures[^1].Where(part => !part.Counted).Select(part => part.Name))}" : finding.Because));
            }
            else
            {
                judgedCount++;
                if (finding.Verdict == Verdict.Drift) held++;
                if (history.IsQuiet(monitor, alarms, Finding.HazardPrefix + rule.Id))
                {
                    quietCount++;
                    if (finding.Verdict == Verdict.Drift) quietHeld++;
                }
            }
            var closed = stored with { Findings = [finding], Summary = [] };
            var window = new ClosedWindow(new(monitor, probe), stored.Offsets, stored.Start, stored.End, stored.Rejected, summary);
            var decided = AlertPolicy.Decide(book, closed, new(window, plan, baseline, closed.Findings));
            alerts += decided.OfType<HazardDetected>().Count();
            book = decided.Prepend(closed).Aggregate(book, AlertBook.Evolve);
        }
        var parts = Enumerable.Range(0, measures.Count == 0 ? 0 : measures[0].Count)
            .Select(at => measures.Select(window => window[at]).ToArray())
            .Select(part => new TrialPart(
                part[0].Name, part.Count(measure => !measure.Counted), Spread.Of(part.Where(measure => measure.Counted).Select(measure => measure.Rate)), Spread.Of(part.Where(measure => measure.Lift > 0).Select(measure => measure.Lift)),
                Spread.Of(part.Select(measure => measure.Magnitude).OfType<double>()), part.Count(measure => measure.Estimated)))
            .Distinct();
        var reasons = undecided.GroupBy(entry => entry.Kind).OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).Select(group => (group.First().Because, group.Count()));
        return new(monitor, probe, entries.Count, judgedCount, held, alerts, quietCount, quietHeld, [.. parts], [.. reasons]);
    }
}
