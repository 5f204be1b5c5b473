using System.Diagnostics;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Soak;

/// <summary>One daemon from its start, with more behind it than it can do, for a time; then it may read what is left.</summary>
internal sealed class SoakRun(string name, TimeSpan time, RealKafka kafka, TempFolder folder)
{
    /// <summary>So much is sent ahead: some 340 MB.</summary>
    private const long RowsAhead = 400_000;

    private const double MiB = 1 << 20;

    private static readonly TimeSpan look = TimeSpan.FromSeconds(1), patience = TimeSpan.FromMinutes(5);

    private readonly List<Look> looks = [];
    private long done;   // Rows, as the daemon last said.

    private sealed record Look(TimeSpan At, long Rows, long Behind, long Resident);

    /// <returns>What is wrong with what it stored.</returns>
    public async Task<IReadOnlyList<string>> RunAsync(string program)
    {
        // What was read is deleted: an hour of it would fill a disk.
        kafka.CreateTopic(name, SoakTraffic.Partitions, "retention.bytes=1000000000", "segment.bytes=268435456");
        using var traffic = new SoakTraffic(kafka.BootstrapServers, name);
        var (port, log) = (Loopback.FreePort(), folder.File($"{name}.log"));
        using var daemon = new WatchedDaemon(program, traffic.Write(folder, port), log, port);

        var clock = Stopwatch.StartNew();
        using var sent = new CancellationTokenSource();
        var watching = WatchAsync(daemon, traffic, clock, sent.Token);
        while (clock.Elapsed < time && daemon.Runs) await traffic.SendCycleAsync(async () =>
        {
            while (traffic.Rows - Volatile.Read(ref done) > RowsAhead && daemon.Runs) await Task.Delay(100);
        });
        await sent.CancelAsync();
        await watching;

        var windows = (long)traffic.Cycles * SoakTraffic.Partitions * SoakTraffic.Models.Length;
        clock.Restart();
        while (daemon.Runs && clock.Elapsed < patience && await daemon.SumAsync("driftwatch_windows_closed_total") < windows) await Task.Delay(look);
        Console.WriteLine($"{name}: what was left to read took {clock.Elapsed.TotalSeconds:0} s.");
        daemon.Kill();
        var lost = await RowsLostAsync(traffic);
        if (lost.Count > 0) Console.Error.WriteLine(string.Join('\n', File.ReadLines(log).TakeLast(5)));
        return lost;
    }

    /// <summary>The time while messages were sent, in parts of one length; a part in which the daemon did not run is left out.</summary>
    public IReadOnlyList<SoakPart> PartsOf(int parts) =>
    [
        .. looks.Where(entry => entry.Rows > 0).GroupBy(entry => (int)(entry.At / time * parts)).Where(part => part.Key < parts && part.Count() > 1).Select(part => new SoakPart(
            part.Key,
            (part.Last().Rows - part.First().Rows) / (part.Last().At - part.First().At).TotalSeconds, part.Min(entry => entry.Behind), Median.Of(part.Select(entry => entry.Resident / MiB)), part.Max(entry => entry.Resident) / MiB)),
    ];

    private async Task WatchAsync(WatchedDaemon daemon, SoakTraffic traffic, Stopwatch clock, CancellationToken sent)
    {
        while (!sent.IsCancellationRequested && daemon.Runs)
        {
            var rows = await daemon.SumAsync("driftwatch_rows_total");
            Volatile.Write(ref done, rows);
            if (daemon.Runs) looks.Add(new(clock.Elapsed, rows, traffic.Rows - rows, daemon.Resident()));
            await Task.Delay(look, CancellationToken.None);
        }
    }

    private async Task<IReadOnlyList<string>> RowsLostAsync(SoakTraffic traffic)
    {
        using var opened = EventLogAddress.Open($"sqlite:{folder.File($"{name}.db")}", TimeProvider.System);
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
        Console.WriteLine($"{name}: {traffic.Rows:N0} rows sent, {rows.Values.Sum():N0} in stored windows, {alerts} events of alerts.");
        return
        [
            .. from model in SoakTraffic.Models
               from partition in Enumerable.Range(0, SoakTraffic.Partitions)
               let stored = rows.GetValueOrDefault((model.Name, partition))
               where stored != due
               select $"{name}, {model.Name}, partition {partition}: {due:N0} rows sent, {stored:N0} stored",
        ];
    }
}

/// <param name="Number">From 0.</param>
/// <param name="Speed">Rows a second.</param>
/// <param name="Behind">Rows, at least.</param>
/// <param name="Resident">MiB, half of the time less.</param>
/// <param name="ResidentMost">MiB.</param>
internal sealed record SoakPart(int Number, double Speed, long Behind, double Resident, double ResidentMost);
