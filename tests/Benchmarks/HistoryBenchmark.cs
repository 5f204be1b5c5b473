using System.Diagnostics;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Benchmarks;

/// <summary>What a long past costs: start-up with and without a snapshot, what the API shows, rebuilding the feature history and asking it. Each step is a process of its own, so that its peak memory is its own.</summary>
internal static class HistoryBenchmark
{
    private const int Questions = 500, Buckets = 200;

    public static async Task<int> RunAsync(string[] args)
    {
        if (args is ["step", var step, var kept])
        {
            await StepAsync(step, kept);
            return 0;
        }
        var windows = args is [var given, ..] ? int.Parse(given) : 20_000;
        var folder = args is [_, var path] ? path : Directory.CreateTempSubdirectory("driftwatch-history").FullName;
        var file = Path.Combine(folder, "log.db");
        try
        {
            Directory.CreateDirectory(folder);
            if (!File.Exists(file))
            {
                using var log = EventLogAddress.Open($"sqlite:{file}", TimeProvider.System);
                await MadeLog.WriteAsync(log.Log, windows);
            }
            Console.WriteLine($"log: {Size(file)} MiB");
            foreach (var name in new[] { "start-without", "start-with", "register-without", "register-with", "rebuild", "ask", "ask" })
                Console.Write(await OwnProcess.RunAsync("history", "step", name, folder));
            Console.WriteLine($"projections: {Size(Path.Combine(folder, "projections.db"))} MiB");
            return 0;
        }
        finally
        {
            if (args is not [_, _]) Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task StepAsync(string step, string folder)
    {
        var address = $"sqlite:{Path.Combine(folder, "projections.db")}";
        using var log = EventLogAddress.Open($"sqlite:{Path.Combine(folder, "log.db")}", TimeProvider.System);
        using var store = ProjectionAddress.Open(address, address);
        var began = Stopwatch.GetTimestamp();
        var said = step switch
        {
            "start-without" or "start-with" => await StartAsync(log.Log, store),
            "register-without" or "register-with" => await RegisterAsync(log.Log, store),
            "rebuild" => await RebuildAsync(log.Log, store),
            _ => await AskAsync(store),
        };
        Console.WriteLine($"{step}: {Stopwatch.GetElapsedTime(began).TotalSeconds:0.00} s, {Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds:0.00} s of processor, peak memory {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB; {said}");
    }

    private static async Task<string> StartAsync(IEventLog log, IProjectionStore store)
    {
        var snapshots = new WatchSnapshots(store, MadeLog.Catalog(), Console.WriteLine);
        var from = (await snapshots.ReadAsync(log, default))?.Snapshot.Position ?? 0;
        var record = new WatchRecord(log, MadeLog.Catalog(), snapshots);
        await record.CatchUpAsync(default);
        await snapshots.FlushAsync();
        var began = Stopwatch.GetTimestamp();
        record.TakeSnapshot();
        var copied = Stopwatch.GetElapsedTime(began);
        await snapshots.FlushAsync();
        var written = Stopwatch.GetElapsedTime(began);
        return $"from position {from}; a snapshot holds the loop for {copied.TotalMilliseconds:0.0} ms and is written in {written.TotalMilliseconds:0} ms";
    }

    private static async Task<string> RegisterAsync(IEventLog log, IProjectionStore store)
    {
        var snapshots = new RegisterSnapshots(store, Console.WriteLine);
        var (register, before) = (new MonitorRegister(), GC.GetTotalMemory(forceFullCollection: true));
        register.Load(await snapshots.ReadAsync(log, default));
        var (from, hash) = (register.Current.Position, "");
        await foreach (var stored in log.ReadAllAsync(from, default))
        {
            register.Evolve(stored);
            hash = stored.Hash;
            if (snapshots.IsDue(stored.Position)) await snapshots.TryWriteAsync(register.Current, hash, default);
        }
        var memory = GC.GetTotalMemory(forceFullCollection: true) - before;
        return $"from position {from} to {register.Current.Position}; the register itself takes {memory / 1048576.0:0.0} MiB";
    }

    private static async Task<string> RebuildAsync(IEventLog log, IProjectionStore store)
    {
        var history = new FeatureHistory(store, Console.WriteLine);
        await history.DropAsync("it is measured", default);
        var began = Stopwatch.GetTimestamp();
        await history.CatchUpAsync(log, _ => { }, default);
        return $"{history.Position / Stopwatch.GetElapsedTime(began).TotalSeconds:0} windows/s";
    }

    /// <summary>Each question has a feature and a monitor of its own; the first ones find nothing in the caches of this process.</summary>
    private static async Task<string> AskAsync(IProjectionStore store)
    {
        var (reader, random) = (new FeatureHistoryReader(store), new Random(1));
        var (all, last) = (new List<double>(), 0L);
        for (var i = 0; i < Questions; i++)
        {
            var began = Stopwatch.GetTimestamp();
            var answer = await reader.AskAsync(new(MadeLog.Monitor(random.Next(MadeLog.Monitors)), Probe.Traffic, random.Next(MadeLog.Features), null, null, Buckets), default);
            all.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            last = answer!.Windows;
        }
        var first = all[0];
        all.Sort();
        return $"{Questions} questions over {last} windows each, {Buckets} points: first {first:0} ms, p50 {all[Questions / 2]:0.0} ms, p99 {all[Questions * 99 / 100]:0.0} ms";
    }

    private static long Size(string file) => new[] { file, file + "-wal" }.Where(File.Exists).Sum(path => new FileInfo(path).Length) >> 20;
}
