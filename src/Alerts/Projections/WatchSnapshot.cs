using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts.Projections;

/// <summary>What the watcher believes at a position of the log, but for the large parts, which it names: they are chunks of their own and are written again only when they have changed.</summary>
/// <param name="Hash">Of the event at <paramref name="Position"/>.</param>
/// <param name="Parts">Keys of the chunks that belong to it. A key names the event that changed its part last, so the same key is the same part.</param>
public sealed record WatchSnapshot(
    long Position,
    string Hash,
    string? Catalog,
    SortedDictionary<string, long> Revisions,
    ImmutableArray<WatchSnapshot.Partition> Partitions,
    ImmutableArray<WatchSnapshot.Alarm> Alarms,
    ImmutableArray<WatchSnapshot.Seen> SeenOf,
    ImmutableArray<WatchSnapshot.CanaryMap> CanaryMaps,
    ImmutableArray<WatchSnapshot.Map> Installed,
    ImmutableArray<string> Parts)
{
    public sealed record Partition(int Number, long? OpenFrom, DateTimeOffset OpenFromTime, long RejectedNext, ImmutableArray<Next> NextOf);

    public sealed record Next(MonitorId Monitor, Probe Probe, long Offset);

    public sealed record Alarm(MonitorId Monitor, Probe Probe, int Partition, string Rule, string? Alert, int DriftStreak, int SteadyStreak);

    public sealed record Seen(MonitorId Monitor, Probe Probe, int Partition, long Windows, long Sequences);

    public sealed record CanaryMap(MonitorId Monitor, int Partition, Analysis.Detection.Verdict Verdict);

    public sealed record Map(string Hash, string Model, string Hook);

    /// <summary>Of what folds the log. Raise it with every change of that, or a start from a snapshot would decide otherwise than one from the log; a test that pins what is folded says when.</summary>
    public const int FoldVersion = 1;

    /// <summary>Snapshots under one catalog are of use under another that folds alike: what rules say and what labels are called is not folded.</summary>
    public static string FoldsAs(Catalog catalog)
    {
        var read = new StringBuilder();
        foreach (var plan in catalog.Models)
            read.Append(JsonSerializer.Serialize(new { plan.Model, plan.Hook, plan.EncodingHash, plan.Baseline, plan.Detection, own = plan.Own?.Hash }, EventJson.Options)).Append('\n');
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(read.ToString())))[..16];
    }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, EventJson.Options);

    /// <exception cref="MalformedException">Not one; reason <c>snapshot</c>.</exception>
    public static WatchSnapshot FromBytes(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<WatchSnapshot>(bytes, EventJson.Options) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new MalformedException("snapshot", $"the snapshot is damaged: {error.Message}");
        }
    }

    public static ImmutableArray<Partition> Of(IEnumerable<KeyValuePair<int, PartitionPosition>> positions) =>
    [
        .. from entry in positions
           orderby entry.Key
           let position = entry.Value
           select new Partition(entry.Key, position.OpenFrom, position.OpenFromTime, position.RejectedNext,
               [.. position.NextOf.OrderBy(next => next.Key.Monitor).ThenBy(next => next.Key.Probe).Select(next => new Next(next.Key.Monitor, next.Key.Probe, next.Value))]),
    ];

    public static PartitionPosition PositionOf(Partition partition) => new(
        partition.OpenFrom, partition.OpenFromTime, partition.NextOf.ToImmutableDictionary(next => new WindowKey(next.Monitor, next.Probe), next => next.Offset), partition.RejectedNext);

    /// <summary>The alarms and counts of a book, in one order.</summary>
    public static (ImmutableArray<Alarm> Alarms, ImmutableArray<Seen> Seen, ImmutableArray<CanaryMap> CanaryMaps) Of(AlertBook book) => (
        [
            .. from entry in book.Alarms
               orderby entry.Key.Monitor, entry.Key.Probe, entry.Key.Partition, entry.Key.Rule
               select new Alarm(entry.Key.Monitor, entry.Key.Probe, entry.Key.Partition, entry.Key.Rule, entry.Value.Alert, entry.Value.DriftStreak, entry.Value.SteadyStreak),
        ],
        [
            .. from entry in book.Seen
               orderby entry.Key.Item1, entry.Key.Item2, entry.Key.Partition
               select new Seen(entry.Key.Item1, entry.Key.Item2, entry.Key.Partition, entry.Value.Windows, entry.Value.Sequences),
        ],
        [.. from entry in book.CanaryMaps orderby entry.Key.Item1, entry.Key.Partition select new CanaryMap(entry.Key.Item1, entry.Key.Partition, entry.Value)]);

    public AlertBook Book() => new(
        Alarms.ToImmutableDictionary(alarm => new AlarmKey(alarm.Monitor, alarm.Probe, alarm.Partition, alarm.Rule), alarm => new Alerts.Alarm(alarm.Alert, alarm.DriftStreak, alarm.SteadyStreak)),
        SeenOf.ToImmutableDictionary(seen => (seen.Monitor, seen.Probe, seen.Partition), seen => (seen.Windows, seen.Sequences)))
    {
        CanaryMaps = CanaryMaps.ToImmutableDictionary(map => (map.Monitor, map.Partition), map => map.Verdict),
    };
}
