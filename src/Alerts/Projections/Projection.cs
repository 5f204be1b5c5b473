using System.Runtime.CompilerServices;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Alerts.Projections;

/// <summary>One projection: fits the log and this build, or begins anew. What it reads is checked, what it writes is sealed.</summary>
/// <param name="version">Of its chunks and of what folds them.</param>
/// <param name="warn">Told why it begins anew.</param>
public sealed class Projection(IProjectionStore store, string name, string version, Action<string> warn)
{
    private ProjectionState? state;

    public string Name => name;

    /// <summary>Everything up to here is in it.</summary>
    public long Position => state?.Position ?? 0;

    /// <summary>Looks where it stands. One that does not fit is dropped.</summary>
    /// <returns>Its position; 0: it begins anew.</returns>
    public async Task<long> OpenAsync(IEventLog log, CancellationToken stopping)
    {
        state = await store.StateAsync(name, stopping);
        if (state is null) return 0;
        if (state.Version != version) await DropAsync($"it was made by another version ({state.Version}; this build writes {version})", stopping);
        else if (await HashAtAsync(log, state.Position, stopping) is var hash && hash != state.Hash)
            await DropAsync(hash is null ? $"the log ends before position {state.Position}, which it covers: the log was shortened, or is another one" : $"the log holds another event at position {state.Position} than it was made from: the log was rewritten, or is another one", stopping);
        return Position;
    }

    /// <summary>Has somebody else moved it?</summary>
    public async Task<bool> IsMovedAsync(CancellationToken stopping) => await store.StateAsync(name, stopping) != state;

    /// <summary>Goes on from where somebody else has moved it.</summary>
    public async Task RejoinAsync(CancellationToken stopping) => state = await store.StateAsync(name, stopping) is { } now && now.Version == version ? now : null;

    /// <summary>Begins anew.</summary>
    public async Task DropAsync(string because, CancellationToken stopping)
    {
        warn($"The projection {name} is made anew from the log: {because}");
        await store.DropAsync(name, stopping);
        state = null;
    }

    /// <summary>Null: there is no such chunk.</summary>
    /// <exception cref="Analysis.Activations.MalformedException">Damaged.</exception>
    public async Task<byte[]?> ReadAsync(string key, CancellationToken stopping)
    {
        await foreach (var (_, data) in ReadAsync([key], stopping)) return data;
        return null;
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadAsync(IReadOnlyList<string> keys, [EnumeratorCancellation] CancellationToken stopping)
    {
        await foreach (var (key, chunk) in store.ReadAsync(name, keys, stopping)) yield return (key, SealedChunk.Open(name, key, chunk));
    }

    /// <summary>All chunks whose keys begin so, in order.</summary>
    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadAllAsync(string prefix, [EnumeratorCancellation] CancellationToken stopping)
    {
        await foreach (var (key, chunk) in store.ReadRangeAsync(name, prefix, prefix + "\uffff", stopping)) yield return (key, SealedChunk.Open(name, key, chunk));
    }

    /// <summary>Writes chunks with the position of the event that they go up to.</summary>
    /// <returns>False: somebody else (a daemon on the same store, a rebuild) has moved the projection. Open it again and go on from there.</returns>
    public async Task<bool> WriteAsync(long position, string hash, IReadOnlyList<ProjectionChunk> chunks, CancellationToken stopping)
    {
        var after = new ProjectionState(version, position, hash);
        if (!await store.WriteAsync(name, state, after, Sealed(chunks), stopping)) return false;
        state = after;
        return true;
    }

    /// <summary>Writes chunks that nothing reads until the next <see cref="WriteAsync"/> says that they are there: what is large need not be one transaction. Cut short, they are written anew.</summary>
    /// <returns>False: somebody else has moved the projection.</returns>
    public Task<bool> WriteAheadAsync(IReadOnlyList<ProjectionChunk> chunks, CancellationToken stopping) =>
        store.WriteAsync(name, state, state ?? throw new InvalidOperationException($"the projection {name} has no position yet"), Sealed(chunks), stopping);

    private ProjectionChunk[] Sealed(IReadOnlyList<ProjectionChunk> chunks) => [.. chunks.Select(chunk => chunk with { Data = chunk.Data is null ? null : SealedChunk.Seal(name, chunk.Key, chunk.Data) })];

    private static async Task<string?> HashAtAsync(IEventLog log, long position, CancellationToken stopping)
    {
        await foreach (var stored in log.ReadAllAsync(position - 1, stopping)) return stored.Position == position ? stored.Hash : null;
        return null;
    }
}
