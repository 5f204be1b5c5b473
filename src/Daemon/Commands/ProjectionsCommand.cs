using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch projections status|rebuild</c>: what is derived from the log and kept: snapshots for a fast start, the feature history.</summary>
public static class ProjectionsCommand
{
    public static Command Create() => new("projections", "What is derived from the log and kept for speed: look at it, or make it anew.") { Status(), Rebuild() };

    public static Option<string?> ProjectionsOption() => new("--projections") { Description = "Where projections are kept: sqlite:PATH or postgres://…; the daemon's setting of that name. Default: in the log's own store." };

    public static IProjectionStore OpenBeside(string log, string? projections) =>
        ProjectionAddress.Problem(projections, log) is { } problem ? throw new UsageException(projections is null ? problem : $"--projections: {problem}") : ProjectionAddress.Open(projections, log);

    /// <summary>To the end of the log.</summary>
    public static async Task CatchUpAsync(FeatureHistory history, IEventLog log, TextWriter? output, CancellationToken stopping)
    {
        var progress = new Progress(output, "events", total: null);
        await history.CatchUpAsync(log, progress.Report, stopping);
        progress.End(history.Position);
    }

    private static Command Status()
    {
        var (log, projections, json) = (CommandLine.StoredLogOption(), ProjectionsOption(), CommandLine.JsonOption());
        var command = new Command("status", "How far each projection is, and what it takes.") { log, projections, json };
        command.SetAction(async (parsed, stopping) =>
        {
            using var opened = CommandLine.OpenStored(parsed.GetRequiredValue(log));
            using var store = OpenBeside(parsed.GetRequiredValue(log), parsed.GetValue(projections));
            var sizes = await store.ListAsync(stopping);
            var end = await EndAsync(opened.Log, sizes.Select(size => size.State.Position).DefaultIfEmpty().Max(), stopping);
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(new { end, projections = sizes.Select(size => new { size.Name, size.State.Version, size.State.Position, behind = end - size.State.Position, size.Chunks, size.Bytes }) }, EventJson.Options));
            else
            {
                Console.WriteLine($"The log ends at position {end}.");
                foreach (var size in sizes) Console.WriteLine($"{size.Name,-28} position {size.State.Position} ({end - size.State.Position} behind), {size.Chunks} chunks, {size.Bytes / 1048576.0:0.0} MiB");
                if (sizes.Count == 0) Console.WriteLine("No projections are kept; a daemon writes them, or 'driftwatch projections rebuild'.");
            }
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Rebuild()
    {
        var (log, projections) = (CommandLine.StoredLogOption(), ProjectionsOption());
        log.Description = "The event log to read: sqlite:PATH or postgres://USER@HOST/DATABASE.";
        var config = new Option<string?>("--config") { Description = "The daemon's configuration. With it the snapshot that its start reads is made anew too." };
        var command = new Command("rebuild", "Make every projection anew from the log. A daemon may be running.") { log, projections, config };
        command.SetAction((parsed, stopping) => RebuildAsync(parsed.GetRequiredValue(log), parsed.GetValue(projections), parsed.GetValue(config), stopping));
        return command;
    }

    private static async Task<int> RebuildAsync(string address, string? projections, string? config, CancellationToken stopping)
    {
        var catalog = config is null ? null : ConfigurationFile.Load(config).Catalog;
        using var log = CommandLine.OpenStored(address);
        using var store = OpenBeside(address, projections);
        foreach (var (name, _) in await store.NamesAsync("", stopping))
            if (catalog is not null || name is FeatureHistory.Name or RegisterSnapshots.Name) await store.DropAsync(name, stopping);

        await Console.Error.WriteLineAsync("feature history");
        var history = new FeatureHistory(store, Console.Error.WriteLine);
        await CatchUpAsync(history, log.Log, Console.Error, stopping);

        await Console.Error.WriteLineAsync("what the API shows");
        var (register, snapshots, progress, hash) = (new MonitorRegister(), new RegisterSnapshots(store, Console.Error.WriteLine), new Progress(Console.Error, "events", total: history.Position), "");
        await foreach (var stored in log.Log.ReadAllAsync(0, stopping))
        {
            register.Evolve(stored);
            hash = stored.Hash;
            progress.Report(stored.Position);
        }
        if (register.Current.Position > 0) await snapshots.WriteAsync(register.Current, hash, stopping);

        if (catalog is not null)
        {
            await Console.Error.WriteLineAsync("what a start reads");
            var watch = new WatchSnapshots(store, catalog, Console.Error.WriteLine);
            var record = new WatchRecord(log.Log, catalog, watch);
            await record.CatchUpAsync(stopping);
            await watch.FlushAsync();
            record.TakeSnapshot();
            await watch.FlushAsync();
        }
        Console.WriteLine($"Made anew from {history.Position} events: feature history, what the API shows{(catalog is null ? "; with --config also what a start reads" : ", what a start reads")}.");
        return ExitCode.Done;
    }

    /// <summary>Looks on from where the projections are: the whole log is not read for it.</summary>
    private static async Task<long> EndAsync(IEventLog log, long from, CancellationToken stopping)
    {
        var end = 0L;
        await foreach (var stored in log.ReadAllAsync(Math.Max(0, from - 1), stopping)) end = stored.Position;
        return end;
    }
}
