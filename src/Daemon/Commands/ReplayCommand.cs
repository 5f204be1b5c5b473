using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch replay --config FILE --log ADDRESS</c>: what the daemon would have decided from the stored windows under another configuration.</summary>
public static class ReplayCommand
{
    private const int FeaturesShown = 5;

    public static Command Create()
    {
        var config = CommandLine.ConfigOption();
        var log = CommandLine.StoredLogOption();
        var monitors = CommandLine.MonitorsOption("--monitor", "These monitors only: model@version/hook. Default: all.");
        var json = CommandLine.JsonOption();
        var command = new Command("replay", "Decide the stored windows anew under a configuration and show which alerts differ. Windows stay as they are: windows.rows, windows.length and a baseline that is frozen are not replayed.") { config, log, monitors, json };
        command.SetAction((parsed, stopping) => RunAsync(
            parsed.GetRequiredValue(config), parsed.GetRequiredValue(log), CommandLine.Monitors(parsed.GetValue(monitors)), parsed.GetValue(json), stopping));
        return command;
    }

    private static async Task<int> RunAsync(string config, string address, HashSet<MonitorId> only, bool json, CancellationToken stopping)
    {
        var (_, catalog) = ConfigurationFile.Load(config);
        var report = new ReplayReport();
        var began = Stopwatch.GetTimestamp();
        using (var log = CommandLine.OpenStored(address))
        {
            var progress = new Progress(json ? null : Console.Error, "windows", total: null);
            await foreach (var step in new WindowReplay(catalog, only).RunAsync(log.Log, stopping))
            {
                report.Evolve(step);
                progress.Report(report.Windows);
            }
            progress.End(report.Windows);
        }
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var results = report.Results().ToArray();
        foreach (var name in only)
            if (results.All(result => result.Monitor != name))
                throw new UsageException($"{address} holds no window of {name}. {(results.Length > 0 ? $"It has windows of: {string.Join(", ", results.Select(result => result.Monitor).Distinct())}." : "Leave --monitor out to see all.")}");
        if (json) Console.WriteLine(JsonSerializer.Serialize(new { catalog = catalog.Hash, monitors = results.Select(View), alerts = results.SelectMany(result => result.Alerts).Select(View), run = new { windows = report.Windows, seconds } }, EventJson.Options));
        else Write(Console.Out, results, report.Windows, seconds);
        return ExitCode.Done;
    }

    private static object View(ReplayedMonitor result) => new
    {
        monitor = result.Monitor,
        probe = result.Probe,
        windows = result.Windows,
        redecided = result.Redecided,
        asRecorded = result.AsRecorded,
        otherEncoding = result.OtherEncoding,
        withoutBaseline = result.WithoutBaseline,
        verdicts = result.Verdicts,
        notCounted = result.NotCounted.Select(entry => new { rule = entry.Rule, names = entry.Names, windows = entry.Windows }),
    };

    private static object View(ComparedAlert alert) => new
    {
        change = alert.Change,
        rule = alert.Rule,
        monitor = (alert.Recorded ?? alert.Replayed)!.Alert.Monitor,
        probe = (alert.Recorded ?? alert.Replayed)!.Alert.Probe,
        recorded = View(alert.Recorded),
        replayed = View(alert.Replayed),
    };

    private static object? View(AlertSpan? span) => span is not { Alert: var alert } ? null : new
    {
        id = alert.Id,
        kind = alert.Kind,
        rule = alert.Rule,
        severity = alert.Severity,
        attribution = alert.Attribution,
        opened = new { window = alert.Windows, sequences = alert.SequencesSeen, start = alert.Window.Start, end = alert.Window.End, firstOffset = alert.Window.FirstOffset, nextOffset = alert.Window.NextOffset },
        ended = alert.Ended,
        endedWindow = span.EndedWindow,
        features = alert.Features,
    };

    private static void Write(TextWriter output, IReadOnlyList<ReplayedMonitor> results, long windows, double seconds)
    {
        foreach (var result in results)
        {
            output.WriteLine($"{result.Monitor}{(result.Probe == Probe.Canary ? " (canary)" : "")}: {result.Windows} windows, {result.Redecided} decided anew, {result.AsRecorded} of them as recorded");
            if (result.OtherEncoding > 0) output.WriteLine($"  {result.OtherEncoding} windows cannot be re-decided: stored under another dictionary, transform or outlierNorm, or the configuration lacks the model; analyse the recorded messages again into a new log");
            if (result.WithoutBaseline > 0) output.WriteLine($"  {result.WithoutBaseline} windows have nothing to be compared with: no baseline was frozen before them");
            foreach (var change in result.Verdicts) output.WriteLine($"  {change.Detector}: {change.Windows} window{(change.Windows == 1 ? "" : "s")} {Name(change.Recorded)} → {Name(change.Replayed)}");
            foreach (var (rule, names, count) in result.NotCounted) output.WriteLine($"  {Finding.HazardPrefix}{rule}: undecided where it needs {names}, not counted in {count} windows, which closed before the rule was in force");
        }
        output.WriteLine();
        var alerts = results.SelectMany(result => result.Alerts).ToArray();
        if (alerts.Length == 0) output.WriteLine("No alerts, neither as recorded nor as replayed.");
        else output.WriteLine($"{"",-13} {"as recorded",-58} | as replayed");
        foreach (var group in alerts.GroupBy(alert => (alert.Recorded ?? alert.Replayed)!.Alert is var any ? (any.Monitor, any.Probe) : default))
        {
            output.WriteLine($"{group.Key.Monitor}{(group.Key.Probe == Probe.Canary ? " (canary)" : "")}");
            foreach (var alert in group)
            {
                output.WriteLine($"{Name(alert.Change),-13} {alert.Rule}");
                foreach (var (then, now) in Lines(alert.Recorded).Zip(Lines(alert.Replayed))) output.WriteLine($"{"",-13} {then,-58} | {now}");
            }
        }
        output.WriteLine();
        output.WriteLine($"{string.Join(", ", Enum.GetValues<AlertChange>().Select(change => (Change: change, Count: alerts.Count(alert => alert.Change == change))).Where(entry => entry.Count > 0).Select(entry => $"{entry.Count} {Name(entry.Change)}").DefaultIfEmpty("nothing to compare"))}; {windows} windows in {seconds:0.0} s");
    }

    private static IEnumerable<string> Lines(AlertSpan? span)
    {
        if (span is not { Alert: var alert }) return ["–", "", ""];
        var features = alert.Features.Select(feature => feature.Set ?? (feature.Label is null ? feature.Feature.ToString() : $"{feature.Feature} '{feature.Label}'")).Distinct().ToArray();
        return
        [
            $"opened by window {alert.Windows}, {alert.Window.End:u}",
            $"{(span.EndedWindow is { } ended ? $"ended by window {ended}" : "open at the end")}; {alert.Severity.ToString().ToLowerInvariant()}, {alert.Attribution}, {alert.Rule}",
            features.Length == 0 ? "" : $"features {string.Join(", ", features.Take(FeaturesShown))}{(features.Length > FeaturesShown ? " …" : "")}",
        ];
    }

    private static string Name(Verdict? verdict) => verdict?.ToString().ToLowerInvariant() ?? "not judged";

    private static string Name(AlertChange change) => change == AlertChange.NotReplayed ? "not replayed" : change.ToString().ToLowerInvariant();
}
