using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>What became of an alert in a replay.</summary>
public enum AlertChange
{
    /// <summary>The same to the byte, and the same end.</summary>
    Same,

    /// <summary>Opened by the same window; its end, attribution, severity, findings or features differ.</summary>
    Changed,
    Earlier,
    Later,
    Gone,
    New,

    /// <summary>Opened by a window that cannot be re-decided.</summary>
    NotReplayed,
}

/// <summary>An alert and the number of the window that ended it; null: it is still open at the end.</summary>
public sealed record AlertSpan(AlertEntry Alert, long? EndedWindow);

/// <param name="Rule"><c>drift</c>, <c>sequence-tails</c> or <c>hazard:id</c>.</param>
public sealed record ComparedAlert(AlertChange Change, string Rule, AlertSpan? Recorded, AlertSpan? Replayed)
{
    /// <summary>Of the window that opened it first.</summary>
    public long Window => Math.Min(Recorded?.Alert.Windows ?? long.MaxValue, Replayed?.Alert.Windows ?? long.MaxValue);
}

/// <summary>In how many windows a detector says something else; null: it did not judge there.</summary>
public sealed record VerdictChange(string Detector, Verdict? Recorded, Verdict? Replayed, int Windows);

/// <summary>A monitor's stored windows, as recorded and as replayed.</summary>
/// <param name="Redecided">Windows that were judged or found without a baseline anew.</param>
/// <param name="AsRecorded">Of these: every finding the same, to the last digit.</param>
/// <param name="OtherEncoding">Stored under another dictionary, transform or outlierNorm, or of a model that the configuration does not have.</param>
/// <param name="WithoutBaseline">Redecided windows before which no baseline was frozen.</param>
/// <param name="NotCounted">Rules that are Undecided because the window did not count their sets or probes when it was open.</param>
public sealed record ReplayedMonitor(
    MonitorId Monitor, Probe Probe, int Windows, int Redecided, int AsRecorded, int OtherEncoding, int WithoutBaseline,
    ImmutableArray<VerdictChange> Verdicts, ImmutableArray<(string Rule, string Names, int Windows)> NotCounted, ImmutableArray<ComparedAlert> Alerts);

/// <summary>Alerts as recorded beside alerts as replayed: a fold of the steps of a <see cref="WindowReplay"/>. Keeps no window.</summary>
public sealed class ReplayReport
{
    private readonly SortedDictionary<WindowKey, Tally> tallies = new(Comparer<WindowKey>.Create((a, b) => (a.Monitor, a.Probe).CompareTo((b.Monitor, b.Probe))));
    private readonly Dictionary<(WindowKey, int Partition), bool> lastRedecided = [];

    public long Windows { get; private set; }

    public void Evolve(ReplayStep step)
    {
        switch (step.Fact)
        {
            case WindowClosed window:
                Windows++;
                var key = new WindowKey(window.Monitor, window.Probe);
                lastRedecided[(key, window.Partition)] = step.Closed is not null;
                TallyOf(key).Take(window, step);
                foreach (var fact in step.Decided) Take(fact, recorded: false);
                break;
            case DriftDetected or DriftEnded or HazardDetected or HazardEnded:
                Take(step.Fact, recorded: true);
                break;
        }
    }

    /// <summary>By monitor.</summary>
    public IEnumerable<ReplayedMonitor> Results() => tallies.Select(entry => entry.Value.Result(entry.Key));

    private void Take(AlertEvent fact, bool recorded)
    {
        switch (fact)
        {
            case DriftDetected or HazardDetected:
                var alert = AlertEntry.Of(fact);
                var (key, rule) = (new WindowKey(alert.Monitor, alert.Probe), fact is DriftDetected drift ? drift.Rule ?? AlarmKey.DriftRule : Finding.HazardPrefix + alert.Rule);
                // A log of one monitor's alerts without its windows is no log of ours, but `--monitor` leaves other monitors' windows out and their alerts in.
                if (lastRedecided.TryGetValue((key, alert.Partition), out var redecided)) TallyOf(key).Open(rule, alert, recorded, redecided);
                break;
            case DriftEnded ended when tallies.TryGetValue(new(ended.Monitor, ended.Probe), out var tally):
                tally.End(ended.Alert, ended.WindowEnd, ended.Windows, recorded);
                break;
            case HazardEnded ended when tallies.TryGetValue(new(ended.Monitor, ended.Probe), out var tally):
                tally.End(ended.Alert, ended.WindowEnd, ended.Windows, recorded);
                break;
        }
    }

    private Tally TallyOf(WindowKey key)
    {
        if (!tallies.TryGetValue(key, out var tally)) tallies[key] = tally = new();
        return tally;
    }

