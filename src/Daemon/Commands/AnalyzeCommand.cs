using System.CommandLine;
using System.Diagnostics;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Ingest;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch analyze FILE… --config FILE --log sqlite:PATH</c>: the same way through without a broker.</summary>
public static class AnalyzeCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("file") { Description = "Message files, or folders of them, in the order in which they are read as one partition.", Arity = ArgumentArity.OneOrMore };
        var config = CommandLine.ConfigOption();
        var log = new Option<string>("--log") { Description = "Where the events go: sqlite:PATH. Reading goes on behind what is stored there.", Required = true };
        var json = CommandLine.JsonOption();
        var command = new Command("analyze", "Analyse recorded message files into a local event log.") { files, config, log, json };
        command.SetAction((parsed, stopping) => RunAsync(
            CommandLine.Files(parsed.GetRequiredValue(files)), parsed.GetRequiredValue(config), parsed.GetRequiredValue(log), parsed.GetValue(json), stopping));
        return command;
    }

    private static async Task<int> RunAsync(IReadOnlyList<string> files, string config, string logAddress, bool json, CancellationToken stopping)
    {
        if (EventLogAddress.Problem(logAddress) is { } problem) throw new UsageException($"--log: {problem}");
        var (settings, catalog) = ConfigurationFile.Load(config);
        var time = TimeProvider.System;
        using var log = EventLogAddress.Open(logAddress, time, settings.SampleWindows);
        var register = new MonitorRegister();
        using var metrics = new WatchMetrics(register, time);
        var report = new Refusals(files);
        var source = new CountingSource(new MessageFiles(files, settings.MessageBytesMaximum), files.Count, json ? null : Console.Error);
        var watcher = new DriftWatcher(
            source, House.DecoderFor(catalog, settings.MessageBytesMaximum), catalog, new(log.Log, catalog), report, metrics, new(time), time, NullLogger<DriftWatcher>.Instance);

        var began = Stopwatch.GetTimestamp();
        await watcher.RunAsync(stopping, stopping);
        stopping.ThrowIfCancellationRequested();
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;

        await foreach (var stored in log.Log.ReadAllAsync(0, stopping)) register.Evolve(stored);
        if (json) Console.WriteLine(Report.Json(register.Current, time.GetUtcNow(), new { files = files.Count, rejected = report.ByReason, seconds }));
        else Report.Write(Console.Out, register.Current);
        if (register.Current.Monitors.Count == 0)
            await Console.Error.WriteLineAsync($"No window closed: windows.rows is {catalog.Models[0].Windows.Rows}. Give more files or a smaller window.");
        if (report.Count == 0) return ExitCode.Done;
        await Console.Error.WriteLineAsync($"{report.Count} of {files.Count} files were refused; the others were analysed.");
        return ExitCode.InputRefused;
    }

    /// <summary>Refused files, said at once.</summary>
    private sealed class Refusals(IReadOnlyList<string> files) : IDeadLetters
    {
        public SortedDictionary<string, long> ByReason { get; } = new(StringComparer.Ordinal);
        public long Count => ByReason.Values.Sum();

        public Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping)
        {
            ByReason[reason] = ByReason.GetValueOrDefault(reason) + 1;
            return Console.Error.WriteLineAsync($"{files[(int)message.Offset]}: refused ({reason}): {explanation}");
        }
    }

    /// <summary>Passes everything on and says how far it is.</summary>
    private sealed class CountingSource(MessageFiles files, int count, TextWriter? progress) : IActivationSource
    {
        private readonly Progress line = new(progress, "messages", count);

        public bool CanPostpone => false;

        public bool MoreAtHand => files.MoreAtHand;

        public IAsyncEnumerable<SourceEvent> ReadAsync(CancellationToken stopping) => files.ReadAsync(stopping);

        public void Acknowledge(int partition, long openFrom, long next) => line.Report(next);
    }
}
