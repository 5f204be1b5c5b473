using System.Collections.Immutable;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts;

/// <summary>⑦ A book and a window that was just closed and judged → what follows from it. Reads no clock.</summary>
public static class AlertPolicy
{
    /// <summary>Raise, hold or end, for each rule: one alert per cause, not one per window.</summary>
    /// <param name="book">Before <paramref name="closed"/>.</param>
    /// <param name="closed">The fact that is stored in the same append.</param>
    /// <param name="judged">What it was made from.</param>
    public static IReadOnlyList<AlertEvent> Decide(AlertBook book, WindowClosed closed, JudgedWindow judged)
    {
        var after = AlertBook.Evolve(book, closed);
        var facts = new List<AlertEvent>();
        foreach (var (rule, verdict) in AlertBook.Verdicts(closed.Findings))
        {
            var key = new AlarmKey(closed.Monitor, closed.Probe, closed.Partition, rule);
            var alarm = after.For(key);
            var hazard = judged.Plan.Hazards.FirstOrDefault(hazard => Finding.HazardPrefix + hazard.Id == rule);
            // Only with a window that shows it: a limit that was lowered since is met by one that cannot say, too.
            if (verdict == Verdict.Drift && alarm.Alert is null && alarm.DriftStreak >= WindowsFor(rule, hazard, judged.Plan.Detection)) facts.Add(Raised(after, closed, judged, key, hazard));
            else if (alarm.Alert is { } alert && alarm.SteadyStreak >= judged.Plan.Detection.EndAfter) facts.Add(Ended(after, closed, alert, rule, hazard));
        }
        facts.AddRange(EndedWithTheirRule(after, closed));
        return facts;
    }

    /// <summary>Windows in a row that raise an alert. The tails' one window is enough: waiting for a second would make a stated run time longer, and alerts later.</summary>
    private static int WindowsFor(string rule, HazardRule? hazard, DetectionOptions options) => hazard?.For ?? (rule == AlarmKey.TailsRule ? 1 : options.RaiseAfter);

    private static AlertEvent Raised(AlertBook book, WindowClosed closed, JudgedWindow judged, AlarmKey key, HazardRule? hazard)
    {
        var alert = EventId.Short($"{StreamNames.Watch(closed.Monitor, closed.Partition)}|{closed.Probe}|{key.Rule}|{closed.Offsets.Next}");
        var (windows, sequences) = book.SeenOf(closed.Monitor, closed.Probe, closed.Partition);
        var findings = Labelled(closed.Findings.Where(finding => finding.Verdict == Verdict.Drift && AlertBook.RuleOf(finding) == key.Rule), judged.Plan);
        var window = WindowOf(closed, judged);
        var (attribution, evidence) = AttributionOf(book, closed, judged);
        return hazard is null
            ? new DriftDetected(alert, closed.Monitor, closed.Probe, closed.Partition, Severity.Warning, attribution, windows, sequences, window, findings, StoredRule(key.Rule), evidence)
            : new HazardDetected(alert, closed.Monitor, closed.Probe, closed.Partition, hazard.Id, hazard.Severity, hazard.Summary, attribution, windows, sequences, window, findings, evidence);
    }

    private static string? StoredRule(string rule) => rule == AlarmKey.DriftRule ? null : rule;

    private static AlertEvent Ended(AlertBook book, WindowClosed closed, string alert, string rule, HazardRule? hazard)
    {
        var (windows, _) = book.SeenOf(closed.Monitor, closed.Probe, closed.Partition);
        return hazard is null
            ? new DriftEnded(alert, closed.Monitor, closed.Probe, closed.Partition, closed.End, windows, StoredRule(rule))
            : new HazardEnded(alert, closed.Monitor, closed.Probe, closed.Partition, hazard.Id, closed.End, windows);
    }

    /// <summary>A hazard that was taken out of the catalog can neither hold nor end by itself: it ends with the first window that is judged without it.</summary>
    private static IEnumerable<AlertEvent> EndedWithTheirRule(AlertBook book, WindowClosed closed)
    {
        if (closed.Findings.Length == 0) return [];
        var judged = AlertBook.Verdicts(closed.Findings).Select(verdict => verdict.Rule).ToHashSet(StringComparer.Ordinal);
        var (windows, _) = book.SeenOf(closed.Monitor, closed.Probe, closed.Partition);
        return book.Alarms
            .Where(entry => entry.Value.Alert is not null && (entry.Key.Monitor, entry.Key.Probe, entry.Key.Partition) == (closed.Monitor, closed.Probe, closed.Partition) && !judged.Contains(entry.Key.Rule))
            .OrderBy(entry => entry.Key.Rule, StringComparer.Ordinal)
            .Select(entry => new HazardEnded(entry.Value.Alert!, closed.Monitor, closed.Probe, closed.Partition, entry.Key.Rule[Finding.HazardPrefix.Length..], closed.End, windows));
    }

