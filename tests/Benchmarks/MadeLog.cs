using System.Collections.Immutable;
using System.Diagnostics;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks;

/// <summary>Writes a log of very many windows: ten monitors whose baselines and first windows the daemon's own record judges and stores; those windows then come again and again with other offsets and times.</summary>
/// <remarks>Stored through the log as ever, hashes and all, but some hundred events with one sync: the daemon's own pace is not what is measured.</remarks>
internal static class MadeLog
{
    public const int Monitors = 10, Features = 1024, Width = 64;
    private const int Rows = 200, Length = 5, Active = 8, Topic = 24, Templates = 8, BaselineWindows = 60, AppendWindows = 400;

    public static MonitorId Monitor(int number) => new($"acme/model-{number}", "2026-11-20.3", "blocks.12.hook_resid_post");

    public static Catalog Catalog()
    {
        var space = new CanonicalSpace("made/v1", new NoEncoder(new()
        {
            Kind = AutoencoderKind.JumpReLU,
            Width = Width,
            Features = Features,
            EncoderDF = [],
            DecoderFD = [],
            EncoderBiasF = [],
            DecoderBiasD = [],
            Hash = "made",
        }), FeatureLabels.None);
        return new("made", "{}",
        [
            .. Enumerable.Range(0, Monitors).Select(number => new ModelPlan
            {
                Model = Monitor(number).Model,
                Hook = Monitor(number).Hook,
                Space = space,
                Transform = new IdentityTransform(Width),
                Baseline = new(Monitor(number), BaselineWindows * Rows, BaselineWindows * Rows),
                Hazards = [],
                Windows = new() { Rows = Rows },
                Detection = new() { SequencesMinimum = 30 },
            }),
        ]);
    }

    public static async Task WriteAsync(IEventLog log, int windows)
    {
        var random = new Random(1);
        var made = Enumerable.Range(0, BaselineWindows + Templates).Select(_ => MadeWindow.Of(random, Features, Width, new(Rows, Length, Active, Topic, Skew: 6))).ToArray();
        var began = Stopwatch.GetTimestamp();
        var record = new WatchRecord(log, Catalog());
        await record.CatchUpAsync(default);
        await record.RecordCatalogAsync(default);
        var (templates, written, bytes) = (new List<WindowClosed>[Monitors], 0, 0L);
        for (var number = 0; number < Monitors; number++)
        {
            templates[number] = [];
            for (var hour = 0; hour < made.Length && written < windows; hour++, written++)
            {
                var (summary, profiles, firings) = made[hour];
                var closed = new ClosedWindow(new(Monitor(number), Probe.Traffic), new(hour, hour + 1, hour + 1, End(hour)), End(hour - 1), End(hour), ImmutableSortedDictionary<string, long>.Empty, summary) { Profiles = profiles, Firings = firings };
                var facts = await record.RecordAsync(record.Judge(closed, number), number, default);
                if (hour >= BaselineWindows) templates[number].Add((WindowClosed)facts[0]);
            }
        }
        for (var from = made.Length; written < windows; from += AppendWindows)
            for (var number = 0; number < Monitors && written < windows; number++)
            {
                var stream = StreamNames.Watch(Monitor(number), number);
                var events = new List<NewEvent>(AppendWindows);
                for (var hour = from; hour < from + AppendWindows && written < windows; hour++, written++)
                {
                    var window = templates[number][hour % Templates] with { Offsets = new(hour, hour + 1, hour + 1, End(hour)), Start = End(hour - 1), End = End(hour) };
                    var data = EventJson.Write(window);
                    bytes += data.Length;
                    events.Add(new(EventId.From($"{stream}|{hour}"), EventJson.TypeOf(window), window.End, "driftwatch", null, data));
                }
                var last = -1L;
                if (from == made.Length)
                    await foreach (var stored in log.ReadStreamAsync(stream, 0, default)) last = stored.Revision;
                else last = revisions[number];
                revisions[number] = await log.AppendAsync(stream, last, events, default);
                if (written / 100_000 > (written - events.Count) / 100_000) Console.WriteLine($"  {written} windows, {written / Stopwatch.GetElapsedTime(began).TotalSeconds:0}/s");
            }
        Console.WriteLine($"wrote {written} windows of {Features} features in {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s, {bytes / Math.Max(1, written)} bytes of data a window");
    }

    private static readonly long[] revisions = new long[Monitors];

    private static DateTimeOffset End(int hour) => new DateTimeOffset(2010, 1, 1, 1, 0, 0, TimeSpan.Zero).AddHours(hour);
}
