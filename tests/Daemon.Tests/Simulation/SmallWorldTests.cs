using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Daemon.Tests.Simulation;

public sealed class SmallWorldTests
{
    [Fact]
    public async Task The_world_of_these_tests_has_alerts_to_lose()
    {
        var log = new InMemoryEventLog();
        await new SmallWorld().RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(new(1), 2), new(1)), new());

        var facts = new List<AlertEvent>();
        await foreach (var stored in log.ReadAllAsync(0, TestContext.Current.CancellationToken)) facts.Add(EventJson.Read(stored.Data));
        Assert.Contains(facts, fact => fact is DriftDetected { Monitor.Version: "bad" });
        Assert.Contains(facts, fact => fact is HazardDetected { Monitor.Version: "bad", Hazard: "odd" });
        Assert.DoesNotContain(facts, fact => fact is DriftDetected { Monitor.Version: "good" } or HazardDetected { Monitor.Version: "good" });
        Assert.Contains(facts, fact => fact is WindowClosed { Rejected.Count: > 0 });
        Assert.Contains(facts, fact => fact is BaselineFrozen);
    }

    [Fact]
    public async Task A_record_that_meets_foreign_windows_on_its_partition_says_so_and_stores_nothing_more_of_it()
    {
        var world = new SmallWorld();
        var traffic = SmallWorld.Traffic(new(3), partitions: 1);
        var log = new InMemoryEventLog();
        var record = new WatchRecord(log, world.Catalog);
        await record.CatchUpAsync(TestContext.Current.CancellationToken);
        record.Own(0);
        await world.RunAsync(log, new ScriptedPartitions(traffic, new(3)), new());

        await record.CatchUpAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, Assert.Single(record.Taken).Partition);
        var judged = Support.Some.Judged(1000, world.Catalog.Models[0], []);
        await Assert.ThrowsAsync<WrongRevisionException>(() => record.RecordAsync(judged, 0, TestContext.Current.CancellationToken));
        record.Leave(0);
        Assert.Empty(record.Taken);
    }
}
