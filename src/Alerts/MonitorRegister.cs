using System.Collections.Immutable;
using System.Text.Json.Serialization;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts;

public enum AlertState
{
    Open,
    Acknowledged,
    Muted,
    Resolved,
    Ended,
}

/// <summary>One of an alert's alarms: a partition on which its cause shows.</summary>
/// <param name="Ended">Event time of the window that ended it; null: it has not ended.</param>
public sealed record AlertMember(string Id, int Partition, AlertWindow Window, DateTimeOffset? Ended);

/// <summary>An alert as a person sees it (<see cref="AlertGroups"/>): what was detected and what people did about it.</summary>
/// <param name="Partition">That alarmed first; what was detected is said as there.</param>
/// <param name="Raised">The event that opened it.</param>
/// <param name="Ended">Event time of the last window that ended one of its alarms; null: its cause is still there.</param>
public sealed record AlertEntry(
    string Id, string Kind, string Rule, Severity Severity, MonitorId Monitor, Probe Probe, int Partition, string Attribution,
    AlertEvent Raised, AlertWindow Window, long Windows, long SequencesSeen, ImmutableArray<AlertFinding> Findings,
    DateTimeOffset? Ended, string? Acknowledged, string? Muted, DateTimeOffset? MutedUntil, string? Resolved)
{
    /// <summary>Alarms listed; at the bound the oldest that has ended goes.</summary>
    public const int MembersMaximum = 256;

    /// <summary>In the order in which the log has them.</summary>
    public ImmutableArray<AlertMember> Members { get; init; } = [new(Id, Partition, Window, null)];

    /// <summary>What the controls said when it was raised; null: stored by an old version.</summary>
    [JsonIgnore]
    public string? Evidence => Raised switch { DriftDetected drift => drift.Evidence, HazardDetected hazard => hazard.Evidence, _ => null };

    /// <summary>Resolved by a person stays resolved; a mute is over at its time.</summary>
    public AlertState StateAt(DateTimeOffset now) =>
        Resolved is not null ? AlertState.Resolved
        : Ended is not null ? AlertState.Ended
        : Muted is not null && (MutedUntil is null || now < MutedUntil) ? AlertState.Muted
        : Acknowledged is not null ? AlertState.Acknowledged
        : AlertState.Open;

    /// <summary>An alert as it is raised.</summary>
    /// <param name="raised"><see cref="DriftDetected"/> or <see cref="HazardDetected"/>.</param>
    public static AlertEntry Of(AlertEvent raised) => raised switch
    {
        DriftDetected drift => new(
            drift.Alert, "drift", drift.Findings.MaxBy(finding => finding.Score)?.Detector ?? drift.Rule ?? AlarmKey.DriftRule, drift.Severity, drift.Monitor, drift.Probe, drift.Partition,
            drift.Attribution, drift, drift.Window, drift.Windows, drift.SequencesSeen, drift.Findings, null, null, null, null, null),
        HazardDetected hazard => new(
            hazard.Alert, "hazard", hazard.Hazard, hazard.Severity, hazard.Monitor, hazard.Probe, hazard.Partition,
            hazard.Attribution, hazard, hazard.Window, hazard.Windows, hazard.SequencesSeen, hazard.Findings, null, null, null, null, null),
        _ => throw new ArgumentException($"{raised.GetType().Name} raises no alert", nameof(raised)),
    };

    /// <summary>Every feature that its findings name, most telling first, each once.</summary>
    [JsonIgnore]
    public IEnumerable<AlertFeature> Features => Findings.SelectMany(finding => finding.Features).DistinctBy(feature => (feature.Feature, feature.Set));
}

/// <summary>A monitor as its last windows left it, over all partitions.</summary>
public sealed record MonitorEntry(
    MonitorId Monitor, Probe Probe, long Windows, long Rows, long Sequences, double FvuRows, double L0Rows, long Undecided, WindowClosed Last, ImmutableArray<WindowClosed> Recent)
{
    /// <summary>Windows kept for the API; the rest is in the log.</summary>
    public const int RecentMaximum = 50;

    /// <summary>FVU over all windows, each weighted by its rows.</summary>
    [JsonIgnore]
    public double Fvu => Rows == 0 ? 0 : FvuRows / Rows;

    [JsonIgnore]
    public double L0 => Rows == 0 ? 0 : L0Rows / Rows;

    /// <summary>Of each of <see cref="Recent"/>, in the stream of its partition: there its sums are.</summary>
    public ImmutableArray<long> RecentRevisions { get; init; } = [];
}

