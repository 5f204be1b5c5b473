using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;

namespace DriftWatch.Daemon.Api;

/// <summary>Another comparison is under way.</summary>
public sealed class ComparisonBusyException() : Exception("Another comparison is under way. Ask again in a moment.");

/// <summary>Compares the newest windows of two monitors: the register knows where their sums are in the log, so that only these are read. One comparison at a time.</summary>
public sealed class ComparisonDesk(Catalog catalog, MonitorRegister register, IEventLog log) : IDisposable
{
    private readonly SemaphoreSlim free = new(1);

    /// <summary>How long one waits for the one before.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <param name="windows">Of each monitor, the newest within the stretch; those that the register has at hand at most (<see cref="MonitorEntry.RecentMaximum"/>).</param>
    /// <exception cref="NotComparableException">They do not compare.</exception>
    /// <exception cref="ComparisonBusyException">The one before takes too long.</exception>
    public async Task<ComparedVersions> CompareAsync(ComparisonRequest request, int windows, CancellationToken stopping)
    {
        if (!await free.WaitAsync(Patience, stopping)) throw new ComparisonBusyException();
        try
        {
            var monitors = register.Current.Monitors;
            var comparison = new VersionComparison(catalog, request);
            foreach (var monitor in new[] { request.A, request.B })
                if (monitors.TryGetValue((monitor, request.Probe), out var entry))
                    foreach (var (window, revision) in entry.Recent.Zip(entry.RecentRevisions).Where(recent => request.Holds(recent.First)).TakeLast(windows))
                        comparison.Evolve(await ReadAsync(StreamNames.Watch(monitor, window.Partition), revision, stopping));
            return comparison.Result(monitors.Keys.Select(key => key.Item1).Distinct());
        }
        finally
        {
            free.Release();
        }
    }

    public void Dispose() => free.Dispose();

    private async Task<WindowClosed> ReadAsync(string stream, long revision, CancellationToken stopping)
    {
        await foreach (var stored in log.ReadStreamAsync(stream, revision, stopping)) return (WindowClosed)EventJson.Read(stored.Data);
        throw new InvalidOperationException($"{stream} has no event {revision}, which the register has read there");
    }
}
