using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch audit export</c>: events as JSON Lines, or a table of windows as CSV, of a version, a feature, a time range.</summary>
public static class AuditExport
{
    public static Command Create()
    {
        var log = CommandLine.StoredLogOption();
        var monitors = CommandLine.MonitorsOption("--monitor", "Only these monitors (model@version/hook). Default: all, and the catalog's events.");
        var feature = new Option<int?>("--feature") { Description = "Only windows, with how often this feature fired in each." };
        var from = new Option<string?>("--from") { Description = "Event time from which on: RFC 3339, as in 2026-11-20T12:00:00Z." };
        var to = new Option<string?>("--to") { Description = "Event time up to which, exclusive." };
        var format = new Option<string>("--format") { Description = "jsonl (default): every event with its place, hashes and data. csv: a row for each window.", DefaultValueFactory = _ => "jsonl" };
        format.AcceptOnlyFromAmong("jsonl", "csv");
        var summaries = new Option<bool>("--summaries") { Description = "jsonl: with the windows' packed sums; they are left out else, and the events' hashes cover them." };
        var command = new Command("export", "Write what stands in the record to standard output.") { log, monitors, feature, from, to, format, summaries };
        command.SetAction(async (parsed, stopping) =>
        {
            var wanted = new Wanted(CommandLine.Monitors(parsed.GetValue(monitors)), parsed.GetValue(feature), Time("--from", parsed.GetValue(from)), Time("--to", parsed.GetValue(to)));
            using var opened = CommandLine.OpenStored(parsed.GetRequiredValue(log));
            if (parsed.GetRequiredValue(format) == "csv") await CsvAsync(opened.Log, wanted, Console.Out, stopping);
            else await JsonLinesAsync(opened.Log, wanted, parsed.GetValue(summaries), Console.Out, stopping);
            return ExitCode.Done;
        });
        return command;
    }

    /// <param name="Monitors">Empty: all.</param>
    private sealed record Wanted(HashSet<MonitorId> Monitors, int? Feature, DateTimeOffset? From, DateTimeOffset? To)
    {
        public bool Has(StoredEvent fact) =>
            (Monitors.Count == 0 || Monitors.Any(monitor => fact.Stream.StartsWith($"{StreamNames.WatchPrefix}{monitor}-", StringComparison.Ordinal) || fact.Stream == StreamNames.Baseline(monitor) || fact.Stream == StreamNames.Operator(monitor)))
            && (From is null || fact.Time >= From) && (To is null || fact.Time < To);
    }

    private static async Task JsonLinesAsync(IEventLog log, Wanted wanted, bool summaries, TextWriter output, CancellationToken stopping)
    {
        await foreach (var fact in log.ReadAllAsync(0, stopping))
        {
            if (!wanted.Has(fact)) continue;
            var data = JsonNode.Parse(fact.Data)!.AsObject();
            if (wanted.Feature is { } feature)
            {
                if (EventJson.Read(fact.Data) is not WindowClosed window) continue;
                data["featureFiring"] = JsonSerializer.SerializeToNode(FiringOf(window, feature), EventJson.Options);
            }
            if (!summaries) data.Remove("summary");
            output.WriteLine(JsonSerializer.Serialize(new { fact.Position, fact.Stream, fact.Revision, fact.Id, fact.Type, fact.Time, fact.Actor, fact.Causation, fact.Previous, fact.Hash, data }, EventJson.Options));
        }
    }

    private static async Task CsvAsync(IEventLog log, Wanted wanted, TextWriter output, CancellationToken stopping)
    {
        output.WriteLine($"position,monitor,probe,partition,start,end,firstOffset,nextOffset,rows,sequences,fvu,l0,drifting{(wanted.Feature is null ? "" : ",feature,firingRows,firingRate,firingSequences")},hash");
        await foreach (var fact in log.ReadAllAsync(0, stopping))
        {
            if (!wanted.Has(fact) || fact.Type != "window-closed" || EventJson.Read(fact.Data) is not WindowClosed window) continue;
            var drifting = string.Join(' ', window.Findings.Where(finding => finding.Verdict == Analysis.Detection.Verdict.Drift).Select(finding => finding.Detector));
            var line = new StringBuilder();
            line.Append(CultureInfo.InvariantCulture, $"{fact.Position},{Quoted(window.Monitor.ToString())},{window.Probe.ToString().ToLowerInvariant()},{window.Partition},{EventChain.TimeText(window.Start)},{EventChain.TimeText(window.End)},");
            line.Append(CultureInfo.InvariantCulture, $"{window.Offsets.First},{window.Offsets.Next},{window.Rows},{window.Sequences},{window.Fvu:R},{window.L0:R},{Quoted(drifting)}");
            if (wanted.Feature is { } feature && FiringOf(window, feature) is var (rows, rate, sequences)) line.Append(CultureInfo.InvariantCulture, $",{feature},{rows},{rate:R},{sequences}");
            output.WriteLine(line.Append(',').Append(fact.Hash));
        }
    }

    private sealed record FeatureFiring(long Rows, double Rate, long Sequences);

    private static FeatureFiring FiringOf(WindowClosed window, int feature)
    {
        var summary = SummaryCodec.Decode(window.Summary);
        if (feature < 0 || feature >= summary.Features) throw new UsageException($"--feature is {feature}; {window.Monitor} has features 0 to {summary.Features - 1}.");
        var firing = summary.FiringOf(feature);
        return new(firing.Rows, (double)firing.Rows / Math.Max(1, summary.Rows), firing.Sequences);
    }

    /// <summary>RFC 4180; and no cell begins as a formula would.</summary>
    private static string Quoted(string cell)
    {
        if (cell.Length > 0 && "=+-@".Contains(cell[0])) cell = $"'{cell}";
        return cell.AsSpan().IndexOfAny(",\"\r\n") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private static DateTimeOffset? Time(string option, string? text) =>
        text is null ? null : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : throw new UsageException($"{option} is '{text}'. Use RFC 3339, as in 2026-11-20T12:00:00Z.");
}
