namespace DriftWatch.Alerts.EventLog;

/// <summary>Work that one daemon does for all that share a log, such as sending alerts. Whoever holds the lease of that name does it; when he dies another takes over within seconds.</summary>
/// <remarks>
/// No fence: for a moment two may believe that they hold it. What is done under a lease must bear being done twice, and reads where it stands after the lease is taken.
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
