using System.Runtime.CompilerServices;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>Two daemons on one partition: one of them was asleep, or believes an old assignment.</summary>
public sealed class StandDownTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 8)];

    [Theory, MemberData(nameof(Seeds))]
    public async Task A_daemon_whose_partition_another_writes_gives_it_up_goes_on_with_the_others_and_begins_it_anew_behind_what_is_stored(int seed)
    {
        var world = new SmallWorld();
        var traffic = SmallWorld.Traffic(new(seed), partitions: 2);
        var undisturbed = new InMemoryEventLog();
        await world.RunAsync(undisturbed, new ScriptedPartitions(traffic, new(seed)), new());

        var log = new InMemoryEventLog();
        var random = new Random(seed);
        // The other one takes some of what this one is reading, and is then gone for good.
        var met = random.Next(traffic[0].Count / 2, traffic[0].Count);
        var source = new TwoPartitions(traffic, async read =>
        {
            if (read == met) await world.RunAsync(log, new ScriptedPartitions([[.. traffic[0].Take(random.Next(met, traffic[0].Count))]], new(seed)), new());
        });
        await world.RunAsync(log, source, new());

        Assert.Equal(await SmallWorld.ContentAsync(undisturbed), await SmallWorld.ContentAsync(log));
        Assert.All(source.GivenUp, partition => Assert.Equal(0, partition));
    }

    [Fact]
    public async Task The_world_of_these_tests_has_partitions_to_give_up()
    {
        var world = new SmallWorld();
        var traffic = SmallWorld.Traffic(new(1), partitions: 2);
        var log = new InMemoryEventLog();
        var source = new TwoPartitions(traffic, async read =>
        {
            if (read == 30) await world.RunAsync(log, new ScriptedPartitions([traffic[0]], new(1)), new());
        });
        await world.RunAsync(log, source, new());

        Assert.Equal([0], source.GivenUp);
    }

    [Fact]
    public async Task Where_no_group_can_say_whose_the_partition_is_the_daemon_ends()
    {
        var world = new SmallWorld();
        var traffic = SmallWorld.Traffic(new(1), partitions: 2);
        var log = new InMemoryEventLog();
        var source = new TwoPartitions(traffic, async read =>
        {
            if (read == 30) await world.RunAsync(log, new ScriptedPartitions([traffic[0]], new(1)), new());
        })
        { HasGroup = false };

        await Assert.ThrowsAsync<WrongRevisionException>(() => world.RunAsync(log, source, new()));
    }

    [Fact]
    public async Task Who_takes_a_partition_over_freezes_the_baseline_whose_last_window_its_owner_before_still_stored()
    {
        var world = new SmallWorld();
        var traffic = SmallWorld.Traffic(new(1), partitions: 2);
        var undisturbed = new InMemoryEventLog();
        await world.RunAsync(undisturbed, new ScriptedPartitions(traffic, new(1)), new());

        var log = new InMemoryEventLog();
        // This one runs already, and has nothing, when the other dies.
        var source = new TwoPartitions(traffic, _ => Task.CompletedTask)
        {
            BeforeAssigning = async () =>
            {
                await Assert.ThrowsAsync<CrashException>(() => world.RunAsync(new CrashingLog(log, crashAt: 2, afterStoring: true), new ScriptedPartitions([traffic[0]], new(1)), new()));
                var types = new List<string>();
                await foreach (var stored in log.ReadAllAsync(0, TestContext.Current.CancellationToken)) types.Add(stored.Type);
                Assert.Equal(["catalog-changed", "window-closed", "window-closed", "window-closed"], types);
            },
        };
        await world.RunAsync(log, source, new());

        Assert.Equal(await SmallWorld.ContentAsync(undisturbed), await SmallWorld.ContentAsync(log));
    }

    /// <summary>The first partition to its end and then the second, which has its baseline from the first.</summary>
    private sealed class TwoPartitions(IReadOnlyList<IReadOnlyList<RawMessage>> partitions, Func<int, Task> beforeReading) : IActivationSource
    {
        private readonly Queue<int> toAssign = new([0, 1]);

        public List<int> GivenUp { get; } = [];

        public Func<Task>? BeforeAssigning { get; init; }

        public bool HasGroup { get; init; } = true;

        public bool CanPostpone => false;

        public async IAsyncEnumerable<SourceEvent> ReadAsync([EnumeratorCancellation] CancellationToken stopping)
        {
            var next = new long[2];
            if (BeforeAssigning is not null) await BeforeAssigning();
            for (var read = 0; ;)
            {
                while (toAssign.TryDequeue(out var partition))
                {
                    var assigned = new PartitionAssigned(partition);
                    yield return assigned;
                    next[partition] = await assigned.Begin ?? 0;
                }
                var from = next[0] < partitions[0].Count ? 0 : 1;
                if (next[from] >= partitions[from].Count) yield break;
                if (from == 0) await beforeReading(read++);
                var lent = new LentMessage(partitions[from][(int)next[from]++]);
                yield return lent.Received;
                lent.TakeBack();
            }
        }

        public void Acknowledge(int partition, long openFrom, long next)
        {
        }

        public bool GiveUp(int partition)
        {
            if (!HasGroup) return false;
            GivenUp.Add(partition);
            toAssign.Enqueue(partition);
            return true;
        }
    }
}
