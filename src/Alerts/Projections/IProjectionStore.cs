namespace DriftWatch.Alerts.Projections;

/// <summary>How far a projection has come.</summary>
/// <param name="Version">What its chunks mean, and what they were folded with: chunks of another version are made anew, not read.</param>
/// <param name="Position">Everything up to here is in it.</param>
/// <param name="Hash">Of the event at <paramref name="Position"/>: a log that does not hold it there is another log, or was shortened.</param>
public sealed record ProjectionState(string Version, long Position, string Hash);

/// <summary>A piece of a projection.</summary>
/// <param name="Data">Null: it goes.</param>
public readonly record struct ProjectionChunk(string Key, byte[]? Data);

/// <summary>What a projection takes.</summary>
public sealed record ProjectionSize(string Name, ProjectionState State, long Chunks, long Bytes);

/// <summary>Data derived from the log, in chunks: never a fact. Whatever stands here can be made anew from the log at any time; losing it costs that time and nothing else.</summary>
/// <remarks>Keys are in order of their UTF-8 bytes. <see cref="Projection"/> is how it is used: it seals what it writes and refuses what does not fit.</remarks>
public interface IProjectionStore : IDisposable
{
    /// <summary>With what they take, which is counted: slow where there is much.</summary>
    Task<IReadOnlyList<ProjectionSize>> ListAsync(CancellationToken stopping);

    Task<IReadOnlyList<(string Name, ProjectionState State)>> NamesAsync(string prefix, CancellationToken stopping);

    /// <summary>Null: there is no such projection.</summary>
    Task<ProjectionState?> StateAsync(string projection, CancellationToken stopping);

    /// <summary>Those of the chunks that are there, in the order of <paramref name="keys"/>.</summary>
    IAsyncEnumerable<(string Key, byte[] Data)> ReadAsync(string projection, IReadOnlyList<string> keys, CancellationToken stopping);

    /// <summary>All chunks from a key on and before another, in order.</summary>
    IAsyncEnumerable<(string Key, byte[] Data)> ReadRangeAsync(string projection, string from, string before, CancellationToken stopping);

    /// <summary>Writes chunks and how far they go in one transaction, if the projection still stands at <paramref name="before"/> (null: there is none).</summary>
    /// <returns>False: somebody else has moved it; nothing was written.</returns>
    Task<bool> WriteAsync(string projection, ProjectionState? before, ProjectionState after, IReadOnlyList<ProjectionChunk> chunks, CancellationToken stopping);

    Task DropAsync(string projection, CancellationToken stopping);
}