/// <summary>What the API, the metrics and the reports show: a fold of the whole event log. Readers see a snapshot.</summary>
public sealed class MonitorRegister
{
    public sealed record Snapshot(
        ImmutableSortedDictionary<(MonitorId, Probe), MonitorEntry> Monitors,
        ImmutableDictionary<string, AlertEntry> Alerts,
        ImmutableArray<string> AlertOrder,
        ImmutableArray<BaselineFrozen> Baselines,
        long Position)
    {
        public static readonly Snapshot Empty = new(ImmutableSortedDictionary<(MonitorId, Probe), MonitorEntry>.Empty, ImmutableDictionary<string, AlertEntry>.Empty.WithComparers(StringComparer.Ordinal), [], [], 0);

        public IEnumerable<AlertEntry> AlertsInOrder => AlertOrder.Select(id => Alerts[id]);

        internal AlertGroups Groups { get; init; } = AlertGroups.Empty;

        /// <summary>Alerts of the alarms that are not the first of theirs.</summary>
        internal ImmutableDictionary<string, string> Joined { get; init; } = JoinedIn(Alerts.Values);

        private static ImmutableDictionary<string, string> JoinedIn(IEnumerable<AlertEntry> alerts) =>
            alerts.SelectMany(alert => alert.Members.Skip(1).Select(member => (member.Id, Alert: alert.Id))).ToImmutableDictionary(joined => joined.Id, joined => joined.Alert, StringComparer.Ordinal);

        /// <summary>The alert of this id, or that the alarm of this id belongs to.</summary>
        public AlertEntry? Find(string id) => Alerts.GetValueOrDefault(Joined.GetValueOrDefault(id, id));
    }

    /// <summary>Alerts at hand. At the bound the oldest whose cause has ended goes, as often as a new one comes; the log has them all.</summary>
    public const int AlertsMaximum = 10_000;

    private volatile Snapshot current = Snapshot.Empty;

    public Snapshot Current => current;

    /// <summary>Begins where another one stood.</summary>
    public void Load(Snapshot snapshot) => current = snapshot;

    public void Evolve(StoredEvent stored) => current = Evolve(current, EventJson.Read(stored.Data), stored) with { Position = stored.Position };

    private static Snapshot Evolve(Snapshot now, AlertEvent fact, StoredEvent stored) => fact switch
    {
        WindowClosed window => WithFeatures(now, window) with { Monitors = now.Monitors.SetItem((window.Monitor, window.Probe), After(now.Monitors.GetValueOrDefault((window.Monitor, window.Probe)), window, stored.Revision)) },
        _ when AlertGroups.IsAlertFact(fact) && now.Groups.Evolve(fact, stored.Position) is var (groups, grouped) => Evolve(now with { Groups = groups }, fact, stored.Actor, grouped),
        // The sums of a baseline are not shown, and are large.
        BaselineFrozen baseline => now with { Baselines = now.Baselines.Add(baseline with { Summary = [] }) },
        _ => now,
    };

    private static Snapshot Evolve(Snapshot now, AlertEvent fact, string actor, Grouped grouped) => fact switch
    {
        DriftDetected or HazardDetected when grouped.Opens => Opened(now, AlertEntry.Of(fact)),
        DriftDetected or HazardDetected => Joined(now, grouped.Alert, AlertEntry.Of(fact)),
        DriftEnded ended => Changed(now, grouped.Alert, alert => WithEnd(alert, ended.Alert, ended.WindowEnd, grouped)),
        HazardEnded ended => Changed(now, grouped.Alert, alert => WithEnd(alert, ended.Alert, ended.WindowEnd, grouped)),
        AlertAcknowledged acknowledged => Changed(now, grouped.Alert, alert => alert with { Acknowledged = $"{actor}: {acknowledged.Note}" }),
        AlertMuted muted => Changed(now, grouped.Alert, alert => alert with { Muted = $"{actor}: {muted.Note}", MutedUntil = muted.Until }),
        AlertResolved resolved => Changed(now, grouped.Alert, alert => alert with { Resolved = $"{actor}: {resolved.Note}" }),
        _ => now,
    };

