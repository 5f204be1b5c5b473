using System.Collections.Immutable;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Daemon.Api;

/// <summary>A monitor as the API and <c>--json</c> show it.</summary>
public sealed record MonitorView(
    MonitorId Monitor, Probe Probe, long Windows, long Rows, long Sequences, double Fvu, double L0, long WindowsUndecided, DateTimeOffset LastWindowEnd, string? Baseline, ImmutableArray<Finding> LastFindings);

public sealed record BaselineView(MonitorId Monitor, Probe Probe, long Rows, long Sequences, string Hash);

public sealed record AlertOpened(long Window, long Sequences, DateTimeOffset Start, DateTimeOffset End, long FirstOffset, long NextOffset);

/// <summary>One of an alert's alarms: a partition on which its cause shows. Its id finds the alert, too.</summary>
public sealed record AlertMemberView(string Id, int Partition, DateTimeOffset Start, DateTimeOffset End, long FirstOffset, long NextOffset, DateTimeOffset? Ended);

/// <summary>An alert as the API and <c>--json</c> show it: what happened, how sure, what to look at next.</summary>
public sealed record AlertView(
    string Id, MonitorId Monitor, Probe Probe, string Kind, string Rule, Severity Severity, string State, string Attribution, string? Evidence, string? Summary, AlertOpened Opened, DateTimeOffset? Ended,
    double Fvu, double BaselineFvu, double L0, double BaselineL0, string? TransformGrade,
    IEnumerable<AlertFeature> Features, ImmutableArray<AlertFinding> Findings, string? Acknowledged, string? Muted, string? Resolved, string More, IEnumerable<AlertMemberView> Members);

public static class Views
{
    public static MonitorView Monitor(MonitorEntry entry) => new(
        entry.Monitor, entry.Probe, entry.Windows, entry.Rows, entry.Sequences, entry.Fvu, entry.L0, entry.Undecided, entry.Last.End, entry.Last.Baseline, entry.Last.Findings);

    public static BaselineView Baseline(BaselineFrozen baseline) => new(baseline.Monitor, baseline.Probe, baseline.Rows, baseline.Sequences, baseline.Hash);

    public static AlertView Alert(AlertEntry alert, DateTimeOffset now) => new(
        alert.Id, alert.Monitor, alert.Probe, alert.Kind, alert.Rule, alert.Severity, alert.StateAt(now).ToString().ToLowerInvariant(), alert.Attribution, alert.Evidence,
        (alert.Raised as HazardDetected)?.Summary,
        new(alert.Windows, alert.SequencesSeen, alert.Window.Start, alert.Window.End, alert.Window.FirstOffset, alert.Window.NextOffset), alert.Ended,
        alert.Window.Fvu, alert.Window.BaselineFvu, alert.Window.L0, alert.Window.BaselineL0, alert.Window.TransformGrade,
        alert.Features, alert.Findings, alert.Acknowledged, alert.Muted, alert.Resolved,
        $"GET /v1/monitors/{alert.Monitor}/windows and /v1/audit/{StreamNames.Watch(alert.Monitor, alert.Partition)}",
        alert.Members.Select(member => new AlertMemberView(member.Id, member.Partition, member.Window.Start, member.Window.End, member.Window.FirstOffset, member.Window.NextOffset, member.Ended)));
}
