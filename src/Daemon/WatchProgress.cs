namespace DriftWatch.Daemon;

/// <summary>Is the loop alive? Idle is healthy; work that waits and does not move is not.</summary>
public sealed class WatchProgress(TimeProvider time)
{
    /// <summary>One message, its windows and their append take milliseconds to seconds. A store that is slow is still moving within this.</summary>
    private static readonly TimeSpan stuckAfter = TimeSpan.FromMinutes(2);

    private long began;
    private volatile bool ready;

    public bool IsReady => ready;

    public bool IsStuck => Interlocked.Read(ref began) is var since && since != 0 && time.GetElapsedTime(since) > stuckAfter;

    public void Ready() => ready = true;

    /// <summary>A piece of work, from here to the end of the scope.</summary>
    public IDisposable Begin()
    {
        Interlocked.Exchange(ref began, time.GetTimestamp());
        return new Step(this);
    }

    private sealed class Step(WatchProgress progress) : IDisposable
    {
        public void Dispose() => Interlocked.Exchange(ref progress.began, 0);
    }
}
