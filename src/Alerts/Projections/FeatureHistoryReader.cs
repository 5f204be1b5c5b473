using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts.Projections;

/// <param name="From">Windows that end at or after this; null: from the first.</param>
/// <param name="To">And before this; null: to the last.</param>
/// <param name="Buckets">Points at most. Where there are more windows, those that end in one of as many equal stretches of event time are added up.</param>
public sealed record FeatureQuestion(MonitorId Monitor, Probe Probe, int Feature, DateTimeOffset? From, DateTimeOffset? To, int Buckets);

/// <param name="Windows">In the stretch.</param>
/// <param name="Position">Of the log, up to which windows are in it.</param>
/// <param name="OtherEncodings">Under which the monitor has windows too; their features are others, or other rows were counted.</param>
public sealed record FeatureAnswer(FeatureSeries Series, long Windows, long Position, ImmutableArray<FeaturePoint> Points, ImmutableArray<string> OtherEncodings);

/// <summary>The dictionary has no such feature.</summary>
public sealed class UnknownFeatureException(int feature, FeatureSeries series) : Exception($"feature is {feature}; {series.Monitor} has features 0 to {series.Features - 1}.");

/// <summary>Reads one feature's history: the columns of the runs that lie in the stretch, and the rows behind them.</summary>
public sealed class FeatureHistoryReader(IProjectionStore store)
{
    public const int BucketsMaximum = 10_000;

    /// <summary>The writer may turn rows into columns between two reads; then all is read again.</summary>
    private const int Attempts = 5;

    /// <summary>Runs read with one question to the store.</summary>
    private const int RunsAtOnce = 128;

    private readonly Projection projection = new(store, FeatureHistory.Name, "", _ => { });

    /// <summary>Everything up to here is in it; 0: there is none.</summary>
    public async Task<long> PositionAsync(CancellationToken stopping) => (await store.StateAsync(FeatureHistory.Name, stopping))?.Position ?? 0;

    /// <summary>Series of a monitor, the one with the newest window first.</summary>
    public async Task<IReadOnlyList<FeatureSeries>> SeriesAsync(MonitorId monitor, Probe probe, CancellationToken stopping)
    {
        var found = new List<FeatureSeries>();
        await foreach (var (_, data) in projection.ReadAllAsync(FeatureKeys.SeriesOf(monitor, probe), stopping))
            if (FeatureHistory.Read(data) is var series && (series.Monitor, series.Probe) == (monitor, probe)) found.Add(series);
        return [.. found.OrderByDescending(series => series.LastPosition)];
    }

    /// <summary>Every monitor of which there is a history.</summary>
    public async Task<IReadOnlyList<FeatureSeries>> AllAsync(CancellationToken stopping)
    {
        var found = new List<FeatureSeries>();
        await foreach (var (_, data) in projection.ReadAllAsync(FeatureKeys.AllSeries, stopping)) found.Add(FeatureHistory.Read(data));
        return found;
    }

    /// <summary>Null: there is no window of this monitor and probe.</summary>
    /// <exception cref="UnknownFeatureException">The dictionary has no such feature.</exception>
    /// <exception cref="MalformedException">A chunk is damaged: all of it must be made anew.</exception>
    public async Task<FeatureAnswer?> AskAsync(FeatureQuestion question, CancellationToken stopping)
    {
        for (var attempt = 1; ; attempt++)
        {
            var all = await SeriesAsync(question.Monitor, question.Probe, stopping);
            if (all.Count == 0) return null;
            var series = all[0];
            if (question.Feature < 0 || question.Feature >= series.Features) throw new UnknownFeatureException(question.Feature, series);
            var position = await PositionAsync(stopping);
            if (await PointsAsync(question, series, stopping) is { } points)
                return new(series, points.Windows, position, points.Points, [.. all.Skip(1).Select(other => other.Encoding)]);
            if (attempt == Attempts) throw new MalformedException("projection", "the feature history lacks windows that it counts");
        }
    }

