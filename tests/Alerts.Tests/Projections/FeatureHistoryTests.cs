using System.Collections.Immutable;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.Projections;

public sealed class FeatureHistoryTests : IDisposable
{
    private const int Features = 9000;

    /// <summary>In three parts of the dictionary, at their edges and within.</summary>
    private static readonly int[] inUse = [0, 1, 2, 3, 4095, 4096, 4097, 5000, 8191, 8192, 8500, 8999];

    private readonly InMemoryEventLog log = new();
    private readonly InMemoryProjections store = new();
    private readonly List<string> said = [];
    private readonly Dictionary<string, long> revisions = new(StringComparer.Ordinal);

    public void Dispose() => store.Dispose();

    /// <remarks>Followed in steps of any size by one that may just have started, so that runs are turned from rows that were stored, that were not, and from both.</remarks>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_features_history_is_what_its_windows_say(int seed)
    {
        var random = new Random(seed);
        var windows = new List<(WindowClosed Window, WindowSummary Summary)>();
        var history = new FeatureHistory(store, said.Add);
        for (var step = 0; step < 12; step++)
        {
            for (var left = random.Next(step == 3 ? 700 : 90); left > 0; left--) windows.Add(await AppendAsync(random));
            if (random.Next(3) == 0) history = new(store, said.Add);
            await history.CatchUpAsync(log, _ => { }, default);
        }
        Assert.Empty(said);
        Assert.Equal(windows.Count, history.Position);

        var reader = new FeatureHistoryReader(store);
        foreach (var monitor in windows.Select(window => (window.Window.Monitor, window.Window.Probe)).Distinct())
        {
            var mine = windows.Where(window => (window.Window.Monitor, window.Window.Probe) == monitor).ToArray();
            foreach (var feature in inUse)
            {
                var all = (await reader.AskAsync(new(monitor.Monitor, monitor.Probe, feature, null, null, FeatureHistoryReader.BucketsMaximum), default))!;
                Assert.Equal(mine.Select(window => Point(window, feature)).OrderBy(point => point.End).ThenBy(point => point.Start), all.Points);

                var (from, to) = (Some.Time.AddHours(random.Next(400)), Some.Time.AddHours(400 + random.Next(800)));
                var some = (await reader.AskAsync(new(monitor.Monitor, monitor.Probe, feature, from, to, 7), default))!;
                var within = mine.Where(window => window.Window.End >= from && window.Window.End < to).ToArray();
                Assert.Equal(within.Length, some.Windows);
                Assert.InRange(some.Points.Length, 0, 7);
                Assert.Equal(within.Select(window => Point(window, feature)).Aggregate((FeaturePoint?)null, Add), some.Points.Aggregate((FeaturePoint?)null, Add));
                for (var i = 1; i < some.Points.Length; i++) Assert.True(some.Points[i - 1].End < some.Points[i].End, "in order of time");
            }
        }

        static FeaturePoint Add(FeaturePoint? a, FeaturePoint b) => a is null ? b : a + b;
    }

    [Fact]
    public async Task A_rate_has_the_error_that_detectors_use_and_a_magnitude_its_mean()
    {
        var (window, summary) = await AppendAsync(new(5));
        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);
        var feature = summary.Fired[0].Feature;

        var point = Assert.Single((await new FeatureHistoryReader(store).AskAsync(new(window.Monitor, window.Probe, feature, null, null, 10), default))!.Points);

