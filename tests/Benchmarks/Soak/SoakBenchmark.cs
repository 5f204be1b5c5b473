using System.Diagnostics;
using System.Globalization;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Soak;

/// <summary>One daemon on a real Kafka with more behind it than it can do, for as long as is asked for: its memory, its speed, and whether every row that was sent is in one stored window.</summary>
internal static class SoakBenchmark
{
    private const int Parts = 10;
    private const double MostMemoryGrown = 1.1, LeastSpeedKept = 0.9;

    /// <summary>So much is sent ahead: some 340 MB.</summary>
    private const long RowsAhead = 400_000;

    private static readonly TimeSpan look = TimeSpan.FromSeconds(1), patience = TimeSpan.FromMinutes(5);

    private sealed record Look(TimeSpan At, long Rows, long Behind, long Resident);

    public static async Task<int> RunAsync(string[] args)
    {
        var program = Path.GetFullPath("artifacts/driftwatch");
        if (args.Length > 1 || !double.TryParse(args.FirstOrDefault() ?? "60", CultureInfo.InvariantCulture, out var minutes) || minutes is not (> 0 and <= 10_000))
        {
            Console.Error.WriteLine("usage: make soak ARGS=\"[minutes, default 60]\"");
            return 1;
        }
        using var kafka = new RealKafka();
        if ((kafka.Absent ?? (File.Exists(program) ? null : "artifacts/driftwatch is not there; 'make build' makes it")) is { } absent)
        {
            Console.Error.WriteLine($"bench soak runs the daemon on a real Kafka: {absent}");
            return 1;
        }
        using var folder = new TempFolder();
        // What was read is deleted: an hour of it would fill a disk.
        kafka.CreateTopic(SoakTraffic.Topic, SoakTraffic.Partitions, "retention.bytes=1000000000", "segment.bytes=268435456");
        foreach (var topic in new[] { "driftwatch.rejected", "driftwatch.alerts" }) kafka.CreateTopic(topic, 1);
        var port = Loopback.FreePort();
        var config = SoakTraffic.Write(folder, kafka.BootstrapServers, port);
        using var traffic = new SoakTraffic(kafka.BootstrapServers);
        using var daemon = new WatchedDaemon(program, config, folder.File("daemon.log"), port);
        Console.WriteLine($"{Machine.Describe()}; {minutes} minutes, {string.Join(" and ", SoakTraffic.Models.Select(model => $"{model.Width:N0} → {model.Features:N0}"))} JumpReLU, as many rows of each, {SoakTraffic.Partitions} partitions, windows of {SoakTraffic.WindowRows:N0} rows, broker and sender on the same machine");

        var looks = new List<Look>();
        var done = 0L;   // Rows, as the daemon last said.
        var clock = Stopwatch.StartNew();
        var until = TimeSpan.FromMinutes(minutes);
        using var sent = new CancellationTokenSource();
        var watching = WatchAsync();
        while (clock.Elapsed < until && daemon.Runs) await traffic.SendCycleAsync(async () =>
        {
            while (traffic.Rows - Volatile.Read(ref done) > RowsAhead && daemon.Runs) await Task.Delay(100);
        });
        await sent.CancelAsync();
        await watching;
        var ended = clock.Elapsed;
        while (daemon.Runs && clock.Elapsed - ended < patience && await daemon.SumAsync("driftwatch_windows_closed_total") < Windows()) await Task.Delay(look);
        var drained = clock.Elapsed - ended;
        daemon.Kill();

        string[] wrong = [.. Report([.. looks.Where(entry => entry.Rows > 0)], minutes), .. await RowsLostAsync(folder, traffic)];
        Console.WriteLine($"What was left to read took {drained.TotalSeconds:0} s.");
        foreach (var line in wrong) Console.WriteLine($"WRONG: {line}");
        if (wrong.Length > 0) Console.Error.WriteLine(string.Join('\n', File.ReadLines(folder.File("daemon.log")).TakeLast(5)));
        else Console.WriteLine("All as it should be.");
        return wrong.Length == 0 ? 0 : 1;

        long Windows() => (long)traffic.Cycles * SoakTraffic.Partitions * SoakTraffic.Models.Length;

        async Task WatchAsync()
        {
            while (!sent.IsCancellationRequested && daemon.Runs)
            {
                var rows = await daemon.SumAsync("driftwatch_rows_total");
                Volatile.Write(ref done, rows);
                if (daemon.Runs) looks.Add(new(clock.Elapsed, rows, traffic.Rows - rows, daemon.Resident()));
                await Task.Delay(look);
            }
        }
    }

    private static IEnumerable<string> Report(Look[] looks, double minutes)
    {
        Console.WriteLine();
        Console.WriteLine("| minutes | rows/s | rows behind, at least | resident MiB, at most |");
        Console.WriteLine("|--:|--:|--:|--:|");
        List<(double Speed, double Resident)> parts = [];
        for (var part = 0; part < Parts; part++)
        {
            var some = looks.Where(entry => (int)(entry.At.TotalMinutes / minutes * Parts) == part).ToArray();
            if (some.Length < 2) continue;
            parts.Add(((some[^1].Rows - some[0].Rows) / (some[^1].At - some[0].At).TotalSeconds, some.Max(entry => entry.Resident) / 1048576.0));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {minutes * part / Parts:0.#} to {minutes * (part + 1) / Parts:0.#} | {parts[^1].Speed:N0} | {some.Min(entry => entry.Behind):N0} | {parts[^1].Resident:N0} |"));
        }
        Console.WriteLine();
        if (parts.Count < Parts)
        {
            yield return $"it ran in {parts.Count} of {Parts} parts of the time";
            yield break;
        }
        // The first part starts, compiles and learns its baselines.
        var (memoryBefore, memory) = (parts[1..4].Max(part => part.Resident), parts[7..].Max(part => part.Resident));
        var (speedBefore, speed) = (parts[1..4].Average(part => part.Speed), parts[7..].Average(part => part.Speed));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The last three parts beside the second to fourth: {speed / speedBefore:0.00} times the speed, {memory / memoryBefore:0.00} times the memory."));
        if (speed < LeastSpeedKept * speedBefore) yield return "it became slower";
        if (memory > MostMemoryGrown * memoryBefore) yield return "its memory grew";
    }

    private static async Task<IEnumerable<string>> RowsLostAsync(TempFolder folder, SoakTraffic traffic)
    {
        using var opened = EventLogAddress.Open($"sqlite:{folder.File("soak.db")}", TimeProvider.System);
        var rows = new Dictionary<(string, int), long>();
        var alerts = 0;
        await foreach (var stored in opened.Log.ReadAllAsync(0, CancellationToken.None))
        {
            var fact = EventJson.Read(stored.Data);
            if (AlertGroups.IsAlertFact(fact)) alerts++;
            if (fact is not WindowClosed window) continue;
            var place = (window.Monitor.Model, window.Partition);
            rows[place] = rows.GetValueOrDefault(place) + window.Rows;
        }
        var due = (long)traffic.Cycles * SoakTraffic.WindowRows;
        Console.WriteLine($"{traffic.Rows:N0} rows sent, {rows.Values.Sum():N0} in stored windows, {alerts} events of alerts.");
        return
            from model in SoakTraffic.Models
            from partition in Enumerable.Range(0, SoakTraffic.Partitions)
            let stored = rows.GetValueOrDefault((model.Name, partition))
            where stored != due
            select $"{model.Name}, partition {partition}: {due:N0} rows sent, {stored:N0} stored";
    }
}
