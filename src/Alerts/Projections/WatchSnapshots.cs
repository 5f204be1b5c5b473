using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.Projections;

/// <summary>Keeps the newest two snapshots of what the watcher believes, so that a start folds only what came after.</summary>
/// <remarks>
/// Taking one copies the parts that have changed while the loop waits (milliseconds); packing and writing go on beside it. One at a time: while one is being written none is taken.
/// A snapshot that cannot be written or read costs a longer start and nothing else.
/// </remarks>
public sealed class WatchSnapshots
{
    private const int Kept = 2;

    /// <summary>Catalogs that fold otherwise keep theirs (one is often taken back), up to so many.</summary>
    private const int CatalogsKept = 3;
    private const string Prefix = "watch-", HeadPrefix = "head/", ChunkVersion = "1";

    private readonly IProjectionStore store;
    private readonly Projection projection;
    private readonly Action<string> warn;
    private readonly Queue<WatchSnapshot> kept = [];

    /// <summary>Chunks of snapshots that are not whole; they go with the next write, or are written anew.</summary>
    private readonly HashSet<string> stale = new(StringComparer.Ordinal);
    private Task writing = Task.CompletedTask;

    /// <param name="warn">Told why a snapshot is not used or was not written.</param>
    public WatchSnapshots(IProjectionStore store, Catalog catalog, Action<string> warn)
    {
        (this.store, this.warn) = (store, warn);
        // In the name, not in the version: builds and catalogs that follow each other in a rolling update do not drop each other's.
        projection = new(store, $"{Prefix}{WatchSnapshot.FoldVersion}-{WatchSnapshot.FoldsAs(catalog)}", ChunkVersion, warn);
    }

    /// <summary>Windows between two snapshots: what a start folds at most.</summary>
    public int WindowsBetween { get; init; } = 1000;

    public bool IsWriting => !writing.IsCompleted;

    /// <summary>The newest one that fits the log, and its parts; null: the log is folded from its beginning.</summary>
    public async Task<(WatchSnapshot Snapshot, Dictionary<string, byte[]> Parts)?> ReadAsync(IEventLog log, CancellationToken stopping)
    {
        kept.Clear();
        stale.Clear();
        if (await projection.OpenAsync(log, stopping) == 0) return null;
        try
        {
            var heads = new List<WatchSnapshot>();
            await foreach (var (_, data) in projection.ReadAllAsync(HeadPrefix, stopping)) heads.Add(WatchSnapshot.FromBytes(data));
            for (var newest = heads.Count - 1; newest >= 0; newest--)
            {
                if (await PartsAsync(heads[newest], stopping) is not { } parts) continue;
                foreach (var head in heads[..(newest + 1)]) kept.Enqueue(head);
                foreach (var head in heads[(newest + 1)..]) stale.UnionWith(head.Parts.Append(HeadKey(head)));
                return (heads[newest], parts);
            }
            await projection.DropAsync("no snapshot in it is whole", stopping);
        }
        catch (MalformedException error)
        {
            await projection.DropAsync(error.Message, stopping);
        }
        return null;
    }

    /// <summary>What was read cannot be loaded: this build writes and reads it otherwise. All are dropped.</summary>
    public async Task RefuseAsync(WatchSnapshot snapshot, MalformedException because, CancellationToken stopping)
    {
        kept.Clear();
        await projection.DropAsync($"the snapshot at position {snapshot.Position} cannot be loaded: {because.Message}", stopping);
    }

    /// <summary>Begins to write a snapshot; what is in <paramref name="parts"/> is copied before this returns.</summary>
    public void Write(WatchSnapshot snapshot, IReadOnlyList<SnapshotPart> parts)
    {
        var there = kept.SelectMany(head => head.Parts).ToHashSet(StringComparer.Ordinal);
        ProjectionChunk[] changed = [.. parts.Where(part => !there.Contains(part.Key)).Select(part => new ProjectionChunk(part.Key, part.Save()))];
        writing = Task.Run(() => WriteAsync(snapshot, changed));
    }

    /// <summary>Until what was begun is written.</summary>
    public Task FlushAsync() => writing;

    private async Task WriteAsync(WatchSnapshot snapshot, ProjectionChunk[] changed)
    {
        try
        {
            var left = kept.Append(snapshot).TakeLast(Kept).ToArray();
            var needed = left.SelectMany(head => head.Parts.Append(HeadKey(head))).ToHashSet(StringComparer.Ordinal);
            var gone = kept.Where(head => !left.Contains(head)).SelectMany(head => head.Parts.Append(HeadKey(head))).Concat(stale).Where(key => !needed.Contains(key)).Distinct(StringComparer.Ordinal);
            if (!await projection.WriteAsync(snapshot.Position, snapshot.Hash, [.. changed, new(HeadKey(snapshot), snapshot.ToBytes()), .. gone.Select(key => new ProjectionChunk(key, null))], default))
            {
                // Another daemon of the log has written one, which serves this one as well: after it the next is written.
                await RejoinAsync();
                return;
            }
            stale.Clear();
            kept.Enqueue(snapshot);
            while (kept.Count > Kept) kept.Dequeue();
            await DropOldAsync();
        }
        catch (Exception error)
        {
            // What stands there now is not known: the next one is written whole.
            kept.Clear();
            warn($"A snapshot at position {snapshot.Position} was not written: {error.Message}. A start would fold more of the log");
        }
    }

    private async Task RejoinAsync()
    {
        kept.Clear();
        await projection.RejoinAsync(default);
        await foreach (var (_, data) in projection.ReadAllAsync(HeadPrefix, default)) kept.Enqueue(WatchSnapshot.FromBytes(data));
    }

    private async Task DropOldAsync()
    {
        var others = (await store.NamesAsync(Prefix, default)).Where(other => other.Name != projection.Name).OrderByDescending(other => other.State.Position);
        foreach (var other in others.Skip(CatalogsKept - 1)) await store.DropAsync(other.Name, default);
    }

    private async Task<Dictionary<string, byte[]>?> PartsAsync(WatchSnapshot head, CancellationToken stopping)
    {
        var parts = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        try
        {
            await foreach (var (key, data) in projection.ReadAsync(head.Parts, stopping)) parts[key] = data;
            if (parts.Count == head.Parts.Length) return parts;
            warn($"The snapshot at position {head.Position} lacks {head.Parts.Length - parts.Count} of its {head.Parts.Length} parts; the one before it is used");
        }
        catch (MalformedException error)
        {
            warn($"The snapshot at position {head.Position} is not used: {error.Message}");
        }
        return null;
    }

    private static string HeadKey(WatchSnapshot head) => $"{HeadPrefix}{head.Position:D19}";
}