    private sealed class Tally
    {
        private readonly Dictionary<(string Detector, Verdict? Recorded, Verdict? Replayed), int> verdicts = [];
        private readonly Dictionary<(string Rule, string Names), int> notCounted = [];
        private readonly Dictionary<string, AlertSpan> recorded = new(StringComparer.Ordinal), replayed = new(StringComparer.Ordinal);
        private readonly List<(string Rule, string Alert, int Partition)> recordedOrder = [], replayedOrder = [];
        private readonly HashSet<string> notReplayed = new(StringComparer.Ordinal);
        private int windows, redecided, asRecorded, otherEncoding, withoutBaseline;

        public void Take(WindowClosed window, ReplayStep step)
        {
            windows++;
            if (step.Closed is not { } closed)
            {
                otherEncoding++;
                return;
            }
            redecided++;
            if (closed.Baseline is null) withoutBaseline++;
            foreach (var rule in step.NotCounted) notCounted[rule] = notCounted.GetValueOrDefault(rule) + 1;
            if (window.Findings.Length == closed.Findings.Length && window.Findings.Zip(closed.Findings).All(pair => IsSame(pair.First, pair.Second)))
            {
                asRecorded++;
                return;
            }
            foreach (var detector in window.Findings.Concat(closed.Findings).Select(finding => finding.Detector).Distinct())
            {
                var (then, now) = (VerdictOf(window, detector), VerdictOf(closed, detector));
                if (then != now) verdicts[(detector, then, now)] = verdicts.GetValueOrDefault((detector, then, now)) + 1;
            }
        }

        public void Open(string rule, AlertEntry alert, bool isRecorded, bool wasRedecided)
        {
            (isRecorded ? recorded : replayed)[alert.Id] = new(alert, null);
            (isRecorded ? recordedOrder : replayedOrder).Add((rule, alert.Id, alert.Partition));
            if (isRecorded && !wasRedecided) notReplayed.Add(alert.Id);
        }

        public void End(string alert, DateTimeOffset end, long window, bool isRecorded)
        {
            var spans = isRecorded ? recorded : replayed;
            if (spans.TryGetValue(alert, out var span)) spans[alert] = new(span.Alert with { Ended = end }, window);
        }

        public ReplayedMonitor Result(WindowKey key) => new(
            key.Monitor, key.Probe, windows, redecided, asRecorded, otherEncoding, withoutBaseline,
            [.. verdicts.Select(entry => new VerdictChange(entry.Key.Detector, entry.Key.Recorded, entry.Key.Replayed, entry.Value)).OrderBy(change => change.Detector, StringComparer.Ordinal).ThenBy(change => change.Recorded).ThenBy(change => change.Replayed)],
            [.. notCounted.Select(entry => (entry.Key.Rule, entry.Key.Names, entry.Value)).OrderBy(entry => entry.Rule, StringComparer.Ordinal).ThenBy(entry => entry.Names, StringComparer.Ordinal)],
            [.. Compared().OrderBy(alert => alert.Window).ThenBy(alert => alert.Rule, StringComparer.Ordinal)]);

        /// <summary>Alerts of one rule and partition are one when their times overlap: the same window first, then in order.</summary>
        private IEnumerable<ComparedAlert> Compared()
        {
            var left = replayedOrder.ToList();
            foreach (var (rule, id, partition) in recordedOrder.OrderByDescending(entry => replayed.ContainsKey(entry.Alert)))
            {
                var then = recorded[id];
                var candidates = left.Where(entry => (entry.Rule, entry.Partition) == (rule, partition) && Overlap(then, replayed[entry.Alert])).ToArray();
                var match = candidates.Where(entry => entry.Alert == id).Concat(candidates).FirstOrDefault();
                if (match.Alert is null)
                {
                    yield return new(notReplayed.Contains(id) ? AlertChange.NotReplayed : AlertChange.Gone, rule, then, null);
                    continue;
                }
                left.Remove(match);
                var now = replayed[match.Alert];
                yield return new(ChangeOf(then, now), rule, then, now);
            }
            foreach (var (rule, id, _) in left) yield return new(AlertChange.New, rule, null, replayed[id]);
        }

        private static bool Overlap(AlertSpan a, AlertSpan b) => a.Alert.Windows <= (b.EndedWindow ?? long.MaxValue) && b.Alert.Windows <= (a.EndedWindow ?? long.MaxValue);

        private static AlertChange ChangeOf(AlertSpan then, AlertSpan now) =>
            now.Alert.Windows < then.Alert.Windows ? AlertChange.Earlier
            : now.Alert.Windows > then.Alert.Windows ? AlertChange.Later
            : now.EndedWindow == then.EndedWindow && EventJson.Write(now.Alert.Raised).AsSpan().SequenceEqual(EventJson.Write(then.Alert.Raised)) ? AlertChange.Same
            : AlertChange.Changed;

        private static Verdict? VerdictOf(WindowClosed window, string detector) => window.Findings.FirstOrDefault(finding => finding.Detector == detector)?.Verdict;

        private static bool IsSame(Finding a, Finding b) => a with { Features = [] } == b with { Features = [] } && a.Features.AsSpan().SequenceEqual(b.Features.AsSpan());
    }
}
