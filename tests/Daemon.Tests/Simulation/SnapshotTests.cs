using System.Security.Cryptography;
using System.Text;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis;

namespace DriftWatch.Daemon.Tests.Simulation;

public sealed class SnapshotTests
{
    private readonly SmallWorld world = new();

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 12)];

    [Theory, MemberData(nameof(Seeds))]
    public async Task Daemons_that_crash_and_start_from_snapshots_leave_the_undisturbed_log(int seed)
    {
        var random = new Random(seed);
        var traffic = SmallWorld.Traffic(random, partitions: 1 + random.Next(3));
        var undisturbed = new InMemoryEventLog();
        await world.RunAsync(undisturbed, new ScriptedPartitions(traffic, new(seed)), new());

        var log = new InMemoryEventLog();
        using var store = new InMemoryProjections();
        var starts = new List<long>();
        for (var crashes = 0; ; crashes++)
        {
            var snapshots = Snapshots(store, world.Catalog, windowsBetween: 1 + random.Next(3));
            starts.Add((await snapshots.ReadAsync(log, default))?.Snapshot.Position ?? 0);
            try
            {
                var crashing = new CrashingLog(log, crashAt: random.Next(2 + crashes), afterStoring: random.Next(2) == 0);
                await world.RunAsync(crashing, new ScriptedPartitions(traffic, new(seed + 1000 * crashes), reread: random.Next(3)), new(), snapshots);
                break;
            }
            catch (CrashException)
            {
                await snapshots.FlushAsync();
            }
        }

        Assert.Equal(await SmallWorld.ContentAsync(undisturbed), await SmallWorld.ContentAsync(log));
        Assert.Contains(starts, position => position > 0);
    }

    [Theory, MemberData(nameof(Seeds))]
    public async Task A_snapshot_at_any_event_is_what_was_folded_and_goes_on_as_that(int seed)
    {
        var random = new Random(seed);
        var log = new InMemoryEventLog();
        await world.RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(random, 1 + random.Next(3)), new(seed)), new());
        var end = await EndAsync(log);
        var whole = await FoldedAsync(log, world.Catalog);

        for (var position = 1L; position <= end; position += seed == 0 ? 1 : 1 + random.Next(12))
        {
            using var store = new InMemoryProjections();
            var before = await FoldedAsync(new LogUpTo(log, position), world.Catalog, store);

            Assert.Equal(before, await FoldedAsync(new LogUpTo(log, position), world.Catalog, store, onlyFromSnapshot: true));
            Assert.Equal(whole, await FoldedAsync(log, world.Catalog, store, onlyFromSnapshot: true));
        }
        Assert.Contains(whole.Keys, key => key.StartsWith("tails/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_baseline_that_is_being_learned_is_in_a_snapshot_and_frozen_ones_are_written_once()
    {
        var log = new InMemoryEventLog();
        await world.RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(new(1), 1), new(1)), new());

        Assert.Contains((await FoldedAsync(new LogUpTo(log, 3), world.Catalog)).Keys, key => key.StartsWith("learning/", StringComparison.Ordinal));
        using var store = new InMemoryProjections();
        var first = await FoldedAsync(log, world.Catalog, store);
        Assert.Contains(first.Keys, key => key.StartsWith("baseline/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_newest_two_are_kept_and_a_damaged_one_gives_way_to_the_one_before()
    {
        var log = new InMemoryEventLog();
        await world.RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(new(2), 2), new(2)), new());
        var end = await EndAsync(log);
        using var store = new InMemoryProjections();
        foreach (var position in new[] { end - 20, end - 10, end }) await FoldedAsync(new LogUpTo(log, position), world.Catalog, store);

        var (name, state) = Assert.Single(await store.NamesAsync("watch-", default));
        var heads = await KeysAsync(store, name, "head/");
        Assert.Equal([$"head/{end - 10:D19}", $"head/{end:D19}"], heads);
        var all = await KeysAsync(store, name, "");
        var fresh = new InMemoryProjections();
        await FoldedAsync(new LogUpTo(log, end - 10), world.Catalog, fresh);
        await FoldedAsync(log, world.Catalog, fresh);
        // Nothing of the third is left.
        Assert.Equal(await KeysAsync(fresh, name, ""), all);

        var tails = all.Last(key => key.StartsWith("tails/", StringComparison.Ordinal));
        await store.WriteAsync(name, state, state, [new(tails, [1, 2, 3])], default);
        var said = new List<string>();
        var read = await new WatchSnapshots(store, world.Catalog, said.Add).ReadAsync(log, default);
        Assert.Equal(end - 10, read?.Snapshot.Position);
        Assert.Contains($"The snapshot at position {end} is not used: the chunk {tails}", Assert.Single(said), StringComparison.Ordinal);
        Assert.Equal(await FoldedAsync(log, world.Catalog), await FoldedAsync(log, world.Catalog, store, onlyFromSnapshot: true));

        // Neither is whole: from the beginning.
        foreach (var key in await KeysAsync(store, name, "tails/")) await store.WriteAsync(name, await store.StateAsync(name, default), state, [new(key, null)], default);
        Assert.Null(await new WatchSnapshots(store, world.Catalog, said.Add).ReadAsync(log, default));
        Assert.Contains("no snapshot in it is whole", said[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_was_shortened_or_forked_is_noticed_and_folded_from_its_beginning()
    {
        var (log, other) = (new InMemoryEventLog(), new InMemoryEventLog());
        await world.RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(new(4), 1), new(4)), new());
        await world.RunAsync(other, new ScriptedPartitions(SmallWorld.Traffic(new(5), 1), new(5)), new());
        foreach (var (then, why) in new (IEventLog, string)[] { (new LogUpTo(log, await EndAsync(log) - 1), "the log was shortened"), (new LogUpTo(other, await EndAsync(log)), "the log was rewritten") })
        {
            using var store = new InMemoryProjections();
            await FoldedAsync(log, world.Catalog, store);
            var said = new List<string>();
            var snapshots = new WatchSnapshots(store, world.Catalog, said.Add);
            var record = new WatchRecord(then, world.Catalog, snapshots);
            await record.CatchUpAsync(default);

            Assert.Contains(said, line => line.Contains(why, StringComparison.Ordinal) || why.Contains("rewritten", StringComparison.Ordinal) && line.Contains("ends before", StringComparison.Ordinal));
            using var fresh = new InMemoryProjections();
            Assert.Equal(await FoldedAsync(then, world.Catalog), await StateAsync(record, snapshots, store));
        }
    }

    [Fact]
    public async Task A_zombie_that_started_from_a_snapshot_is_refused_like_any_other()
    {
        var log = new InMemoryEventLog();
        await world.RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(new(3), 1), new(3)), new());
        using var store = new InMemoryProjections();
        var half = await EndAsync(log) / 2;
        await FoldedAsync(new LogUpTo(log, half), world.Catalog, store);
        var behind = new GrowingLog(log, half);
        var record = new WatchRecord(behind, world.Catalog, Snapshots(store, world.Catalog, 1000));
        await record.CatchUpAsync(default);
        record.Own(0);
        behind.Grow();

        await record.CatchUpAsync(default);

        Assert.Equal(0, Assert.Single(record.Taken).Partition);
    }

    [Fact]
    public void A_changed_rule_or_label_keeps_snapshots_and_what_is_folded_otherwise_has_its_own()
    {
        var plan = world.Catalog.Models[0];
        var same = new Catalog("other", "other", [plan with { Hazards = [] }]);
        Assert.Equal(WatchSnapshot.FoldsAs(world.Catalog), WatchSnapshot.FoldsAs(same));
        ModelPlan[] others =
        [
            plan with { Detection = plan.Detection with { RunTime = new(77, Days: false) } },
            plan with { Detection = plan.Detection with { SequencesMinimum = 11 } },
            plan with { Baseline = plan.Baseline with { Rows = 601 } },
            plan with { Baseline = plan.Baseline with { From = plan.Baseline.From with { Version = "bad" } } },
            plan with { Windows = plan.Windows with { OutlierNorm = 3 } },
            plan with { Model = "n" },
        ];
        Assert.Equal(others.Length + 1, others.Select(other => WatchSnapshot.FoldsAs(new("catalog", "{}", [other]))).Append(WatchSnapshot.FoldsAs(world.Catalog)).Distinct().Count());
    }

    private static WatchSnapshots Snapshots(IProjectionStore store, Catalog catalog, int windowsBetween) => new(store, catalog, said => Assert.Fail(said)) { WindowsBetween = windowsBetween };

    /// <summary>A record that has folded a log, and left a snapshot of it.</summary>
    /// <returns>All of its state.</returns>
    private static async Task<SortedDictionary<string, string>> FoldedAsync(IEventLog log, Catalog catalog, IProjectionStore? given = null, bool onlyFromSnapshot = false)
    {
        using var own = new InMemoryProjections();
        var store = given ?? own;
        // Where damage is the subject the newest one may be refused.
        var snapshots = new WatchSnapshots(store, catalog, _ => { }) { WindowsBetween = int.MaxValue };
        if (onlyFromSnapshot) Assert.NotNull(await snapshots.ReadAsync(log, default));
        var record = new WatchRecord(log, catalog, snapshots);
        await record.CatchUpAsync(default);
        return await StateAsync(record, snapshots, store);
    }

    private static async Task<SortedDictionary<string, string>> StateAsync(WatchRecord record, WatchSnapshots snapshots, IProjectionStore store)
    {
        record.TakeSnapshot();
        await snapshots.FlushAsync();
        var (name, state) = (await store.NamesAsync("watch-", default)).Single();
        var projection = new Projection(store, name, state.Version, _ => { });
        var head = WatchSnapshot.FromBytes((await projection.ReadAsync($"head/{state.Position:D19}", default))!);
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["head"] = Encoding.UTF8.GetString(head.ToBytes()) };
        await foreach (var (key, data) in projection.ReadAsync(head.Parts, default)) all[key] = Convert.ToHexString(SHA256.HashData(data));
        return all;
    }

    private static async Task<List<string>> KeysAsync(IProjectionStore store, string name, string prefix)
    {
        var keys = new List<string>();
        await foreach (var (key, _) in store.ReadRangeAsync(name, prefix, prefix + "\uffff", default)) keys.Add(key);
        return keys;
    }

    private static async Task<long> EndAsync(IEventLog log)
    {
        var end = 0L;
        await foreach (var stored in log.ReadAllAsync(0, default)) end = stored.Position;
        return end;
    }

    /// <summary>A log that ends at a position until it grows.</summary>
    private sealed class GrowingLog(IEventLog log, long position) : IEventLog
    {
        private IEventLog now = new LogUpTo(log, position);

        public void Grow() => now = log;

        public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) => now.AppendAsync(stream, expectedRevision, events, stopping);

        public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => now.ReadAttachmentAsync(id, stopping);

        public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) => now.ReadStreamAsync(stream, fromRevision, stopping);

        public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => now.ReadAllAsync(afterPosition, stopping);

        public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => now.SubscribeAsync(afterPosition, stopping);
    }
}
