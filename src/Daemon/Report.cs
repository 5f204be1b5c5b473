using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Daemon.Api;

namespace DriftWatch.Daemon;

/// <summary>What was seen and decided, for a person or as one JSON object.</summary>
public static class Report
{
    public static string Json(MonitorRegister.Snapshot snapshot, DateTimeOffset now, object? extra = null)
    {
        var report = new
        {
            monitors = snapshot.Monitors.Values.Select(Views.Monitor),
            alerts = snapshot.AlertsInOrder.Select(alert => Views.Alert(alert, now)),
            baselines = snapshot.Baselines.Select(Views.Baseline),
            run = extra,
        };
        return JsonSerializer.Serialize(report, EventJson.Options);
    }

    public static void Write(TextWriter output, MonitorRegister.Snapshot snapshot)
    {
        output.WriteLine($"{"monitor",-50} {"windows",8} {"rows",10} {"sequences",10} {"FVU",8} {"L0",7}");
        foreach (var entry in snapshot.Monitors.Values)
            output.WriteLine($"{Name(entry),-50} {entry.Windows,8} {entry.Rows,10} {entry.Sequences,10} {entry.Fvu,8:0.0000} {entry.L0,7:0.00}");
        output.WriteLine();
        // Blind is not quiet: say so before "No alerts".
        foreach (var entry in snapshot.Monitors.Values.Where(entry => entry.Undecided > 0))
            output.WriteLine($"{Name(entry)}: {entry.Undecided} of {entry.Windows} windows were not judged: {(entry.Last.Baseline is null ? "no baseline was frozen for the dictionary, transform and outlierNorm in force" : "too few sequences, or the baseline was frozen after them")}");
        if (snapshot.AlertOrder.Length == 0) output.WriteLine("No alerts.");
        foreach (var alert in snapshot.AlertsInOrder) WriteAlert(output, alert);
    }

    public static void WriteAlert(TextWriter output, AlertEntry alert)
    {
        output.WriteLine($"{alert.Severity.ToString().ToUpperInvariant()} {alert.Kind} {alert.Rule}: {alert.Monitor}{(alert.Ended is null ? "" : " (ended)")}");
        if (alert.Raised is HazardDetected { Summary.Length: > 0 } hazard) output.WriteLine($"  {hazard.Summary}");
        output.WriteLine($"  alert {alert.Id}, window {alert.Windows} ({alert.SequencesSeen} sequences so far), {alert.Window.Start:u} to {alert.Window.End:u}, offsets {alert.Window.FirstOffset} to {alert.Window.NextOffset - 1}");
        if (alert.Members.Length > 1) output.WriteLine($"  on {alert.Members.Length} partitions: {string.Join(", ", alert.Members.Select(member => $"{member.Partition} (alarm {member.Id}{(member.Ended is null ? "" : ", ended")})"))}");
        output.WriteLine($"  attribution {alert.Attribution}; FVU {alert.Window.BaselineFvu:0.0000} → {alert.Window.Fvu:0.0000}, L0 {alert.Window.BaselineL0:0.00} → {alert.Window.L0:0.00}, transform {alert.Window.TransformGrade ?? "identity"}");
        if (alert.Evidence is not null) output.WriteLine($"  {alert.Evidence}");
        foreach (var finding in alert.Findings)
        {
            output.WriteLine($"  {finding.Detector}: {finding.Because}");
            foreach (var feature in finding.Features.Take(5))
                output.WriteLine($"    {feature.Set ?? $"feature {feature.Feature}"}{(feature.Label is null ? "" : $" '{feature.Label}'")}: rate {feature.BaselineRate:0.#####} → {feature.Rate:0.#####} {(feature is { RatioLow: { } low, RatioHigh: { } high } ? $", factor {low:0.0#} to {high:0.0#}" : "")} (z {feature.Z:0.0}, p {feature.P:0.0e+00}){(feature.Group is { } group && group != feature.Feature ? $", with {group}" : "")}");
        }
        output.WriteLine();
    }

    private static string Name(MonitorEntry entry) => entry.Probe == Analysis.Activations.Probe.Canary ? $"{entry.Monitor} (canary)" : entry.Monitor.ToString();
}
