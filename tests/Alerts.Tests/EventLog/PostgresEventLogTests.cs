using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Alerts.Tests.EventLog;

public sealed class PostgresEventLogTests : EventLogContract, IClassFixture<RealPostgres>
{
    private readonly RealPostgres postgres;
    private readonly Lazy<string> address;

    public PostgresEventLogTests(RealPostgres postgres)
    {
        this.postgres = postgres;
        Assert.SkipWhen(postgres.Absent is not null, postgres.Absent ?? "");
        address = new(postgres.NewDatabase);
    }

    protected override OpenedLog Open(int attachmentsKept) => EventLogAddress.Open(address.Value, TimeProvider.System, attachmentsKept);

    [Fact]
    public async Task What_one_daemon_appends_another_reads_and_follows()
    {
        using var writer = Open();
        using var reader = Open();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var subscription = reader.Log.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = subscription.MoveNextAsync().AsTask();

        await writer.Log.AppendAsync(Stream, -1, Events("a"), default);

        Assert.True(await next);
        Assert.Equal("a", System.Text.Encoding.UTF8.GetString(subscription.Current.Data));
    }

    [Fact]
    public async Task What_another_daemon_appends_is_heard_of_without_waiting_for_the_poll()
    {
        using var writer = Open();
        // Its clock stands, so it never polls: what comes has been announced.
        using var reader = EventLogAddress.Open(address.Value, new StandingClock());
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var subscription = reader.Log.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);