    /// <summary>Null: it has been turned in the meantime.</summary>
    private async Task<(long Windows, ImmutableArray<FeaturePoint> Points)?> PointsAsync(FeatureQuestion question, FeatureSeries series, CancellationToken stopping)
    {
        var (from, to) = (question.From ?? DateTimeOffset.MinValue, question.To ?? DateTimeOffset.MaxValue);
        var spans = await SpansAsync(series, stopping);
        if (spans.Count < series.Runs) return null;
        var runs = Enumerable.Range(0, (int)series.Runs).Where(run => spans[run].Last >= from && spans[run].First < to).ToArray();
        var rows = new List<(WindowTotals Window, FeatureTotals Firing)>();
        var keys = Enumerable.Range(0, (int)(series.Windows - series.Runs * FeatureSeries.RunLength)).Select(i => FeatureKeys.Row(series, FeatureSeries.PartOf(question.Feature), series.Runs * FeatureSeries.RunLength + i)).ToArray();
        await foreach (var (_, row) in projection.ReadAsync(keys, stopping)) rows.Add(FeatureRuns.ReadRow(row, question.Feature));
        if (rows.Count != keys.Length) return null;

        var ends = runs.SelectMany(run => new[] { spans[run].First, spans[run].Last }).Concat(rows.Select(row => row.Window.End)).Select(end => end < from ? from : end >= to ? to.AddTicks(-1) : end).ToArray();
        if (ends.Length == 0) return (0, []);
        var buckets = new FeatureBuckets(ends.Min(), ends.Max(), question.Buckets);
        foreach (var several in runs.Chunk(RunsAtOnce))
        {
            var chunks = new Dictionary<string, byte[]>(StringComparer.Ordinal);
            await foreach (var (key, data) in projection.ReadAsync([.. several.SelectMany(run => new[] { FeatureKeys.Directory(series, run), FeatureKeys.Column(series, run, question.Feature) })], stopping)) chunks[key] = data;
            foreach (var run in several)
            {
                var windows = FeatureRuns.ReadDirectory(chunks.GetValueOrDefault(FeatureKeys.Directory(series, run)) ?? throw SealedChunk.Damaged(FeatureHistory.Name, FeatureKeys.Directory(series, run)));
                var firing = FeatureRuns.ReadColumn(chunks.GetValueOrDefault(FeatureKeys.Column(series, run, question.Feature)), windows.Length);
                for (var i = 0; i < windows.Length; i++)
                    if (windows[i].End >= from && windows[i].End < to) buckets.Add(windows[i], firing[i]);
            }
        }
        foreach (var (window, firing) in rows)
            if (window.End >= from && window.End < to) buckets.Add(window, firing);
        return (buckets.Windows, buckets.Points());
    }

    private async Task<List<(DateTimeOffset First, DateTimeOffset Last)>> SpansAsync(FeatureSeries series, CancellationToken stopping)
    {
        var spans = new List<(DateTimeOffset, DateTimeOffset)>((int)series.Runs);
        var keys = Enumerable.Range(0, (int)((series.Runs + FeatureKeys.SpanLength - 1) / FeatureKeys.SpanLength)).Select(block => FeatureKeys.Spans(series, (long)block * FeatureKeys.SpanLength)).ToArray();
        await foreach (var (_, data) in projection.ReadAsync(keys, stopping))
            for (var raw = new VarintReader(data, "projection", "feature history"); raw.Left > 0;) spans.Add((raw.ReadTime(), raw.ReadTime()));
        return spans;
    }
}

/// <summary>Adds windows up in equal stretches of event time, or keeps each by itself while they are few.</summary>
internal sealed class FeatureBuckets(DateTimeOffset first, DateTimeOffset last, int most)
{
    private readonly FeaturePoint?[] buckets = new FeaturePoint?[most];
    private readonly List<FeaturePoint> single = [];

    /// <summary>Whole seconds, so that the last end falls into the last bucket.</summary>
    private readonly long width = ((last - first).Ticks / most / TimeSpan.TicksPerSecond + 1) * TimeSpan.TicksPerSecond;

    public long Windows { get; private set; }

    public void Add(in WindowTotals window, in FeatureTotals firing)
    {
        var point = FeaturePoint.Of(window, firing);
        if (Windows++ < most) single.Add(point);
        else single.Clear();
        ref var bucket = ref buckets[Math.Clamp((window.End - first).Ticks / width, 0, most - 1)];
        bucket = bucket is null ? point : bucket + point;
    }

    /// <summary>In order of time; stretches without windows have none.</summary>
    public ImmutableArray<FeaturePoint> Points() => Windows <= most ? [.. single.OrderBy(point => point.End).ThenBy(point => point.Start)] : [.. buckets.OfType<FeaturePoint>()];
}
