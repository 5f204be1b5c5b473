using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts;

/// <summary>Why two versions cannot be compared.</summary>
public enum NotComparable
{
    /// <summary>It was asked for in a way that cannot be read.</summary>
    Misspelt,

    /// <summary>The configuration or the log does not have it.</summary>
    Unknown,

    /// <summary>Both are there, and do not compare.</summary>
    Incomparable,
}

/// <summary>What was found and what to use instead.</summary>
public sealed class NotComparableException(NotComparable why, string message) : Exception(message)
{
    public NotComparable Why => why;
}

/// <summary>Which windows are compared: those of two monitors that lie within a stretch of event time.</summary>
/// <param name="A">Compared is B with A: what fires more fires more in B.</param>
/// <param name="From">Null: from the first window on. <paramref name="To"/>: up to the last.</param>
public sealed record ComparisonRequest(MonitorId A, MonitorId B, Probe Probe, DateTimeOffset? From, DateTimeOffset? To)
{
    /// <exception cref="NotComparableException">A monitor is not one of the configuration's, or the two are not of one space.</exception>
    public static ComparisonRequest Of(Catalog catalog, string a, string b, Probe probe, DateTimeOffset? from, DateTimeOffset? to)
    {
        var (monitorA, monitorB) = (Named(a, catalog), Named(b, catalog));
        if (monitorA == monitorB) throw new NotComparableException(NotComparable.Misspelt, $"'{a}' and '{b}' are the same monitor. Name two versions, or two models.");
        if (from > to) throw new NotComparableException(NotComparable.Misspelt, $"from ({from:u}) lies after to ({to:u}). Use an earlier from.");
        var (spaceA, spaceB) = (catalog.PlanFor(monitorA)!.Space, catalog.PlanFor(monitorB)!.Space);
        if (spaceA.Dictionary.Hash != spaceB.Dictionary.Hash)
            throw new NotComparableException(NotComparable.Incomparable, $"{monitorA} is seen in the space {spaceA.Id} and {monitorB} in {spaceB.Id}, whose features are of different dictionaries. Use two monitors of one space, or give one model a transform into the other's.");
        return new(monitorA, monitorB, probe, from, to);
    }

    public bool Holds(WindowClosed window) => window.Probe == Probe && !(window.Start < From) && !(window.End > To);

    /// <summary><c>model@version/hook</c>; without the hook where the model has one only.</summary>
    private static MonitorId Named(string text, Catalog catalog)
    {
        var hooks = catalog.Models.Where(plan => text.StartsWith(plan.Model + "@", StringComparison.Ordinal)).ToArray();
        var whole = MonitorId.TryParse(text, out var monitor);
        if (!whole && hooks.Length == 1 && MonitorId.TryParse($"{text}/{hooks[0].Hook}", out monitor)) return monitor;
        if (!whole && hooks.Length > 1 && MonitorId.TryParse($"{text}/{hooks[0].Hook}", out _))
            throw new NotComparableException(NotComparable.Misspelt, $"'{text}' names no hook, and {hooks[0].Model} is watched at several. Use {string.Join(" or ", hooks.Select(plan => $"{text}/{plan.Hook}"))}.");
        var models = string.Join(", ", catalog.Models.Select(plan => $"{plan.Model} at {plan.Hook}"));
        if (!whole && hooks.Length == 0 && MonitorId.TryParse($"{text}/hook", out var other)) throw new NotComparableException(NotComparable.Unknown, $"The configuration has no model {other.Model}. It has {models}.");
        if (!whole) throw new NotComparableException(NotComparable.Misspelt, $"'{text}' is no monitor. Use model@version/hook, as in acme/support-bot@2026-11-20.3/blocks.12.hook_resid_post, or model@version where the model is watched at one hook.");
        return catalog.PlanFor(monitor) is not null ? monitor : throw new NotComparableException(NotComparable.Unknown, $"The configuration has no model {monitor.Model} at {monitor.Hook}. It has {models}.");
    }
}
