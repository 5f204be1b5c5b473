namespace DriftWatch.Alerts.EventLog;

/// <summary>Leases among all daemons of an EventStoreDB log, which has no locks: a stream of which only the last event counts. The holder appends behind its own last event every few seconds.</summary>
/// <remarks>
/// Whoever has seen the last event unchanged for long enough, by his own monotonic clock, appends behind it and has the lease; expected revisions see to it that one wins, and no clocks are compared.
/// A holder who cannot reach the server counts the lease as lost before another can take it.
/// </remarks>
internal sealed class EventStoreDbLeases(EventStoreDbEventLog log, TimeProvider time) : ILeases
{
    private static readonly TimeSpan poll = TimeSpan.FromSeconds(1), beat = TimeSpan.FromSeconds(2), lostAfter = TimeSpan.FromSeconds(8), takenAfter = TimeSpan.FromSeconds(12);
    private static int taken;

    public async Task<ILease> TakeAsync(string name, CancellationToken stopping)
    {
        // The server takes an append of the same id for the same append, so no two may use one.
        var holder = $"{Environment.MachineName}|{Environment.ProcessId}|{Interlocked.Increment(ref taken)}";
        var (seen, since) = (long.MinValue, 0L);
        while (true)
        {
            try
            {
                var (revision, free) = await log.LastBeatAsync(name, stopping);
                if (revision != seen) (seen, since) = (revision, time.GetTimestamp());
                if ((free || time.GetElapsedTime(since) >= takenAfter) && await log.BeatAsync(name, revision, holder, free: false, stopping)) return new Held(log, name, holder, revision + 1, time);
            }
            catch (EventLogAwayException)
            {
                // The log, which waits for it too, says so.
            }
            await Task.Delay(poll, time, stopping);
        }
    }

    private sealed class Held : ILease
    {
        private readonly EventStoreDbEventLog log;
        private readonly string name, holder;
        private readonly TimeProvider time;
        private readonly CancellationTokenSource lost = new(), released = new();
        private readonly Task beating;
        private long revision;

        public Held(EventStoreDbEventLog log, string name, string holder, long revision, TimeProvider time)
        {
            (this.log, this.name, this.holder, this.revision, this.time) = (log, name, holder, revision, time);
            beating = BeatAsync();
        }

        public CancellationToken Lost => lost.Token;

        public async ValueTask DisposeAsync()
        {
            await released.CancelAsync();
            await beating;
            try
            {
                using var soon = new CancellationTokenSource(beat, time);
                if (!lost.IsCancellationRequested) await log.BeatAsync(name, revision, holder, free: true, soon.Token);
            }
            catch (Exception error) when (error is EventLogAwayException or OperationCanceledException)
            {
                // The next one waits until it is sure.
            }
            lost.Dispose();
            released.Dispose();
        }

        private async Task BeatAsync()
        {
            var last = time.GetTimestamp();
            try
            {
                while (true)
                {
                    await Task.Delay(beat, time, released.Token);
                    // An answer that comes later than the lease is good for is no answer.
                    using var inTime = CancellationTokenSource.CreateLinkedTokenSource(released.Token);
                    inTime.CancelAfter(lostAfter - time.GetElapsedTime(last) is { Ticks: > 0 } left ? left : TimeSpan.Zero);
                    try
                    {
                        if (!await log.BeatAsync(name, revision, holder, free: false, inTime.Token)) break;
                        (revision, last) = (revision + 1, time.GetTimestamp());
                    }
                    catch (Exception error) when (error is EventLogAwayException or OperationCanceledException && !released.IsCancellationRequested)
                    {
                        if (time.GetElapsedTime(last) >= lostAfter) break;
                    }
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await lost.CancelAsync();
        }
    }
}
