namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>The only clock and the only scheduler of a simulation: what is to happen, in order of its time. One thread; nothing runs but from here.</summary>
/// <remarks>There is no SynchronizationContext: whoever completes a task runs what awaits it, at once and on this thread. <see cref="OnThread"/> catches what slips away.</remarks>
internal sealed class VirtualTime
{
    private readonly PriorityQueue<Happening, (long At, long Number)> ahead = new();
    private int thread = Environment.CurrentManagedThreadId;
    private long number;

    /// <summary>In ticks, since the simulation's beginning.</summary>
    public long Now { get; private set; }

    public Happening After(TimeSpan delay, Action act, SimulatedDaemon? of = null)
    {
        OnThread();
        var happening = new Happening(act, of);
        ahead.Enqueue(happening, (Now + Math.Max(0, delay.Ticks), number++));
        return happening;
    }

    /// <summary>From here on everything runs on this thread.</summary>
    public void Begin() => thread = Environment.CurrentManagedThreadId;

    /// <summary>Runs what is next.</summary>
    public bool Step()
    {
        while (ahead.TryDequeue(out var next, out var when))
        {
            Now = when.At;
            // A dead process hears of nothing any more.
            if (next.Cancelled || next.Of is { } daemon && !daemon.Awakes()) continue;
            next.Cancelled = true;
            next.Act();
            return true;
        }
        return false;
    }

    public void OnThread()
    {
        if (Environment.CurrentManagedThreadId != thread) throw new InvalidOperationException("the simulated daemon has left the simulation's thread: what it does now depends on the machine");
    }

    internal sealed class Happening(Action act, SimulatedDaemon? of)
    {
        public Action Act { get; } = act;
        public SimulatedDaemon? Of { get; } = of;
        public bool Cancelled { get; set; }
    }
}

/// <summary>The clock as one daemon sees it: its timers die with it.</summary>
internal sealed class DaemonTime(VirtualTime world, SimulatedDaemon daemon) : TimeProvider
{
    private static readonly DateTimeOffset start = new(2026, 2, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly List<Timer> delays = [];

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => world.Now;

    public override DateTimeOffset GetUtcNow() => start.AddTicks(world.Now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(world, daemon, callback, state);
        timer.Change(dueTime, period);
        if (state is not Task) return timer;
        delays.RemoveAll(delay => !delay.IsPending);
        delays.Add(timer);
        return timer;
    }

    /// <summary>As <see cref="CancellationTokenSource.Cancel()"/>. A Task.Delay that is cancelled goes on in the thread pool, so those that wait end here first and find the cancellation at their next await.</summary>
    /// <remarks>Behind an open circuit breaker the next await is a delay again: then the news comes somewhat later.</remarks>
    public void Cancel(params CancellationTokenSource[] sources)
    {
        var waiting = delays.ToArray();
        delays.Clear();
        foreach (var delay in waiting) delay.Hurry();
        if (delays.Exists(delay => delay.IsPending)) world.After(TimeSpan.FromSeconds(0.5), () => Cancel(sources), daemon);
        else
            foreach (var source in sources.TakeWhile(_ => daemon.Alive)) source.Cancel();
    }

    /// <summary>A wait that a cancellation ends on this thread.</summary>
    public Task WaitAsync(TimeSpan span, CancellationToken token)
    {
        var over = new TaskCompletionSource();
        world.After(span, () => over.TrySetResult(), daemon);
        token.UnsafeRegister(_ => over.TrySetCanceled(token), null);
        return over.Task;
    }

    private sealed class Timer(VirtualTime world, SimulatedDaemon daemon, TimerCallback callback, object? state) : ITimer
    {
        private VirtualTime.Happening? next;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period > TimeSpan.Zero) throw new NotSupportedException("no periodic timers here");
            Dispose();
            if (dueTime >= TimeSpan.Zero) next = world.After(dueTime, () => callback(state), daemon);
            return true;
        }

        public bool IsPending => next is { Cancelled: false };

        public void Hurry()
        {
            if (!IsPending) return;
            next!.Cancelled = true;
            if (daemon.Awakes()) callback(state);
        }

        public void Dispose()
        {
            if (next is not null) next.Cancelled = true;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
