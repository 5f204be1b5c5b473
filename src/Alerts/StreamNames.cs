using System.Globalization;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts;

/// <summary>How streams are called. People and tools type these names.</summary>
public static class StreamNames
{
    public const string Catalog = "catalog";
    public const string WatchPrefix = "watch-";

    public static string Watch(MonitorId monitor, int partition) => $"{WatchPrefix}{monitor}-{partition}";

    /// <summary>Whose windows a stream holds; null: it holds no windows.</summary>
    public static MonitorId? WatchedIn(string stream) =>
        stream.StartsWith(WatchPrefix, StringComparison.Ordinal) && stream.LastIndexOf('-') > WatchPrefix.Length && MonitorId.TryParse(stream[WatchPrefix.Length..stream.LastIndexOf('-')], out var monitor) ? monitor : null;

    /// <summary>Of the windows in a stream; null: it holds no windows.</summary>
    public static int? PartitionIn(string stream) => WatchedIn(stream) is null ? null : int.TryParse(stream.AsSpan(stream.LastIndexOf('-') + 1), CultureInfo.InvariantCulture, out var partition) ? partition : null;

    public static string Baseline(MonitorId monitor) => $"baseline-{monitor}";

    /// <summary>People act on any replica, so what they do never competes for the revision that fences a partition.</summary>
    public static string Operator(MonitorId monitor) => $"operator-{monitor}";
}
