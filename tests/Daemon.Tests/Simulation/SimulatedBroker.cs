using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>A topic and its consumer group: who has which partition, and who only believes so.</summary>
internal sealed class SimulatedBroker(SimulatedWorld world)
{
    private readonly List<SimulatedConsumer> members = [];
    private readonly SimulatedConsumer?[] owners = new SimulatedConsumer?[world.Traffic.Partitions.Count];

    /// <summary>How far each partition goes now.</summary>
    public long[] Ends { get; } = new long[world.Traffic.Partitions.Count];

    /// <summary>What was acknowledged may be gone, as in a spool.</summary>
    public long[] Begins { get; } = new long[world.Traffic.Partitions.Count];

    public RawMessage Message(int partition, long offset) => world.Traffic.Partitions[partition][(int)offset];

    public bool AllRead => owners.Select((owner, partition) => owner?.HasRead(partition, Ends[partition]) ?? false).All(read => read);

    public void Join(SimulatedConsumer consumer)
    {
        members.Add(consumer);
        Rebalance();
    }

    /// <summary>It has left, or has not been heard of for a session.</summary>
    public void Remove(SimulatedConsumer consumer)
    {
        members.Remove(consumer);
        for (var partition = 0; partition < owners.Length; partition++)
            if (owners[partition] == consumer) owners[partition] = null;
        Rebalance();
    }

    /// <summary>The group has given up a member that still lives and works on; it hears of it later.</summary>
    public void TakeForDead(SimulatedConsumer consumer)
    {
        if (!members.Contains(consumer)) return;
        world.Say($"daemon {consumer.Daemon.Number} is taken for dead");
        Remove(consumer);
        world.Time.After(world.Fate.Between(0.1, 40), () =>
        {
            if (!consumer.Daemon.Alive || consumer.Left) return;
            consumer.LoseAll();
            Join(consumer);
        });
    }

    public SimulatedConsumer? AnyMember() => members.Count == 0 ? null : members[world.Fate.Next(members.Count)];

    private void Rebalance()
    {
        // A rebalance waits for every member; of one that died the group hears when its session is over.
        if (members.Count == 0 || members.Exists(member => !member.Daemon.Alive)) return;
        var first = world.Fate.Next(members.Count);
        for (var partition = 0; partition < owners.Length; partition++)
        {
            var (number, owner, next) = (partition, owners[partition], members[(first + partition) % members.Count]);
            if (owner == next) continue;
            if (owner is null)
            {
                Give(number, next);
                continue;
            }
            owners[number] = null;
            // The partition moves when its owner has let go, or does not say so for too long.
            var moved = false;
            owner.Revoke(number, Move);
            world.Time.After(TimeSpan.FromSeconds(10), Move);

            void Move()
            {
                if (moved) return;
                moved = true;
                if (owners[number] is null && members.Count > 0) Give(number, members.Contains(next) ? next : members[world.Fate.Next(members.Count)]);
            }
        }
    }

    private void Give(int partition, SimulatedConsumer consumer)
    {
        owners[partition] = consumer;
        consumer.Assign(partition);
    }
}
