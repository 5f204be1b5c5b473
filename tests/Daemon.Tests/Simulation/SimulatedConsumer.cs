using System.Runtime.CompilerServices;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>A member of the group, as the loop sees it: order within a partition, and everything at least once.</summary>
internal sealed class SimulatedConsumer(SimulatedWorld world, SimulatedDaemon daemon) : IActivationSource
{
    /// <summary>Read ahead: what a member that is taken for dead goes on with.</summary>
    private const int Prefetched = 6;

    private readonly Queue<(SourceEvent Event, Action Answered)> told = new();
    private readonly SortedDictionary<int, Held> held = [];
    private readonly Dictionary<int, Dictionary<int, long>> postponed = [];

    private sealed class Held
    {
        public CancellationTokenSource Lost { get; } = new();
        public long Next { get; set; } = -1;

        /// <summary>Behind this nothing comes any more; the group has given the partition to another.</summary>
        public long Until { get; set; } = long.MaxValue;
    }

    public SimulatedDaemon Daemon => daemon;
    public bool Left { get; private set; }
    public bool CanPostpone => held.Count > 1;

    // Sometimes wrong, as where a partition is taken away in that moment.
    public bool MoreAtHand => told.Count == 0 && Ready().Length > 0 && !world.Fate.OneIn(3);

    public bool HasRead(int partition, long end) => told.Count == 0 && held.TryGetValue(partition, out var mine) && mine.Next >= end;

    public void Assign(int partition) => Assign(partition, until: long.MaxValue);

    private void Assign(int partition, long until)
    {
        var mine = held[partition] = new() { Until = until };
        var assigned = new PartitionAssigned(partition) { Lost = mine.Lost.Token };
        told.Enqueue((assigned, () =>
        {
            if (!assigned.Begin.IsCompletedSuccessfully) return;
            mine.Next = Math.Max(world.Broker.Begins[partition], assigned.Begin.GetAwaiter().GetResult() ?? 0);
            world.Say($"daemon {daemon.Number} reads {partition} from {mine.Next}");
        }
        ));
    }

    public void Revoke(int partition, Action released)
    {
        if (!held.Remove(partition, out var mine)) return;
        postponed.Remove(partition);
        told.Enqueue((new PartitionRevoked(partition), released));
        // Not in the midst of whoever calls: the loop goes on in it.
        world.Time.After(TimeSpan.Zero, () => daemon.Time.Cancel(mine.Lost), daemon);
    }

    public void LoseAll()
    {
        foreach (var partition in held.Keys.ToArray()) Revoke(partition, () => { });
    }

    /// <summary>Nothing new reaches it.</summary>
    public void CutOff()
    {
        foreach (var mine in held.Values) mine.Until = mine.Next + Prefetched;
    }

    public async IAsyncEnumerable<SourceEvent> ReadAsync([EnumeratorCancellation] CancellationToken stopping)
    {
        world.Broker.Join(this);
        try
        {
            while (true)
            {
                var ready = Ready();
                await daemon.Time.WaitAsync(told.Count > 0 || ready.Length > 0 ? world.Fate.Between(0, 0.2) : TimeSpan.FromSeconds(0.5), stopping);
                if (told.TryDequeue(out var next))
                {
                    yield return next.Event;
                    next.Answered();
                }
                else if (Ready() is { Length: > 0 } now)
                {
                    var partition = now[world.Fate.Next(now.Length)];
                    var mine = held[partition];
                    var offset = mine.Next++;
                    var lent = new LentMessage(world.Broker.Message(partition, offset));
                    yield return lent.Received;
                    lent.TakeBack();
                    // The one just read, or an older one, or all since an older one, once more.
                    if (!world.Fate.Repeats() || !held.ContainsValue(mine)) continue;
                    var again = Math.Max(world.Broker.Begins[partition], offset - world.Fate.Next(4));
                    if (world.Fate.OneIn(2)) mine.Next = Math.Min(mine.Next, again);
                    else if (again < mine.Next)
                    {
                        lent = new(world.Broker.Message(partition, again));
                        yield return lent.Received;
                        lent.TakeBack();
                    }
                }
            }
        }
        finally
        {
            Left = true;
            world.Broker.Remove(this);
        }
    }

    public void Acknowledge(int partition, long openFrom, long next)
    {
        if (!daemon.Alive || world.Fate.AcknowledgementIsLost() || !world.Traffic.MayBeDeleted) return;
        world.Broker.Begins[partition] = Math.Max(world.Broker.Begins[partition], openFrom);
    }

    public void Postpone(int partition, long offset)
    {
        if (!held.TryGetValue(partition, out var mine)) return;
        mine.Next = offset;
        postponed[partition] = held.Keys.Where(other => other != partition && !postponed.ContainsKey(other)).ToDictionary(other => other, other => world.Broker.Ends[other]);
    }

    /// <summary>Whoever is right finds out by the group, which takes the partition away or does not.</summary>
    public bool GiveUp(int partition)
    {
        world.StoodDown++;
        world.Say($"daemon {daemon.Number} gives {partition} up");
        postponed.Remove(partition);
        if (!held.TryGetValue(partition, out var mine)) return true;
        mine.Next = -1;
        world.Time.After(TimeSpan.FromSeconds(5), () =>
        {
            if (held.TryGetValue(partition, out var still) && still == mine) Assign(partition, mine.Until);
        }, daemon);
        return true;
    }

    private int[] Ready()
    {
        foreach (var (partition, until) in postponed.ToArray())
            if (until.All(other => postponed.ContainsKey(other.Key) || !held.TryGetValue(other.Key, out var there) || there.Next >= other.Value)) postponed.Remove(partition);
        return [.. held.Where(mine => mine.Value.Next >= 0 && mine.Value.Next < Math.Min(mine.Value.Until, world.Broker.Ends[mine.Key]) && !postponed.ContainsKey(mine.Key)).Select(mine => mine.Key)];
    }
}