    /// <summary>What has changed, as far as the controls can tell, and what they say.</summary>
    /// <remarks>
    /// mapping: the transform's grade is poor, or it no longer fits. model: canary rows drift (the same prompts for each version, so the input did not change). input: traffic drifts and canary
    /// rows, of which there are windows, do not. encoder: fit alone is behind it. Else unclear: without canary rows a changed model and changed traffic look alike.
    /// </remarks>
    private static (string Label, string Evidence) AttributionOf(AlertBook book, WindowClosed closed, JudgedWindow judged)
    {
        var (label, because) = LabelOf(book, closed, judged);
        var evidence = new List<string> { because };
        evidence.AddRange(closed.Findings.Where(finding => Controls.Contains(finding.Detector) && finding.Verdict != Verdict.Undecided).Select(finding => $"{finding.Detector} {(finding.Verdict == Verdict.Drift ? "drifts" : "is steady")}: {finding.Because}"));
        if (judged.Baseline?.Summary is { Sequences: > 0 } then && closed.Sequences > 0)
            evidence.Add($"sequences have {(double)closed.Rows / closed.Sequences:0.0} rows ({(double)then.Rows / then.Sequences:0.0} in the baseline)");
        return (label, string.Join("; ", evidence));
    }

    /// <summary>They run beside the features and say whether those can be believed.</summary>
    private static readonly ImmutableArray<string> Controls = ["encoder-fit", MapFit.DetectorName, "activation-mean-shift", "activation-covariance-shift"];

    private static (string Label, string Because) LabelOf(AlertBook book, WindowClosed closed, JudgedWindow judged)
    {
        if (judged.MapProblem is { } problem) return ("mapping", problem);
        if (judged.Plan.Transform.Grade is 'E' or 'F') return ("mapping", $"the transform has grade {judged.Plan.Transform.Grade}: what drifts may be the map");
        if (closed.Probe == Probe.Canary) return ("model", "these are canary rows: the prompts are the same, so the model changed");
        var canary = book.For(new(closed.Monitor, Probe.Canary, closed.Partition, AlarmKey.DriftRule));
        if (canary.DriftStreak > 0 || canary.Alert is not null) return ("model", "canary rows drift too: the prompts are the same, so the model changed");
        if (canary.SteadyStreak > 0) return ("input", $"the last {canary.SteadyStreak} canary windows are steady: the model does with the same prompts what it did before");
        var drifting = closed.Findings.Where(finding => finding.Verdict == Verdict.Drift).Select(finding => finding.Detector).ToArray();
        return drifting is ["encoder-fit"]
            ? ("encoder", "the dictionary fits differently and no feature drifts")
            : ("unclear", "there are no canary rows: a changed model and changed traffic look alike");
    }

    private static AlertWindow WindowOf(WindowClosed closed, JudgedWindow judged) => new(
        closed.Start, closed.End, closed.Offsets.First, closed.Offsets.Next, closed.Rows, closed.Sequences,
        closed.Fvu, judged.Baseline?.Summary.Fvu ?? 0, closed.L0, judged.Baseline?.Summary.L0.Ratio ?? 0, judged.Plan.Transform.Grade?.ToString(), judged.Plan.Transform is IdentityTransform ? null : judged.Plan.Transform.Hash);

    private static ImmutableArray<AlertFinding> Labelled(IEnumerable<Finding> findings, ModelPlan plan) =>
    [
        .. findings.Select(finding => new AlertFinding(finding.Detector, finding.Score, finding.Effect, finding.Because, finding.FeatureCount,
            [.. finding.Features.Zip(FeatureGroups.Of(finding.Features, plan.Space.Dictionary), (feature, group) => new AlertFeature(
                feature.Feature, feature.Set, plan.Space.Labels.Of(feature.Feature), feature.BaselineRate, feature.Rate, feature.Z, feature.P, feature.RatioLow, feature.RatioHigh, group, plan.Space.Dictionary.PrefixOf(feature.Feature)))])),
    ];
}
