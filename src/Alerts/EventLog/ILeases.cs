namespace DriftWatch.Alerts.EventLog;

/// <summary>Work that one daemon does for all that share a log, such as sending alerts. Whoever holds the lease of that name does it; when he dies another takes over within seconds.</summary>
/// <remarks>
/// No fence: for a moment two may believe that they hold it. What is done under a lease must bear being done twice, and reads where it stands after the lease is taken.
/// A store without locks of its own, EventStoreDB for one, can keep a lease as a stream of which only the last event counts (<c>$maxCount: 1</c>): the holder appends behind its own last revision every
/// few seconds, and whoever has seen that revision unchanged for longer, by his own monotonic clock, appends behind it and has the lease. Expected revisions see to it that one wins; no clocks are compared.
/// </remarks>
public interface ILeases
{
    /// <summary>Waits until nobody else holds it, and through a store that is away.</summary>
    Task<ILease> TakeAsync(string name, CancellationToken stopping);
}

/// <summary>Held until it is disposed of, or lost.</summary>
public interface ILease : IAsyncDisposable
{
    /// <summary>Somebody else may hold it now.</summary>
    CancellationToken Lost { get; }
}
