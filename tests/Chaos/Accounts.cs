using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Chaos;

/// <summary>A line of the table.</summary>
/// <param name="Wrong">What is not as it should be; null: it is.</param>
internal sealed record Line(string What, string Value, string? Wrong = null);

/// <summary>Whether every message that was sent is where it belongs, once.</summary>
internal static class Accounts
{
    /// <summary>Every offset is in exactly one stored window of its monitor, counted as refused in exactly one, or still open.</summary>
    public static IEnumerable<Line> OfMessages(IReadOnlyList<SentMessage> sent, IReadOnlyList<StoredEvent> log)
    {
        var windows = log.Select(stored => EventJson.Read(stored.Data)).OfType<WindowClosed>().ToArray();
        var ofPlace = windows.ToLookup(window => (window.Monitor.Version, window.Partition));
        var (stored, open, missing, doubled, wrongRows, stuck) = (0, 0, 0, 0, 0, 0);
        foreach (var place in sent.Where(message => message.Version is not null).GroupBy(message => (message.Version!, message.Partition)))
        {
            var closed = ofPlace[place.Key].OrderBy(window => window.Offsets.First).ToArray();
            var next = closed.Length == 0 ? 0 : closed[^1].Offsets.Next;
            var openHere = 0;
            foreach (var message in place)
            {
                var holding = closed.Count(window => window.Offsets.First <= message.Offset && message.Offset < window.Offsets.Next);
                if (holding == 1) stored++;
                else if (holding > 1) doubled++;
                else if (message.Offset < next) missing++;
                else openHere++;
            }
            open += openHere;
            // So many would have closed a window.
            if (openHere * World.RowsPerMessage >= World.WindowRows) stuck += openHere;
            foreach (var window in closed)
                if (window.Rows + window.RowsZero + window.RowsNotFinite + window.RowsOutlier != World.RowsPerMessage * place.Count(message => window.Offsets.First <= message.Offset && message.Offset < window.Offsets.Next)) wrongRows++;
        }
        var (refused, countedWrong) = (0, 0);
        foreach (var partition in sent.GroupBy(message => message.Partition))
        {
            var here = windows.Where(window => window.Partition == partition.Key).ToArray();
            var end = here.Select(window => window.Offsets.Next).DefaultIfEmpty(0).Max();
            var due = partition.Count(message => message.Version is null && message.Offset < end);
            refused += due;
            open += partition.Count(message => message.Version is null && message.Offset >= end);
            countedWrong += Math.Abs(due - (int)here.Sum(window => window.Rejected.Values.Sum()));
        }
        yield return new("messages sent", $"{sent.Count}", sent.Count == 0 ? "none" : null);
        yield return new("  in one stored window", $"{stored} in {windows.Length} windows", wrongRows > 0 ? $"{wrongRows} windows do not have the rows of their messages" : null);
        yield return new("  refused, counted once", $"{refused}", countedWrong > 0 ? $"{countedWrong} counted too often or not at all" : null);
        yield return new("  still in open windows", $"{open}", stuck > 0 ? $"{stuck} of them are enough for a window that is not there" : null);
        yield return new("  missing", $"{missing}", missing > 0 ? "should be 0" : null);
        yield return new("  doubled", $"{doubled}", doubled > 0 ? "should be 0" : null);
    }

    /// <summary>Whether nothing is left to read that would close a window.</summary>
    public static bool AreComplete(IReadOnlyList<SentMessage> sent, IReadOnlyList<StoredEvent> log) => OfMessages(sent, log).All(line => line.Wrong is null);

