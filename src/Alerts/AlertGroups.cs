using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts;

/// <summary>What a fact about an alarm means for the alert that people see.</summary>
/// <param name="Alert">Its id: that of its first alarm.</param>
/// <param name="Opens">People hear of the alert for the first time.</param>
/// <param name="Ends">Its last alarm has ended.</param>
public readonly record struct Grouped(string Alert, bool Opens = false, bool Ends = false);

/// <summary>One alert per cause: the alarms of one monitor and rule that overlap over its partitions. A fold of the log, in the log's order, and nothing else.</summary>
/// <remarks>
/// Alarms are decided per partition, so that they depend on that partition's windows alone; a model whose traffic is spread over eight of them would wake a person eight times.
/// An alert begins with the alarm that the log has first, bears its id and ends with the last of its alarms. An alert that a person has resolved takes no alarm more: what alarms later is news.
/// </remarks>
public sealed class AlertGroups
{
    public static readonly AlertGroups Empty = new();

    private ImmutableDictionary<string, Alert> Alerts { get; init; } = ImmutableDictionary<string, Alert>.Empty.WithComparers(StringComparer.Ordinal);

    /// <summary>The alert of each alarm that has not ended.</summary>
    private ImmutableDictionary<string, string> AlertOf { get; init; } = ImmutableDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);

    /// <param name="Since">Position in the log at which its cause, after nothing of it was alarming, began to alarm.</param>
    /// <param name="Alarms">How many have not ended.</param>
    private sealed record Alert((MonitorId, Probe, string Rule) Cause, long Since, int Alarms, bool Resolved);

    /// <summary>An alert with its alarms that have not ended, as a snapshot keeps it.</summary>
    internal sealed record Kept(string Id, MonitorId Monitor, Probe Probe, string Rule, long Since, bool Resolved, ImmutableArray<string> Alarms);

    internal ImmutableArray<Kept> Save() =>
        [.. Alerts.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => new Kept(
            entry.Key, entry.Value.Cause.Item1, entry.Value.Cause.Item2, entry.Value.Cause.Rule, entry.Value.Since, entry.Value.Resolved,
            [.. AlertOf.Where(alarm => alarm.Value == entry.Key).Select(alarm => alarm.Key).Order(StringComparer.Ordinal)]))];

    internal static AlertGroups Load(ImmutableArray<Kept> kept) => new()
    {
        Alerts = Empty.Alerts.AddRange(kept.Select(alert => KeyValuePair.Create(alert.Id, new Alert((alert.Monitor, alert.Probe, alert.Rule), alert.Since, alert.Alarms.Length, alert.Resolved)))),
        AlertOf = Empty.AlertOf.AddRange(kept.SelectMany(alert => alert.Alarms.Select(alarm => KeyValuePair.Create(alarm, alert.Id)))),
    };

    /// <summary>A fold that begins empty behind this position comes to the same; null: nothing is alarming, it may begin anywhere behind.</summary>
    /// <remarks>Causes do not touch each other, and each begins from nothing at its own <c>Since</c>.</remarks>
    public long? FoldFrom => Alerts.IsEmpty ? null : Alerts.Values.Min(alert => alert.Since) - 1;

    public static bool IsAlertFact(AlertEvent fact) => fact is DriftDetected or DriftEnded or HazardDetected or HazardEnded or AlertAcknowledged or AlertMuted or AlertResolved;

    /// <summary>Whether people hear of it: not of an alarm that joins an alert, or is not its last to end.</summary>
    public static bool IsNews(AlertEvent fact, Grouped grouped) => fact switch
    {
        DriftDetected or HazardDetected => grouped.Opens,
        DriftEnded or HazardEnded => grouped.Ends,
        _ => true,
    };

    /// <param name="fact">One that <see cref="IsAlertFact"/>.</param>
    /// <param name="position">Its place in the log.</param>
    public (AlertGroups After, Grouped Fact) Evolve(AlertEvent fact, long position) => fact switch
    {
        DriftDetected raised => Raise(raised.Alert, (raised.Monitor, raised.Probe, raised.Rule ?? AlarmKey.DriftRule), position),
        HazardDetected raised => Raise(raised.Alert, (raised.Monitor, raised.Probe, Finding.HazardPrefix + raised.Hazard), position),
        DriftEnded ended => End(ended.Alert),
        HazardEnded ended => End(ended.Alert),
        AlertResolved resolved => Resolve(Named(resolved.Alert)),
        AlertAcknowledged acknowledged => (this, new(Named(acknowledged.Alert))),
        AlertMuted muted => (this, new(Named(muted.Alert))),
        _ => throw new ArgumentException($"{fact.GetType().Name} is about no alert", nameof(fact)),
    };

    private string Named(string id) => AlertOf.GetValueOrDefault(id, id);

    private (AlertGroups, Grouped) Raise(string alarm, (MonitorId, Probe, string) cause, long position)
    {
        var same = Alerts.Where(entry => entry.Value.Cause == cause).ToArray();
        var joined = same.FirstOrDefault(entry => !entry.Value.Resolved);
        return joined.Value is { } alert
            ? (With(joined.Key, alert with { Alarms = alert.Alarms + 1 }, AlertOf.SetItem(alarm, joined.Key)), new(joined.Key))
            : (With(alarm, new(cause, same.Select(entry => entry.Value.Since).DefaultIfEmpty(position).Min(), 1, Resolved: false), AlertOf.SetItem(alarm, alarm)), new(alarm, Opens: true));
    }

    private (AlertGroups, Grouped) End(string alarm)
    {
        // An alarm that nobody saw begin stands for itself: rather one word too many than an end that nobody hears of.
        if (!AlertOf.TryGetValue(alarm, out var id)) return (this, new(alarm, Ends: true));
        var (alert, left) = (Alerts[id], AlertOf.Remove(alarm));
        return alert.Alarms > 1 ? (With(id, alert with { Alarms = alert.Alarms - 1 }, left), new(id)) : (new() { Alerts = Alerts.Remove(id), AlertOf = left }, new(id, Ends: true));
    }

    private (AlertGroups, Grouped) Resolve(string id) => (Alerts.TryGetValue(id, out var alert) ? With(id, alert with { Resolved = true }, AlertOf) : this, new(id));

    private AlertGroups With(string id, Alert alert, ImmutableDictionary<string, string> alertOf) => new() { Alerts = Alerts.SetItem(id, alert), AlertOf = alertOf };
}
