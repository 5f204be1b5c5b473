using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>Messages that a few seeds share, and the log that an undisturbed daemon makes of them.</summary>
internal sealed class SimulatedTraffic
{
    private readonly Lazy<IReadOnlyList<string>> expected;

    private SimulatedTraffic(int number)
    {
        var random = new Random(number);
        // Acknowledged messages may be deleted where none is refused: what a refused one counts for is stored with the next window only.
        MayBeDeleted = number % 3 == 0;
        (Partitions, BaseEnds) = SmallWorld.Traffic(random, partitions: 1 + number % 4, messages: 14, garbageOneIn: MayBeDeleted ? 0 : 6);
        Garbage = Partitions.SelectMany(messages => messages).Where(message => message.Value.Length == 3).Select(message => (message.Partition, message.Offset)).ToHashSet();
        expected = new(() =>
        {
            var undisturbed = new SimulatedWorld(Fate.Undisturbed(), this);
            undisturbed.Run();
            return undisturbed.Content();
        });
    }

    public static IReadOnlyList<SimulatedTraffic> All { get; } = [.. Enumerable.Range(0, 24).Select(number => new SimulatedTraffic(number))];

    /// <summary>For one world: encoders keep buffers, and worlds run beside each other.</summary>
    public static Catalog NewCatalog() => new SmallWorld(windowRows: 120, baselineRows: 300).Catalog;

    public IReadOnlyList<IReadOnlyList<RawMessage>> Partitions { get; }

    /// <summary>In each partition the messages of the approved version end here; daemons that share partitions get the others when its baseline is frozen.</summary>
    public IReadOnlyList<int> BaseEnds { get; }
    public bool MayBeDeleted { get; }
    public IReadOnlySet<(int Partition, long Offset)> Garbage { get; }
    public IReadOnlyList<string> Expected => expected.Value;
}