        var ratio = Analysis.Detection.ClusteredRatio.Of(summary.FiringOf(feature), summary);
        Assert.Equal((ratio.Ratio, Math.Sqrt(ratio.VarianceAt(ratio.Ratio))), (point.Rate, point.RateError));
        Assert.Equal(summary.Fired[0].Magnitude.Value / summary.FiringOf(feature).Rows, point.MeanMagnitude!.Value, 1e-4);
        Assert.True(point.RateError > 0);
    }

    [Fact]
    public async Task Windows_of_another_encoding_are_another_series_and_the_newest_answers()
    {
        var random = new Random(6);
        await AppendAsync(random, new("a", "1", "h"), Probe.Traffic, "old");
        await AppendAsync(random, new("a", "1", "h"), Probe.Traffic, "new");
        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);

        var answer = (await new FeatureHistoryReader(store).AskAsync(new(new("a", "1", "h"), Probe.Traffic, 1, null, null, 10), default))!;

        Assert.Equal(("new", 1L, "old"), (answer.Series.Encoding, answer.Windows, Assert.Single(answer.OtherEncodings)));
    }

    [Fact]
    public async Task A_monitor_whose_name_begins_like_anothers_is_not_that_one()
    {
        var random = new Random(7);
        await AppendAsync(random, new("a", "1", "h/Traffic"), Probe.Traffic, "e");
        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);

        Assert.Null(await new FeatureHistoryReader(store).AskAsync(new(new("a", "1", "h"), Probe.Traffic, 1, null, null, 10), default));
        await Assert.ThrowsAsync<UnknownFeatureException>(() => new FeatureHistoryReader(store).AskAsync(new(new("a", "1", "h/Traffic"), Probe.Traffic, Features, null, null, 10), default));
    }

    [Fact]
    public async Task Of_two_that_follow_both_come_to_the_end_and_nothing_is_counted_twice()
    {
        var random = new Random(8);
        var (one, other) = (new FeatureHistory(store, said.Add), new FeatureHistory(store, said.Add));
        for (var i = 0; i < 300; i++)
        {
            await AppendAsync(random, new("a", "1", "h"), Probe.Traffic, "e");
            if (random.Next(4) == 0) await (random.Next(2) == 0 ? one : other).CatchUpAsync(log, _ => { }, default);
        }
        await one.CatchUpAsync(log, _ => { }, default);
        await other.CatchUpAsync(log, _ => { }, default);

        Assert.Equal(300, (await new FeatureHistoryReader(store).AskAsync(new(new("a", "1", "h"), Probe.Traffic, 1, null, null, 10), default))!.Windows);
        Assert.Empty(said);
    }

    [Fact]
    public async Task Columns_that_were_written_ahead_when_it_was_cut_short_are_not_read_and_are_written_anew()
    {
        var random = new Random(10);
        for (var i = 0; i < 250; i++) await AppendAsync(random, new("a", "1", "h"), Probe.Traffic, "e");
        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);
        var state = await store.StateAsync(FeatureHistory.Name, default);
        await store.WriteAsync(FeatureHistory.Name, state, state!, [new("run/000000/00000000/0000001", [1])], default);
        var (reader, question) = (new FeatureHistoryReader(store), new FeatureQuestion(new("a", "1", "h"), Probe.Traffic, 1, null, null, 10));
        Assert.Equal(250, (await reader.AskAsync(question, default))!.Windows);

        for (var i = 0; i < 10; i++) await AppendAsync(random, new("a", "1", "h"), Probe.Traffic, "e");
        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);

        Assert.Equal(260, (await reader.AskAsync(question, default))!.Windows);
        Assert.Empty(said);
    }

    [Fact]
    public async Task A_damaged_chunk_is_met_said_and_made_anew()
    {
        var random = new Random(9);
        for (var i = 0; i < 300; i++) await AppendAsync(random, new("a", "1", "h"), Probe.Traffic, "e");
        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);
        var state = await store.StateAsync(FeatureHistory.Name, default);
        var column = (await KeysAsync()).First(key => key.StartsWith("run/", StringComparison.Ordinal) && key.EndsWith("0000001", StringComparison.Ordinal));
        var series = (await KeysAsync()).First(key => key.StartsWith("series/", StringComparison.Ordinal));
        await store.WriteAsync(FeatureHistory.Name, state, state!, [new(column, [1]), new(series, [2])], default);
        var question = new FeatureQuestion(new("a", "1", "h"), Probe.Traffic, 1, null, null, 10);
        await Assert.ThrowsAsync<MalformedException>(() => new FeatureHistoryReader(store).AskAsync(question, default));

        await new FeatureHistory(store, said.Add).CatchUpAsync(log, _ => { }, default);

        Assert.Contains($"the chunk {series} of projection features is damaged", Assert.Single(said), StringComparison.Ordinal);
        Assert.Equal(300, (await new FeatureHistoryReader(store).AskAsync(question, default))!.Windows);
    }

    private async Task<List<string>> KeysAsync()
    {
        var keys = new List<string>();
        await foreach (var (key, _) in store.ReadRangeAsync(FeatureHistory.Name, "", "~", default)) keys.Add(key);
        return keys;
    }

    private Task<(WindowClosed Window, WindowSummary Summary)> AppendAsync(Random random) =>
        AppendAsync(random, new("a", random.Next(3) == 0 ? "2" : "1", "h"), random.Next(10) == 0 ? Probe.Canary : Probe.Traffic, "e");

    private async Task<(WindowClosed Window, WindowSummary Summary)> AppendAsync(Random random, MonitorId monitor, Probe probe, string encoding)
    {
        var builder = new SummaryBuilder(Features, Some.Width, [], []);
        var codes = new Analysis.Encoding.SparseCodes();
        for (var sequence = 0; sequence < 3; sequence++)
        {
            codes.Clear();
            var length = 2 + random.Next(4);
            for (var row = 0; row < length; row++)
            {
                var fires = inUse.Where((_, i) => random.Next(2 + i * i) == 0).ToArray();
                codes.AddRow(fires, [.. fires.Select(_ => 3 * random.NextSingle())]);
            }
            builder.AddSequence(Some.Values(length * Some.Width), codes, 0, 1, 0.5);
        }
        var summary = builder.Build();
        // Event times of partitions that are read one after the other go back and forth.
        var end = Some.Time.AddHours(revisions.Values.Sum() + random.Next(100)).AddTicks(random.Next(1000));
        var window = Some.Closed(0) with { Monitor = monitor, Probe = probe, Encoding = encoding, Start = end.AddHours(-1 - random.Next(3)), End = end, Rows = summary.Rows, Sequences = summary.Sequences, Summary = SummaryCodec.Encode(summary) };
        var stream = StreamNames.Watch(monitor, 0);
        var revision = revisions.GetValueOrDefault(stream, -1);
        revisions[stream] = await log.AppendAsync(stream, revision, [new(EventId.From($"{stream} {revision}"), EventJson.TypeOf(window), end, "driftwatch", null, EventJson.Write(window))], default);
        return (window, summary);
    }

    private static FeaturePoint Point((WindowClosed Window, WindowSummary Summary) window, int feature)
    {
        var firing = window.Summary.FiringOf(feature);
        return new(window.Window.Start, window.Window.End, 1, window.Summary.Rows, window.Summary.Sequences, window.Summary.LengthSquared,
            new(firing.Rows, firing.Sequences, firing.RowsSquared, firing.RowsByLength, (long)((window.Summary.FiredOf(feature)?.Magnitude.Units ?? 0) >> 16)));
    }
}
