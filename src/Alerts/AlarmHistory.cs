using System.Collections.Immutable;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts;

/// <summary>Which stored windows were alarming, as it turned out, and which count as quiet: a fold of the log.</summary>
/// <remarks>
/// Quiet are the windows of the monitors that are named so; with none named, those of the baselines' versions and all others that no alarm was about, from the first window of the
/// streak that raised an alert to its end.
/// </remarks>
internal sealed class AlarmHistory(Catalog catalog, IReadOnlySet<MonitorId> named)
{
    private readonly Dictionary<(MonitorId, Probe, int), Line> lines = [];

    /// <returns>For a window the rules that were alarming in it: complete when the log is read to its end. Null for other facts.</returns>
    public IReadOnlySet<string>? Evolve(AlertEvent fact)
    {
        switch (fact)
        {
            case WindowClosed window:
                return LineOf((window.Monitor, window.Probe, window.Partition)).After(window);
            case DriftDetected raised:
                LineOf((raised.Monitor, raised.Probe, raised.Partition)).Raise(raised.Rule ?? AlarmKey.DriftRule);
                break;
            case HazardDetected raised:
                LineOf((raised.Monitor, raised.Probe, raised.Partition)).Raise(Finding.HazardPrefix + raised.Hazard);
                break;
            case DriftEnded ended:
                LineOf((ended.Monitor, ended.Probe, ended.Partition)).End(ended.Rule ?? AlarmKey.DriftRule);
                break;
            case HazardEnded ended:
                LineOf((ended.Monitor, ended.Probe, ended.Partition)).End(Finding.HazardPrefix + ended.Hazard);
                break;
        }
        return null;
    }

    /// <param name="alarms">Of the window.</param>
    /// <param name="tried">A rule whose alarms excuse nothing, because it is what is tried.</param>
    public bool IsQuiet(MonitorId monitor, IReadOnlySet<string> alarms, string? tried = null)
    {
        if (named.Count > 0) return named.Contains(monitor);
        return catalog.Models.Any(plan => plan.Baseline.From == monitor) || alarms.All(alarm => alarm == tried);
    }

    private Line LineOf((MonitorId, Probe, int) key)
    {
        if (!lines.TryGetValue(key, out var line)) lines[key] = line = new();
        return line;
    }

    /// <summary>The windows of a monitor on a partition.</summary>
    private sealed class Line
    {
        private readonly List<(ImmutableHashSet<string> NotSteady, HashSet<string> Alarms)> windows = [];
        private readonly HashSet<string> open = new(StringComparer.Ordinal);

        /// <returns>The window's alarms; those that its own verdicts raise come later.</returns>
        public HashSet<string> After(WindowClosed window)
        {
            windows.Add(([.. AlertBook.Verdicts(window.Findings).Where(entry => entry.Verdict != Verdict.Steady).Select(entry => entry.Rule)], new(open, StringComparer.Ordinal)));
            return windows[^1].Alarms;
        }

        /// <summary>The windows of the streak were alarming too, though nobody knew it yet.</summary>
        public void Raise(string rule)
        {
            open.Add(rule);
            for (var at = windows.Count - 1; at >= 0 && windows[at].NotSteady.Contains(rule); at--) windows[at].Alarms.Add(rule);
        }

        public void End(string rule) => open.Remove(rule);
    }
}