    /// <summary>Stream by stream, event by event, to the hash.</summary>
    public static IEnumerable<Line> OfContent(IReadOnlyList<StoredEvent> log, IReadOnlyList<StoredEvent> undisturbed)
    {
        var (mine, theirs) = (ByPlace(log), ByPlace(undisturbed));
        var (missing, extra) = (theirs.Keys.Except(mine.Keys).ToArray(), mine.Keys.Except(theirs.Keys).ToArray());
        var other = mine.Keys.Intersect(theirs.Keys).Where(key => mine[key] != theirs[key]).Order().ToArray();
        yield return new("events, streams", $"{log.Count}, {log.Select(stored => stored.Stream).Distinct(StringComparer.Ordinal).Count()}");
        yield return new("  not as in the undisturbed run", $"{missing.Length + extra.Length + other.Length}",
            missing.Length + extra.Length + other.Length == 0 ? null
            : $"{missing.Length} missing{First(missing)}, {extra.Length} too many{First(extra)}, {other.Length} other content{First(other)}");

        static Dictionary<(string, long), string> ByPlace(IReadOnlyList<StoredEvent> log) => log.ToDictionary(stored => (stored.Stream, stored.Revision), stored => $"{stored.Id} {stored.Hash}");

        static string First((string Stream, long Revision)[] places) => places.Length == 0 ? "" : $" (first {places.Min()})";
    }

    public static IEnumerable<Line> OfAlerts(IReadOnlyList<StoredEvent> log, IReadOnlyList<StoredEvent> undisturbed, IReadOnlyList<Guid> cloudEvents)
    {
        var (mine, theirs) = (Register(log), Register(undisturbed));
        var differ = Alarms(mine).ToHashSet(StringComparer.Ordinal);
        differ.SymmetricExceptWith(Alarms(theirs));
        yield return new("alarms of single partitions", $"{Alarms(mine).Count()}", differ.Count > 0 ? $"{differ.Count} differ from the undisturbed run: {differ.Min(StringComparer.Ordinal)}" : Alarms(mine).Any() ? null : "none: nothing was tried");
        yield return new("  alerts that people saw", $"{mine.AlertOrder.Length}, {mine.AlertsInOrder.Count(alert => alert.Members.Length > 1)} of them over several partitions",
            mine.AlertsInOrder.Any(alert => alert.Members.Length > 1) ? null : "none over several partitions: nothing was tried");

        var news = News(log).ToArray();
        var seen = cloudEvents.Distinct().ToArray();
        yield return new("CloudEvents due", $"{news.Length}");
        yield return new("  sent", $"{cloudEvents.Count}, {cloudEvents.Count - seen.Length} of them again", news.Except(seen).Any() ? $"{news.Except(seen).Count()} are missing" : seen.Except(news).Any() ? $"{seen.Except(news).Count()} should not have been sent" : null);
        yield return new("  in the log's order", $"{(news.SequenceEqual(seen) ? "yes" : "no")}", news.SequenceEqual(seen) ? null : "out of order when first sent");

        static IEnumerable<string> Alarms(MonitorRegister.Snapshot register) => register.AlertsInOrder.SelectMany(alert => alert.Members.Select(alarm => $"{alert.Monitor} {alert.Kind} {alarm}"));
    }

    public static Line OfDeadLetters(IReadOnlyList<SentMessage> sent, IReadOnlyList<(int, long)> letters)
    {
        var refused = sent.Where(message => message.Version is null).Select(message => (message.Partition, message.Offset)).ToHashSet();
        var there = letters.ToHashSet();
        var missing = refused.Count(place => !there.Contains(place));
        var strange = there.Count(place => !refused.Contains(place));
        return new("dead letters", $"{there.Count} of {refused.Count}, {letters.Count - there.Count} of them again", missing > 0 ? $"{missing} are missing" : strange > 0 ? $"{strange} were no refused messages" : null);
    }

    /// <summary>Ids of what people are to hear, in order.</summary>
    public static IEnumerable<Guid> News(IReadOnlyList<StoredEvent> log)
    {
        var groups = AlertGroups.Empty;
        foreach (var stored in log)
        {
            var fact = EventJson.Read(stored.Data);
            if (!AlertGroups.IsAlertFact(fact)) continue;
            (groups, var grouped) = groups.Evolve(fact, stored.Position);
            if (AlertGroups.IsNews(fact, grouped)) yield return stored.Id;
        }
    }

    private static MonitorRegister.Snapshot Register(IReadOnlyList<StoredEvent> log)
    {
        var register = new MonitorRegister();
        foreach (var stored in log) register.Evolve(stored);
        return register.Current;
    }
}