        for (var i = 0; i < 20; i++)
        {
            var next = NextAsync(subscription);
            await writer.Log.AppendAsync(Stream, i - 1, Events($"{i}"), default);
            Assert.Equal($"{i}", await next);
        }
    }

    [Fact]
    public async Task A_listener_that_lost_its_connection_listens_again()
    {
        using var writer = Open();
        var clock = new StandingClock();
        using var reader = EventLogAddress.Open(address.Value, clock);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var subscription = reader.Log.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);
        await writer.Log.AppendAsync(Stream, -1, Events("a"), default);
        Assert.Equal("a", await NextAsync(subscription));

        var next = NextAsync(subscription);
        const string Listeners = "FROM pg_stat_activity WHERE application_name = 'driftwatch listener' AND datname = current_database() AND query LIKE 'LISTEN%'";
        var database = new Uri(address.Value).AbsolutePath[1..];
        while (postgres.Sql(database, $"SELECT pg_terminate_backend(pid) {Listeners}") is not true) await Task.Delay(20, stop.Token);
        while (postgres.Sql(database, $"SELECT count(*) {Listeners}") is not 0L) await Task.Delay(20, stop.Token);
        await writer.Log.AppendAsync(Stream, 0, Events("b"), default);
        while (!clock.Pass(TimeSpan.FromSeconds(5))) await Task.Delay(20, stop.Token);

        Assert.Equal("b", await next);
    }

    /// <summary>Timers fire only when it is told that their time has passed.</summary>
    private sealed class StandingClock : TimeProvider
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<(TimeSpan Due, Timer Timer)> timers = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Timer(callback, state, Timeout.Infinite, Timeout.Infinite);
            timers.Enqueue((dueTime, timer));
            return timer;
        }

        /// <returns>Somebody had waited just that long.</returns>
        public bool Pass(TimeSpan wait)
        {
            var due = timers.Where(entry => entry.Due == wait).ToArray();
            foreach (var (_, timer) in due) timer.Change(0, Timeout.Infinite);
            return due.Length > 0;
        }
    }

    [Fact]
    public Task Of_daemons_that_race_for_a_revision_one_wins() => OneDaemonWinsAsync();

    [Fact]
    public async Task Positions_have_no_gaps_and_a_reader_never_overtakes_a_writer()
    {
        var daemons = Enumerable.Range(0, 4).Select(_ => Open()).ToArray();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var writing = Task.WhenAll(daemons.Select((daemon, number) => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
            {
                await daemon.Log.AppendAsync($"stream {number}", 2 * i - 1, Events($"{number} {i} a", $"{number} {i} b"), stop.Token);
                // One that is refused takes its positions back.
                await Assert.ThrowsAsync<WrongRevisionException>(() => daemon.Log.AppendAsync($"stream {number}", 1000, Events($"{number} {i} c"), stop.Token));
            }
        })));

        var seen = new List<long>();
        using var follower = Open();
        await foreach (var fact in follower.Log.SubscribeAsync(0, stop.Token))
        {
            seen.Add(fact.Position);
            if (seen.Count == 400) break;
        }
        await writing;

        Assert.Equal(Enumerable.Range(1, 400).Select(position => (long)position), seen);
        foreach (var daemon in daemons) daemon.Dispose();
    }

    [Fact]
    public async Task A_server_that_is_stopped_and_started_is_waited_for_and_nothing_is_lost_or_doubled()
    {
        using var opened = Open();
        using var metrics = new WatchMetrics(new(), TimeProvider.System);
        var store = new Dependency("event log", StoreFault.IsTransient, new(), metrics, TimeProvider.System, NullLogger.Instance);
        var patient = new PatientEventLog(opened.Log, opened.Checkpoints, store);
        await patient.AppendAsync(Stream, -1, Events("a", "b"), default);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var subscription = patient.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);
        Assert.Equal(["a", "b"], [await NextAsync(subscription), await NextAsync(subscription)]);

        postgres.Stop("immediate");
        await Assert.ThrowsAnyAsync<Npgsql.NpgsqlException>(() => opened.Log.AppendAsync(Stream, 1, Events("c"), default));
        var (append, next) = (patient.AppendAsync(Stream, 1, Events("c"), stop.Token), NextAsync(subscription));
        while (store.Away is null) await Task.Delay(20, stop.Token);
        Assert.False(append.IsCompleted);
        postgres.Start();

        Assert.Equal(2, await append);
        Assert.Equal("c", await next);
        Assert.Null(store.Away);
        Assert.Equal(["a", "b", "c"], await NamesAsync(patient.ReadAllAsync(0, default)));
        await patient.WriteAsync("mail", 3, default);
        Assert.Equal(3, await patient.ReadAsync("mail", default));
    }

    [Fact]
    public async Task A_lease_whose_connection_dies_is_lost_to_its_holder_and_free_for_another_daemon()
    {
        using var holder = Open();
        using var other = Open();
        await using var held = await holder.Leases.TakeAsync("mail", default);
        var waiting = other.Leases.TakeAsync("mail", default);

        postgres.Sql("postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted");

        await using var taken = await waiting.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(await Task.Run(() => held.Lost.WaitHandle.WaitOne(TimeSpan.FromSeconds(20))));
        Assert.False(taken.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_outlives_no_crash_of_the_server_and_is_taken_again_when_it_is_back()
    {
        using var opened = Open();
        await using var held = await opened.Leases.TakeAsync("mail", default);

        postgres.Stop("immediate");
        var again = opened.Leases.TakeAsync("mail", default);
        postgres.Start();

        await using var taken = await again.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(await Task.Run(() => held.Lost.WaitHandle.WaitOne(TimeSpan.FromSeconds(20))));
    }

    [Fact]
    public async Task What_waiting_does_not_mend_is_not_waited_for()
    {
        using var opened = Open();
        using var metrics = new WatchMetrics(new(), TimeProvider.System);
        var patient = new PatientEventLog(opened.Log, opened.Checkpoints, new("event log", error => StoreFault.IsTransient(error) ? throw new InvalidOperationException("it waited", error) : false, new(), metrics, TimeProvider.System, NullLogger.Instance));
        await patient.AppendAsync(Stream, -1, Events("a"), default);

        await Assert.ThrowsAsync<WrongRevisionException>(() => patient.AppendAsync(Stream, -1, Events("b"), default));
    }

    [Theory]
    [InlineData("postgres://host", "lacks a host or a database")]
    [InlineData("postgres:///db", "lacks a host or a database")]
    [InlineData("postgres://u:secret@host/db?bananas=3", "bananas")]
    public void An_address_that_cannot_be_used_is_refused_without_its_password(string wrong, string because)
    {
        var problem = EventLogAddress.Problem(wrong);

        Assert.Contains(because, problem, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("postgres://USER@HOST:PORT/DATABASE", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_is_not_there_is_said_without_the_password()
    {
        var refused = Assert.Throws<IOException>(() => EventLogAddress.Open("postgres://u:secret@127.0.0.1:1/db?timeout=2", TimeProvider.System));

        Assert.StartsWith("The event log postgres://u:***@127.0.0.1:1/db?timeout=2 cannot be opened", refused.Message, StringComparison.Ordinal);
    }
}
