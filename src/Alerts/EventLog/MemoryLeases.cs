using System.Collections.Concurrent;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Leases among the users of one log in this process.</summary>
internal sealed class MemoryLeases : ILeases
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> free = new(StringComparer.Ordinal);

    public async Task<ILease> TakeAsync(string name, CancellationToken stopping)
    {
        var mine = free.GetOrAdd(name, _ => new(1));
        await mine.WaitAsync(stopping);
        return new Held(mine);
    }

    private sealed class Held(SemaphoreSlim mine) : ILease
    {
        public CancellationToken Lost => CancellationToken.None;

        public ValueTask DisposeAsync()
        {
            mine.Release();
            return default;
        }
    }
}
