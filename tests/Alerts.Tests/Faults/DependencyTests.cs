using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Support;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Alerts.Tests.Faults;

public sealed class DependencyTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly MonitorRegister register = new();
    private readonly PrometheusText text;
    private readonly WatchMetrics metrics;
    private readonly Dependency dependency;
    private int asked;

    public DependencyTests()
    {
        text = new(register);
        metrics = new(register, time);
        dependency = new("thing", error => error is TimeoutException, new(), metrics, time, NullLogger.Instance, jitter: () => 0.5);
    }

    public void Dispose()
    {
        metrics.Dispose();
        text.Dispose();
    }

    [Fact]
    public async Task What_fails_for_a_while_is_asked_until_it_answers()
    {
        var answer = AskAsync(_ => asked < 4 ? throw new TimeoutException("not now") : new ValueTask<int>(7));

        Assert.Equal("not now", dependency.Away!.Reason);
        Assert.Equal(7, await AdvanceUntilAsync(answer));
        Assert.Equal(4, asked);
        Assert.Null(dependency.Away);
        Assert.NotNull(dependency.BackFor);
        Assert.Contains("driftwatch_dependency_retries_total{dependency=\"thing\"} 3", text.Write(), StringComparison.Ordinal);
        Assert.Contains("driftwatch_dependency_failures_total{dependency=\"thing\",reason=\"transient\"} 3", text.Write(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_waiting_does_not_mend_is_thrown_at_once()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => AskAsync(_ => throw new InvalidOperationException()));

        Assert.Equal(1, asked);
        Assert.Null(dependency.Away);
        Assert.Contains("driftwatch_dependency_failures_total{dependency=\"thing\",reason=\"permanent\"} 1", text.Write(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_attempt_that_is_not_answered_is_given_up_and_asked_again()
    {
        var answer = AskAsync(async token =>
        {
            if (asked == 1) await Task.Delay(Timeout.InfiniteTimeSpan, time, token);
            return 7;
        });

        time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(1, asked);
        Assert.Equal(7, await AdvanceUntilAsync(answer));
        Assert.Equal(2, asked);
        Assert.Contains("driftwatch_dependency_timeouts_total{dependency=\"thing\"} 1", text.Write(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_many_fail_the_breaker_keeps_them_off_and_one_tries()
    {
        var answer = true;
        var callers = Enumerable.Range(0, 20).Select(_ => AskAsync(_ => answer ? throw new TimeoutException() : new ValueTask<int>(7))).ToArray();

        Assert.Equal(2, dependency.BreakerState);
        Assert.True(asked < 20, $"{asked} of 20 were let through");
        answer = false;
        foreach (var caller in callers) Assert.Equal(7, await AdvanceUntilAsync(caller));
        Assert.Equal(0, dependency.BreakerState);
    }

    [Fact]
    public async Task Waiting_ends_with_the_callers_token()
    {
        using var stop = new CancellationTokenSource();
        var answer = AskAsync(_ => throw new TimeoutException(), stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        Assert.Null(dependency.Away);
    }

    [Theory]
    [InlineData(5, true)]    // busy
    [InlineData(6, true)]    // locked
    [InlineData(10, true)]   // input or output
    [InlineData(13, true)]   // disk full
    [InlineData(8, false)]   // read-only
    [InlineData(11, false)]  // damaged
    [InlineData(19, false)]  // a rule of the table
    public void Errors_of_SQLite_that_pass_are_told_from_those_that_stay(int code, bool passes)
    {
        var error = new SqliteException("so", code);

        Assert.Equal(passes, StoreFault.IsTransient(error));
        Assert.NotNull(StoreFault.Advice(error));
    }

    [Fact]
    public async Task A_damaged_file_stops_the_log_with_a_sentence()
    {
        var store = new Dependency("event log", StoreFault.IsTransient, new(), metrics, time, NullLogger.Instance);
        var inner = new InMemoryEventLog();
        var log = new PatientEventLog(new Damaged(inner), inner, store);

        var stopped = await Assert.ThrowsAsync<IOException>(() => log.AppendAsync("s", -1, [], default));

        Assert.StartsWith("The event log's file is damaged", stopped.Message, StringComparison.Ordinal);
    }

    private Task<int> AskAsync(Func<CancellationToken, ValueTask<int>> ask, CancellationToken stopping = default) => dependency.AskAsync(token =>
    {
        Interlocked.Increment(ref asked);
        return ask(token);
    }, stopping).AsTask();

    private async Task<int> AdvanceUntilAsync(Task<int> answer)
    {
        for (var steps = 0; !answer.IsCompleted && steps < 100_000; steps++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        return await answer.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private sealed class Damaged(IEventLog log) : IEventLog
    {
        public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) => throw new SqliteException("malformed", 11);

        public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => log.ReadAttachmentAsync(id, stopping);

        public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) => log.ReadStreamAsync(stream, fromRevision, stopping);

        public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => log.ReadAllAsync(afterPosition, stopping);

        public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => log.SubscribeAsync(afterPosition, stopping);
    }
}
