using System.Runtime.CompilerServices;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>Partitions whose messages are known beforehand, read in an interleaving that the seed decides.</summary>
/// <param name="reread">How many messages before the asked offset it begins, as a source that lost its place would.</param>
internal sealed class ScriptedPartitions(IReadOnlyList<IReadOnlyList<RawMessage>> partitions, Random random, int reread = 0) : IActivationSource
{
    private readonly long[] next = new long[partitions.Count];
    private readonly Dictionary<int, long[]> postponed = [];

    public bool CanPostpone => partitions.Count > 1;

    public bool MoreAtHand => random.Next(3) > 0;

    public async IAsyncEnumerable<SourceEvent> ReadAsync([EnumeratorCancellation] CancellationToken stopping)
    {
        for (var partition = 0; partition < partitions.Count; partition++)
        {
            var assigned = new PartitionAssigned(partition);
            yield return assigned;
            next[partition] = Math.Max(0, (await assigned.Begin ?? 0) - reread);
        }
        while (true)
        {
            foreach (var (partition, _) in postponed.Where(entry => entry.Value.Select((until, other) => (until, other)).All(pair => pair.other == entry.Key || postponed.ContainsKey(pair.other) || next[pair.other] >= pair.until)).ToArray())
                postponed.Remove(partition);
            var ready = Enumerable.Range(0, partitions.Count).Where(partition => next[partition] < partitions[partition].Count && !postponed.ContainsKey(partition)).ToArray();
            if (ready.Length == 0) yield break;
            var chosen = ready[random.Next(ready.Length)];
            var lent = new LentMessage(partitions[chosen][(int)next[chosen]++]);
            yield return lent.Received;
            lent.TakeBack();
        }
    }

    public void Acknowledge(int partition, long openFrom, long next)
    {
    }

    public void Postpone(int partition, long offset)
    {
        next[partition] = offset;
        postponed[partition] = [.. partitions.Select(messages => (long)messages.Count)];
    }
}
