using System.Text.Json;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts.Projections;

/// <summary>Follows the log and keeps how often each feature fired in each window, laid out for reading one feature over very many windows.</summary>
/// <remarks>Memory: a batch of windows, and a line a series. One caller at a time.</remarks>
public sealed class FeatureHistory
{
    public const string Name = "features";

    /// <summary>Of the layout and of what is folded: raise it with every change.</summary>
    private const string Version = "2";

    /// <summary>Written together: in a rebuild most of a run's rows are then turned into columns without ever having been stored.</summary>
    private const int BatchWindows = 8192, BatchBytes = 32 << 20;

    private readonly Projection projection;
    private readonly Dictionary<(MonitorId, Probe, string Encoding), FeatureSeries> all = [];
    private readonly Dictionary<(MonitorId, Probe, string Encoding), List<byte[][]>> batch = [];
    private int batchWindows, batchBytes;
    private bool opened;

    /// <param name="warn">Told why it begins anew.</param>
    public FeatureHistory(IProjectionStore store, Action<string> warn) => projection = new(store, Name, Version, warn);

    /// <summary>Everything up to here is in it.</summary>
    public long Position => projection.Position;

    /// <summary>Folds what was stored since, to the end of the log.</summary>
    /// <param name="progress">Told how far it is.</param>
    public async Task CatchUpAsync(IEventLog log, Action<long> progress, CancellationToken stopping)
    {
        try
        {
            while (!await FollowAsync(log, progress, stopping)) opened = false;
        }
        catch (MalformedException error) when (error.Reason == "projection")
        {
            await projection.DropAsync(error.Message, stopping);
            opened = false;
            await CatchUpAsync(log, progress, stopping);
        }
        catch
        {
            // What was half done is read again.
            opened = false;
            throw;
        }
    }

    /// <summary>Begins anew with the next look at the log.</summary>
    public async Task DropAsync(string because, CancellationToken stopping)
    {
        await projection.DropAsync(because, stopping);
        opened = false;
    }

    /// <returns>False: somebody else moves it too; look again where it stands.</returns>
    private async Task<bool> FollowAsync(IEventLog log, Action<long> progress, CancellationToken stopping)
    {
        if (!opened) await OpenAsync(log, stopping);
        StoredEvent? last = null;
        await foreach (var stored in log.ReadAllAsync(projection.Position, stopping))
        {
            last = stored;
            if (stored.Type == windowClosed && EventJson.Read(stored.Data) is WindowClosed window) Add(window, stored.Position);
            if (batchWindows < BatchWindows && batchBytes < BatchBytes) continue;
            if (!await CommitAsync(stored, stopping)) return false;
            progress(stored.Position);
        }
        if (last is null || last.Position == projection.Position) return true;
        if (!await CommitAsync(last, stopping)) return false;
        progress(last.Position);
        return true;
    }

    private static readonly string windowClosed = EventJson.NameOf<WindowClosed>();

    private async Task OpenAsync(IEventLog log, CancellationToken stopping)
    {
        all.Clear();
        Clear();
        await projection.OpenAsync(log, stopping);
        await foreach (var (_, data) in projection.ReadAllAsync(FeatureKeys.AllSeries, stopping))
            if (Read(data) is var series) all[(series.Monitor, series.Probe, series.Encoding)] = series;
        opened = true;
    }

    private void Add(WindowClosed window, long position)
    {
        var summary = SummaryCodec.Decode(window.Summary);
        var key = (window.Monitor, window.Probe, window.Encoding);
        if (!all.TryGetValue(key, out var series)) series = new(all.Count, window.Monitor, window.Probe, window.Encoding, summary.Features, 0, 0);
        all[key] = series with { LastPosition = position };
        var parts = FeatureRuns.Rows(window, summary, series.Parts);
        if (!batch.TryGetValue(key, out var rows)) batch[key] = rows = [];
        rows.Add(parts);
        batchWindows++;
        batchBytes += parts.Sum(part => part.Length);
    }

