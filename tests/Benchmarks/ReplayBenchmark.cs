using System.Collections.Immutable;
using System.Diagnostics;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks;

/// <summary>Windows a second through a replay, on a made log of ten monitors that the daemon's own record wrote.</summary>
/// <remarks>Windows of 20,000 rows in 200 sequences, 60 features a row, half of them from the sequence's own few. A few windows are made and come again and again with other offsets: what is measured is reading, decoding and judging.</remarks>
internal static class ReplayBenchmark
{
    private const int Monitors = 10, Rows = 20_000, Length = 100, Active = 60, Topic = 200, Templates = 8, Width = 768;
    private const int YearOfTen = 87_600;

    public static async Task<int> RunAsync(string[] args)
    {
        var windows = args is [var given, ..] ? int.Parse(given) : 300;
        var features = args is [_, var wanted, ..] ? int.Parse(wanted) : 16_384;
        var kept = args is [_, _, var path] ? path : null;
        var file = kept ?? Path.GetTempFileName();
        try
        {
            var catalog = CatalogOf(features);
            using var log = EventLogAddress.Open($"sqlite:{file}", TimeProvider.System);
            if (new FileInfo(file).Length < 1 << 20 && kept is null || await log.Log.ReadAllAsync(0, default).FirstOrDefaultAsync() is null) await WriteAsync(log.Log, catalog, windows, features);
            foreach (var threads in new[] { 1, Environment.ProcessorCount })
            {
                var report = new ReplayReport();
                var (began, processor) = (Stopwatch.GetTimestamp(), Process.GetCurrentProcess().TotalProcessorTime);
                await foreach (var step in new WindowReplay(catalog, new HashSet<MonitorId>()) { Parallelism = threads }.RunAsync(log.Log, default)) report.Evolve(step);
                var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                var used = (Process.GetCurrentProcess().TotalProcessorTime - processor).TotalSeconds;
                var results = report.Results().ToArray();
                Console.WriteLine($"{threads} threads: {report.Windows} windows of {features} features, {results.Sum(result => result.AsRecorded)} as recorded, {seconds:0.0} s ({used:0.0} s of processor): {report.Windows / seconds:0} windows/s; "
                    + $"a year of hourly windows for ten monitors ({YearOfTen}): {YearOfTen * seconds / report.Windows / 60:0.0} minutes; peak memory {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB");
            }
            await CompareAsync(log.Log, catalog);
            Console.WriteLine($"log: {new FileInfo(file).Length / (double)windows / 1024:0} KiB a window");
            return 0;
        }
        finally
        {
            if (kept is null) foreach (var left in new[] { "", "-wal", "-shm" }) File.Delete(file + left);
        }
    }

    /// <summary>What <c>driftwatch compare</c> does: two of the monitors, the others skipped.</summary>
    private static async Task CompareAsync(IEventLog log, Catalog catalog)
    {
        var comparison = new VersionComparison(catalog, new(new("model-0", "1", "h"), new("model-1", "1", "h"), Probe.Traffic, null, null));
        var (began, events) = (Stopwatch.GetTimestamp(), 0);
        await foreach (var stored in log.ReadAllAsync(0, default))
        {
            events++;
            if (comparison.Wants(stored.Stream) && EventJson.Read(stored.Data) is WindowClosed window) comparison.Evolve(window);
        }
        var folded = Stopwatch.GetElapsedTime(began).TotalSeconds;
        began = Stopwatch.GetTimestamp();
        var result = comparison.Result();
        Console.WriteLine($"compared: {comparison.Windows} windows among {events} events folded in {folded:0.00} s ({folded / comparison.Windows * 1000:0.0} ms a window), {result.Comparison.Tested} features tested in {Stopwatch.GetElapsedTime(began).TotalSeconds:0.00} s");
    }

    private static Catalog CatalogOf(int features)
    {
        var sae = new SparseAutoencoder
        {
            Kind = AutoencoderKind.JumpReLU,
            Width = Width,
            Features = features,
            EncoderDF = [],
            DecoderFD = [],
            EncoderBiasF = [],
            DecoderBiasD = [],
            Hash = "made",
        };
        var space = new CanonicalSpace("made/v1", new NoEncoder(sae), FeatureLabels.None);
        return new("made", "{}",
        [
            .. Enumerable.Range(0, Monitors).Select(number => new ModelPlan
            {
                Model = $"model-{number}",
                Hook = "h",
                Space = space,
                Transform = new IdentityTransform(Width),
                Baseline = new(new($"model-{number}", "1", "h"), 3 * Rows, 3 * Rows),
                Hazards = [],
                Windows = new() { Rows = Rows },
                Detection = new(),
            }),
        ]);
    }

    private static async Task WriteAsync(IEventLog log, Catalog catalog, int windows, int features)
    {
        var random = new Random(1);
        var templates = Enumerable.Range(0, Templates).Select(_ => MadeWindow.Of(random, features, Width, new(Rows, Length, Active, Topic, Skew: 3))).ToArray();
        var record = new WatchRecord(log, catalog);
        var began = Stopwatch.GetTimestamp();
        for (var number = 0; number < windows; number++)
        {
            var (monitor, hour) = (number % Monitors, number / Monitors);
            var (summary, profiles, firings) = templates[(monitor + hour) % Templates];
            var end = new DateTimeOffset(2026, 1, 1, 1, 0, 0, TimeSpan.Zero).AddHours(hour);
            var closed = new ClosedWindow(new(new($"model-{monitor}", "1", "h"), Probe.Traffic), new(hour, hour + 1, hour + 1, end), end.AddHours(-1), end, ImmutableSortedDictionary<string, long>.Empty, summary) { Profiles = profiles, Firings = firings };
            await record.RecordAsync(record.Judge(closed, monitor), monitor, default);
        }
        Console.WriteLine($"recorded {windows} windows at {windows / Stopwatch.GetElapsedTime(began).TotalSeconds:0} windows/s");
    }
}