    private static AlertEntry WithEnd(AlertEntry alert, string alarm, DateTimeOffset at, Grouped grouped)
    {
        var members = alert.Members.Select(member => member.Id == alarm ? member with { Ended = at } : member).ToImmutableArray();
        return alert with { Members = members, Ended = grouped.Ends ? members.Max(member => member.Ended) : null };
    }

    /// <summary>Unusual sequences alarm before their features are certain; what later windows name while the alert lasts belongs to it.</summary>
    private static Snapshot WithFeatures(Snapshot now, WindowClosed window)
    {
        if (window.Findings.FirstOrDefault(finding => finding.Detector == AlarmKey.TailsRule) is not { Features.Length: > 0 } named) return now;
        // Of several partitions the first that still alarms speaks.
        var open = now.Alerts.Values.FirstOrDefault(alert => alert is { Ended: null, Raised: DriftDetected { Rule: AlarmKey.TailsRule } } && (alert.Monitor, alert.Probe) == (window.Monitor, window.Probe)
            && alert.Members.First(member => member.Ended is null).Partition == window.Partition);
        return open is null ? now : Changed(now, open.Id, alert => alert with
        {
            Findings = [.. alert.Findings.Select(finding => finding.Detector != AlarmKey.TailsRule ? finding : finding with
            {
                FeatureCount = named.FeatureCount,
                Features = [.. named.Features.Select(feature => new AlertFeature(feature.Feature, feature.Set, null, feature.BaselineRate, feature.Rate, feature.Z, feature.P))],
            })],
        });
    }

    private static MonitorEntry After(MonitorEntry? entry, WindowClosed window, long revision)
    {
        var slim = window with { Summary = [] };
        var rows = window.Rows;
        if (entry is null) return new(window.Monitor, window.Probe, 1, rows, window.Sequences, window.Fvu * rows, window.L0 * rows, window.Undecided ? 1 : 0, slim, [slim]) { RecentRevisions = [revision] };
        var (recent, revisions) = entry.Recent.Length == MonitorEntry.RecentMaximum ? (entry.Recent.RemoveAt(0), entry.RecentRevisions.RemoveAt(0)) : (entry.Recent, entry.RecentRevisions);
        return entry with
        {
            Windows = entry.Windows + 1,
            Rows = entry.Rows + rows,
            Sequences = entry.Sequences + window.Sequences,
            FvuRows = entry.FvuRows + window.Fvu * rows,
            L0Rows = entry.L0Rows + window.L0 * rows,
            Undecided = entry.Undecided + (window.Undecided ? 1 : 0),
            Last = slim,
            Recent = recent.Add(slim),
            RecentRevisions = revisions.Add(revision),
        };
    }

    private static Snapshot Opened(Snapshot now, AlertEntry alert)
    {
        var oldest = now.AlertOrder.Length < AlertsMaximum ? null : now.AlertOrder.FirstOrDefault(id => now.Alerts[id].Ended is not null);
        if (oldest is not null)
            now = now with { Alerts = now.Alerts.Remove(oldest), AlertOrder = now.AlertOrder.Remove(oldest), Joined = now.Joined.RemoveRange(now.Alerts[oldest].Members.Select(member => member.Id)) };
        return now with { Alerts = now.Alerts.SetItem(alert.Id, alert), AlertOrder = now.AlertOrder.Add(alert.Id) };
    }

    private static Snapshot Joined(Snapshot now, string alert, AlertEntry alarm)
    {
        if (!now.Alerts.TryGetValue(alert, out var entry)) return now;
        // The first is the alert's own.
        var gone = entry.Members.Length < AlertEntry.MembersMaximum ? null : entry.Members.Skip(1).FirstOrDefault(member => member.Ended is not null);
        var (members, joined) = gone is null ? (entry.Members, now.Joined) : (entry.Members.Remove(gone), now.Joined.Remove(gone.Id));
        return Changed(now with { Joined = joined.SetItem(alarm.Id, alert) }, alert, entry => entry with
        {
            Members = members.AddRange(alarm.Members),
            Severity = alarm.Severity > entry.Severity ? alarm.Severity : entry.Severity,
        });
    }

    private static Snapshot Changed(Snapshot now, string id, Func<AlertEntry, AlertEntry> change) =>
        now.Alerts.TryGetValue(id, out var alert) ? now with { Alerts = now.Alerts.SetItem(id, change(alert)) } : now;
}
