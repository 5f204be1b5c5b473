using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Api;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch history --log ADDRESS --monitor ID --feature N</c>: how a feature fired over the windows of a version.</summary>
public static class HistoryCommand
{
    private const int PointsShown = 24;

    public static Command Create()
    {
        var log = CommandLine.StoredLogOption();
        var projections = ProjectionsCommand.ProjectionsOption();
        var monitor = new Option<string>("--monitor") { Description = "Whose windows: model@version/hook.", Required = true };
        var feature = new Option<int>("--feature") { Description = "The feature's number.", Required = true };
        var probe = new Option<string?>("--probe") { Description = "traffic (default) or canary." };
        var from = new Option<string?>("--from") { Description = "Event time from which on: RFC 3339, as in 2026-11-20T12:00:00Z." };
        var to = new Option<string?>("--to") { Description = "Event time up to which, exclusive." };
        var points = new Option<int?>("--buckets") { Description = $"Points at most; more windows are added up in equal stretches of time. Default: {PointsShown}, with --csv and --json {FeatureDesk.BucketsDefault}." };
        var csv = new Option<bool>("--csv") { Description = "Print a table of comma-separated values." };
        var json = CommandLine.JsonOption();
        var command = new Command("history", "Show how a feature fired over the windows of a version. What the feature history lacks is read from the log first.") { log, projections, monitor, feature, probe, from, to, points, csv, json };
        command.SetAction(async (parsed, stopping) =>
        {
            var form = parsed.GetValue(json) ? Form.Json : parsed.GetValue(csv) ? Form.Csv : Form.Text;
            try
            {
                var question = new FeatureQuestion(
                    CommandLine.Monitor(parsed.GetRequiredValue(monitor)), ComparisonQuery.Probe("--probe", parsed.GetValue(probe)), parsed.GetRequiredValue(feature),
                    ComparisonQuery.Time("--from", parsed.GetValue(from)), ComparisonQuery.Time("--to", parsed.GetValue(to)),
                    ComparisonQuery.Count("--buckets", parsed.GetValue(points)?.ToString(CultureInfo.InvariantCulture), form == Form.Text ? PointsShown : FeatureDesk.BucketsDefault, FeatureHistoryReader.BucketsMaximum));
                return await RunAsync(parsed.GetRequiredValue(log), parsed.GetValue(projections), question, form, stopping);
            }
            catch (NotComparableException error)
            {
                throw new UsageException(error.Message);
            }
        });
        return command;
    }

    private enum Form
    {
        Text,
        Csv,
        Json,
    }

    private static async Task<int> RunAsync(string address, string? projections, FeatureQuestion question, Form form, CancellationToken stopping)
    {
        using var log = CommandLine.OpenStored(address);
        using var store = ProjectionsCommand.OpenBeside(address, projections);
        var history = new FeatureHistory(store, Console.Error.WriteLine);
        await ProjectionsCommand.CatchUpAsync(history, log.Log, form == Form.Json ? null : Console.Error, stopping);
        var answer = await AskAsync(history, log.Log, store, question, form, stopping);
        if (answer is null) throw new UsageException(await NoWindowsAsync(store, question, address, stopping));

        var view = FeatureHistoryView.Of(answer, question.Feature, null);
        if (form == Form.Json) Console.WriteLine(JsonSerializer.Serialize(view, EventJson.Options));
        else if (form == Form.Csv) WriteCsv(Console.Out, view);
        else Write(Console.Out, view);
        return ExitCode.Done;
    }

    private static async Task<FeatureAnswer?> AskAsync(FeatureHistory history, IEventLog log, IProjectionStore store, FeatureQuestion question, Form form, CancellationToken stopping)
    {
        try
        {
            try
            {
                return await new FeatureHistoryReader(store).AskAsync(question, stopping);
            }
            catch (MalformedException error) when (error.Reason == "projection")
            {
                await history.DropAsync(error.Message, stopping);
                await ProjectionsCommand.CatchUpAsync(history, log, form == Form.Json ? null : Console.Error, stopping);
                return await new FeatureHistoryReader(store).AskAsync(question, stopping);
            }
        }
        catch (UnknownFeatureException error)
        {
            throw new UsageException($"--{error.Message}");
        }
    }

    private static async Task<string> NoWindowsAsync(IProjectionStore store, FeatureQuestion question, string address, CancellationToken stopping)
    {
        var there = (await new FeatureHistoryReader(store).AllAsync(stopping)).Where(series => series.Probe == question.Probe).Select(series => series.Monitor).Distinct().Order().ToArray();
        var kind = question.Probe == Probe.Canary ? "canary windows" : "windows";
        return $"{EventLogAddress.Shown(address)} holds no {kind} of {question.Monitor}. {(there.Length == 0 ? $"It has no {kind} at all." : $"It has {kind} of: {string.Join(", ", there.Take(20))}{(there.Length > 20 ? $" and {there.Length - 20} more" : "")}.")}";
    }

    private static void WriteCsv(TextWriter output, FeatureHistoryView view)
    {
        output.WriteLine("start,end,windows,rows,sequences,firingRows,firingSequences,rate,rateError,sequenceShare,meanMagnitude");
        foreach (var point in view.Points)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{EventChain.TimeText(point.Start)},{EventChain.TimeText(point.End)},{point.Windows},{point.Rows},{point.Sequences},{point.FiringRows},{point.FiringSequences},{point.Rate:R},{point.RateError:R},{point.SequenceShare:R},{point.MeanMagnitude:R}"));
    }

    private static void Write(TextWriter output, FeatureHistoryView view)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Feature {view.Feature} of {view.Monitor}{(view.Probe == Probe.Canary ? " (canary)" : "")}: {view.Windows} windows, {view.Points.Count} points"));
        if (view.OtherEncodings.Length > 0) output.WriteLine($"Windows of {view.OtherEncodings.Length} other encodings (dictionary, transform or row selection) are left out: their features are others.");
        output.WriteLine($"{"from",-22}  {"windows",7}  {"rate",10}  {"± error",9}  {"sequences",9}  {"magnitude",9}");
        foreach (var point in view.Points)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{point.Start.UtcDateTime:yyyy-MM-dd HH:mm:ss}     {point.Windows,7}  {point.Rate,10:0.######}  {point.RateError,9:0.######}  {point.SequenceShare,9:0.0%}  {(point.MeanMagnitude is { } magnitude ? magnitude.ToString("0.###", CultureInfo.InvariantCulture) : "-"),9}"));
    }
}
