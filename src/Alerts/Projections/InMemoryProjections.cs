using System.Runtime.CompilerServices;

namespace DriftWatch.Alerts.Projections;

/// <summary>Projections of a log that is in memory too. Held to the same contract tests as the real stores.</summary>
public sealed class InMemoryProjections : IProjectionStore
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, (ProjectionState State, SortedDictionary<string, byte[]> Chunks)> projections = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<ProjectionSize>> ListAsync(CancellationToken stopping)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyList<ProjectionSize>>([.. projections.OrderBy(entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => new ProjectionSize(entry.Key, entry.Value.State, entry.Value.Chunks.Count, entry.Value.Chunks.Values.Sum(data => (long)data.Length)))]);
    }

    public Task<IReadOnlyList<(string Name, ProjectionState State)>> NamesAsync(string prefix, CancellationToken stopping)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyList<(string, ProjectionState)>>([.. projections.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal)).OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, entry.Value.State))]);
    }

    public Task<ProjectionState?> StateAsync(string projection, CancellationToken stopping)
    {
        lock (gate) return Task.FromResult(projections.TryGetValue(projection, out var found) ? found.State : null);
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadAsync(string projection, IReadOnlyList<string> keys, [EnumeratorCancellation] CancellationToken stopping)
    {
        await Task.CompletedTask;
        foreach (var key in keys)
            if (Chunk(projection, key) is { } data) yield return (key, data);
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadRangeAsync(string projection, string from, string before, [EnumeratorCancellation] CancellationToken stopping)
    {
        await Task.CompletedTask;
        KeyValuePair<string, byte[]>[] chunks;
        lock (gate)
            chunks = projections.TryGetValue(projection, out var found) ? [.. found.Chunks.Where(chunk => string.CompareOrdinal(chunk.Key, from) >= 0 && string.CompareOrdinal(chunk.Key, before) < 0)] : [];
        foreach (var (key, data) in chunks) yield return (key, data);
    }

    public Task<bool> WriteAsync(string projection, ProjectionState? before, ProjectionState after, IReadOnlyList<ProjectionChunk> chunks, CancellationToken stopping)
    {
        lock (gate)
        {
            var there = projections.TryGetValue(projection, out var found) ? found.Chunks : new(StringComparer.Ordinal);
            if (found.State != before) return Task.FromResult(false);
            foreach (var (key, data) in chunks)
                if (data is null) there.Remove(key);
                else there[key] = data;
            projections[projection] = (after, there);
            return Task.FromResult(true);
        }
    }

    public Task DropAsync(string projection, CancellationToken stopping)
    {
        lock (gate) projections.Remove(projection);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
    }

    private byte[]? Chunk(string projection, string key)
    {
        lock (gate) return projections.TryGetValue(projection, out var found) ? found.Chunks.GetValueOrDefault(key) : null;
    }
}
