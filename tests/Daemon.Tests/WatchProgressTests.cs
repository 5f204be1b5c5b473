using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Daemon.Tests;

public sealed class WatchProgressTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly WatchMetrics metrics;
    private readonly Dependency store;
    private readonly WatchProgress progress;

    public WatchProgressTests()
    {
        metrics = new(new(), time);
        store = new("event log", StoreFault.IsTransient, new() { DelayLongest = TimeSpan.FromHours(1), DelayFirst = TimeSpan.FromHours(1) }, metrics, time, NullLogger.Instance, jitter: () => 0.5);
        progress = new(time, store);
        progress.Ready();
    }

    public void Dispose() => metrics.Dispose();

    [Fact]
    public void Idle_for_days_is_not_stuck()
    {
        using (progress.Begin()) time.Advance(TimeSpan.FromMinutes(1));
        time.Advance(TimeSpan.FromDays(3));

        Assert.False(progress.IsStuck);
        Assert.Null(progress.NotReady);
    }

    [Fact]
    public void Work_that_does_not_move_is_stuck()
    {
        using var step = progress.Begin();
        time.Advance(WatchProgress.StuckAfter);
        Assert.False(progress.IsStuck);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(progress.IsStuck);
    }

    [Fact]
    public async Task Waiting_for_what_is_known_to_be_away_is_alive_and_not_ready_and_says_why()
    {
        using var stop = new CancellationTokenSource();
        using var step = progress.Begin();
        var waiting = store.AskAsync<int>(_ => throw new EventLogAwayException("connection refused"), stop.Token).AsTask();
        time.Advance(TimeSpan.FromMinutes(10));

        Assert.False(progress.IsStuck);
        Assert.Equal("The event log has not answered for 600 s: connection refused. Nothing is lost; the daemon goes on by itself when it is back.", progress.NotReady);

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Null(progress.NotReady);
        Assert.False(progress.IsStuck);   // It has had no time yet since.
        time.Advance(WatchProgress.StuckAfter + TimeSpan.FromSeconds(1));
        Assert.True(progress.IsStuck);
    }

    [Fact]
    public void A_daemon_that_stops_takes_no_traffic()
    {
        progress.Stopping();

        Assert.Equal("The daemon is stopping.", progress.NotReady);
        Assert.False(progress.IsStuck);
    }
}