    private async Task<bool> CommitAsync(StoredEvent last, CancellationToken stopping)
    {
        var chunks = new List<ProjectionChunk>();
        foreach (var (key, rows) in batch)
        {
            var series = all[key];
            var after = series with { Windows = series.Windows + rows.Count };
            if (!await AddRunsAsync(series, after, rows, chunks, stopping)) return false;
            for (var window = Math.Max(series.Windows, after.Runs * FeatureSeries.RunLength); window < after.Windows; window++)
                for (var part = 0; part < series.Parts; part++) chunks.Add(new(FeatureKeys.Row(series, part, window), rows[(int)(window - series.Windows)][part]));
            chunks.Add(new(FeatureKeys.Series(series), JsonSerializer.SerializeToUtf8Bytes(after, EventJson.Options)));
            all[key] = after;
        }
        Clear();
        return await projection.WriteAsync(last.Position, last.Hash, chunks, stopping);
    }

    /// <summary>Runs that are complete now: their rows go into columns.</summary>
    /// <returns>False: somebody else has done so already.</returns>
    private async Task<bool> AddRunsAsync(FeatureSeries before, FeatureSeries after, List<byte[][]> rows, List<ProjectionChunk> chunks, CancellationToken stopping)
    {
        var spans = new Dictionary<string, VarintWriter>(StringComparer.Ordinal);
        for (var run = before.Runs; run < after.Runs; run++)
        {
            (byte[] Directory, IReadOnlyList<(int Feature, byte[] Column)> Columns, DateTimeOffset FirstEnd, DateTimeOffset LastEnd) turned = default;
            for (var part = 0; part < before.Parts; part++)
            {
                if (await RowsAsync(before, run, part, rows, chunks, stopping) is not { } whole) return false;
                turned = FeatureRuns.Turn(whole);
                var columns = turned.Columns.Select(column => new ProjectionChunk(FeatureKeys.Column(before, run, column.Feature), column.Column)).ToArray();
                // The last ones go with what says that the run is there, and all do as long as there is no position to write ahead of.
                if (part == before.Parts - 1 || projection.Position == 0) chunks.AddRange(columns);
                else if (!await projection.WriteAheadAsync(columns, stopping)) return false;
            }
            chunks.Add(new(FeatureKeys.Directory(before, run), turned.Directory));

            var spanKey = FeatureKeys.Spans(before, run);
            if (!spans.TryGetValue(spanKey, out var span))
            {
                spans[spanKey] = span = new();
                if (await projection.ReadAsync(spanKey, stopping) is { } known) span.WriteRaw(known);
            }
            span.Write(turned.FirstEnd);
            span.Write(turned.LastEnd);
        }
        chunks.AddRange(spans.Select(span => new ProjectionChunk(span.Key, span.Value.ToArray())));
        return true;
    }

    /// <summary>A part's rows of a whole run, those that are stored and those of the batch; the stored ones go.</summary>
    /// <returns>Null: somebody else has turned them already.</returns>
    private async Task<List<byte[]>?> RowsAsync(FeatureSeries before, long run, int part, List<byte[][]> rows, List<ProjectionChunk> chunks, CancellationToken stopping)
    {
        var begin = run * FeatureSeries.RunLength;
        var stored = Enumerable.Range(0, (int)Math.Max(0, before.Windows - begin)).Select(i => FeatureKeys.Row(before, part, begin + i)).ToArray();
        var whole = new List<byte[]>(FeatureSeries.RunLength);
        await foreach (var (_, row) in projection.ReadAsync(stored, stopping)) whole.Add(row);
        if (whole.Count != stored.Length) return await projection.IsMovedAsync(stopping) ? null : throw SealedChunk.Damaged(Name, stored[^1]);
        whole.AddRange(rows.GetRange((int)(begin + stored.Length - before.Windows), FeatureSeries.RunLength - stored.Length).Select(row => row[part]));
        chunks.AddRange(stored.Select(key => new ProjectionChunk(key, null)));
        return whole;
    }

    private void Clear()
    {
        batch.Clear();
        (batchWindows, batchBytes) = (0, 0);
    }

    internal static FeatureSeries Read(byte[] data)
    {
        try
        {
            return JsonSerializer.Deserialize<FeatureSeries>(data, EventJson.Options) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new MalformedException("projection", $"a series of the feature history is damaged: {error.Message}");
        }
    }
}
