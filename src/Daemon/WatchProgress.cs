using DriftWatch.Alerts.Faults;

namespace DriftWatch.Daemon;

/// <summary>Is the loop alive, and is it of use now? Idle is healthy; work that waits and does not move is not. Waiting for what is known to be away is alive and not ready: a restart would not bring it back.</summary>
/// <param name="needs">What the loop cannot go on without.</param>
public sealed class WatchProgress(TimeProvider time, params IReadOnlyList<Dependency> needs)
{
    /// <summary>One message, its windows and their append take milliseconds to seconds. A store that is slow is still moving within this.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(2);

    private const long Idle = long.MinValue;

    private long began = Idle;
    private volatile bool ready, stopping;

    /// <summary>What the loop waits for, the longest first; null: nothing is away.</summary>
    public Outage? Away => needs.Select(need => need.Away).OfType<Outage>().MaxBy(outage => outage.Lasts);

    /// <summary>Why it is of no use now, as a sentence; null: it is.</summary>
    public string? NotReady =>
        stopping ? "The daemon is stopping."
        : Away is { } away ? $"The {away.Dependency} has not answered for {away.Lasts.TotalSeconds:0} s: {away.Reason}. Nothing is lost; the daemon goes on by itself when it is back."
        : !ready ? "The event log is still being read."
        : null;

    /// <summary>Time that passed while a dependency was known to be away does not count, and begins anew when it is back.</summary>
    public bool IsStuck =>
        Interlocked.Read(ref began) is var since && since != Idle && time.GetElapsedTime(since) > StuckAfter
        && Away is null && needs.All(need => need.BackFor is not { } back || back > StuckAfter);

    public void Ready() => ready = true;

    public void Stopping() => stopping = true;

    /// <summary>A piece of work, from here to the end of the scope.</summary>
    public IDisposable Begin()
    {
        Interlocked.Exchange(ref began, time.GetTimestamp());
        return new Step(this);
    }

    private sealed class Step(WatchProgress progress) : IDisposable
    {
        public void Dispose() => Interlocked.Exchange(ref progress.began, Idle);
    }
}
