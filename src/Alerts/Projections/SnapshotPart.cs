using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts.Projections;

/// <summary>A large part of what the watcher believes.</summary>
/// <param name="Key">The same key is the same content.</param>
/// <param name="Save">Written only if no chunk of this key is there.</param>
public readonly record struct SnapshotPart(string Key, Func<byte[]> Save)
{
    /// <summary>What kind of part a key names: text up to its first slash.</summary>
    public static string KindOf(string key) => key[..key.IndexOf('/', StringComparison.Ordinal)];

    public static void Write(VarintWriter raw, WindowKey key)
    {
        raw.Write(key.Monitor.ToString());
        raw.Write((int)key.Probe);
    }

    public static WindowKey ReadKey(VarintReader raw) =>
        MonitorId.TryParse(raw.ReadText(), out var monitor) && raw.ReadInt() is var probe && Enum.IsDefined((Probe)probe) ? new(monitor, (Probe)probe) : throw raw.Damaged();
}
