using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Alerts.Sinks;
using DriftWatch.Analysis.Activations;
using DriftWatch.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Alerts.Tests.Sinks;

/// <summary>Two daemons, one log, one sink.</summary>
public sealed class AlertPublisherTests : IDisposable
{
    private readonly WatchMetrics metrics = new(new(), TimeProvider.System);
    private readonly InMemoryEventLog log = new();
    private readonly MemoryLeases leases = new();
    private readonly ListedSink sink = new();

    public void Dispose() => metrics.Dispose();

    [Fact]
    public async Task Of_an_alert_over_several_partitions_people_hear_one_beginning_and_one_end_under_one_id()
    {
        using var publisher = await StartAsync();
        await AppendAsync(Raised("a", 0), Raised("b", 1), Ended("a", 0), new AlertAcknowledged("b", Some.Monitor, "seen"), Ended("b", 1), Raised("c", 0));

        await sink.UntilAsync(4);

        Assert.Equal(["hazard-detected a", "alert-acknowledged a", "hazard-ended a", "hazard-detected c"], sink.Sent);
        await publisher.StopAsync(default);
    }

    [Fact]
    public async Task Only_one_daemon_sends_and_when_it_stops_the_other_goes_on_in_order()
    {
        using var first = await StartAsync();
        await AppendAsync(Raised("a", 0));
        await sink.UntilAsync(1);
        using var second = await StartAsync();
        await AppendAsync(Raised("b", 1), Ended("a", 0), Raised("c", 0) with { Hazard = "other" });
        await sink.UntilAsync(2);

        await first.StopAsync(default);
        await AppendAsync(Ended("b", 1));

        await sink.UntilAsync(3);
        // The end bears the id of a beginning that the second daemon has only folded.
        Assert.Equal(["hazard-detected a", "hazard-detected c", "hazard-ended a"], sink.Sent);
        await second.StopAsync(default);
    }

    [Fact]
    public async Task What_was_sent_and_not_noted_down_is_sent_again_first()
    {
        await AppendAsync(Raised("a", 0), Raised("b", 0) with { Hazard = "other" });
        using (var first = await StartAsync(new ForgetfulCheckpoints(log)))
        {
            await sink.UntilAsync(2);
            await first.StopAsync(default);
        }
        using var second = await StartAsync();

        await sink.UntilAsync(4);

        Assert.Equal(["hazard-detected a", "hazard-detected b", "hazard-detected a", "hazard-detected b"], sink.Sent);
        await second.StopAsync(default);
    }

    [Fact]
    public async Task A_daemon_that_loses_its_lease_stops_sending_until_it_has_it_again()
    {
        using var lost = new LosableLeases();
        using var publisher = Publisher(log, lost);
        await publisher.StartAsync(default);
        await AppendAsync(Raised("a", 0));
        await sink.UntilAsync(1);

        await lost.LoseAsync();
        await AppendAsync(Ended("a", 0));
        Assert.Single(sink.Sent);
        lost.Give();

        await sink.UntilAsync(2);
        Assert.Equal(["hazard-detected a", "hazard-ended a"], sink.Sent);
        await publisher.StopAsync(default);
    }

    private AlertPublisher Publisher(ICheckpoints checkpoints, ILeases leases) => new(
        log, checkpoints, leases, sink, new("alert sink", _ => false, new(), metrics, TimeProvider.System, NullLogger.Instance), NullLogger<AlertPublisher>.Instance, default);

    private async Task<AlertPublisher> StartAsync(ICheckpoints? checkpoints = null)
    {
        var publisher = Publisher(checkpoints ?? log, leases);
        await publisher.StartAsync(default);
        return publisher;
    }

    private async Task AppendAsync(params AlertEvent[] facts)
    {
        foreach (var fact in facts)
        {
            var last = -1L;
            await foreach (var stored in log.ReadStreamAsync("alarms", 0, default)) last = stored.Revision;
            await log.AppendAsync("alarms", last, [new(EventId.From($"{last}"), EventJson.TypeOf(fact), Some.Time, "driftwatch", null, EventJson.Write(fact))], default);
        }
    }

    private static HazardDetected Raised(string alarm, int partition) => Some.Raised(alarm) with { Partition = partition };

    private static HazardEnded Ended(string alarm, int partition) => new(alarm, Some.Monitor, Probe.Traffic, partition, "backdoor-hostile", Some.Time, 9);

    private sealed class ListedSink : IAlertSink
    {
        private readonly Lock gate = new();
        private readonly List<string> sent = [];

        public string Name => "list";

        public string[] Sent
        {
            get
            {
                lock (gate) return [.. sent];
            }
        }

        public Task SendAsync(StoredEvent stored, AlertEvent fact, CancellationToken stopping)
        {
            var alert = fact switch { HazardDetected raised => raised.Alert, HazardEnded ended => ended.Alert, AlertAcknowledged acknowledged => acknowledged.Alert, _ => "?" };
            lock (gate) sent.Add($"{stored.Type} {alert}");
            return Task.CompletedTask;
        }

        public async Task UntilAsync(int count)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (Sent.Length < count) await Task.Delay(5, patience.Token);
        }
    }

    /// <summary>Of a daemon that dies before it can write them.</summary>
    private sealed class ForgetfulCheckpoints(ICheckpoints checkpoints) : ICheckpoints
    {
        public Task<long> ReadAsync(string follower, CancellationToken stopping) => checkpoints.ReadAsync(follower, stopping);

        public Task WriteAsync(string follower, long position, CancellationToken stopping) => Task.CompletedTask;
    }

    private sealed class LosableLeases : ILeases, IDisposable
    {
        private readonly SemaphoreSlim free = new(1), asked = new(0);
        private CancellationTokenSource lost = new();

        public async Task<ILease> TakeAsync(string name, CancellationToken stopping)
        {
            asked.Release();
            await free.WaitAsync(stopping);
            lost = new();
            return new Held(lost.Token);
        }

        /// <summary>Returns when the holder has let go and asks again.</summary>
        public async Task LoseAsync()
        {
            await asked.WaitAsync();
            await lost.CancelAsync();
            await asked.WaitAsync();
        }

        public void Give() => free.Release();

        public void Dispose()
        {
            free.Dispose();
            asked.Dispose();
            lost.Dispose();
        }

        private sealed record Held(CancellationToken Lost) : ILease
        {
            public ValueTask DisposeAsync() => default;
        }
    }
}
