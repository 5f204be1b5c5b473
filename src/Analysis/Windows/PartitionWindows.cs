using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Windows;

/// <summary>Where a partition stands according to the event log.</summary>
/// <param name="OpenFrom">Offset to read on from; null: nothing is stored yet, begin at the configured start.</param>
/// <param name="OpenFromTime">Event time of the partition before that offset.</param>
/// <param name="NextOf">Per monitor the first offset that is in none of its stored windows.</param>
/// <param name="RejectedNext">Refused messages before this offset are counted in a stored window.</param>
public sealed record PartitionPosition(
    long? OpenFrom,
    DateTimeOffset OpenFromTime,
    ImmutableDictionary<WindowKey, long> NextOf,
    long RejectedNext)
{
    public static readonly PartitionPosition Beginning = new(null, DateTimeOffset.MinValue, ImmutableDictionary<WindowKey, long>.Empty, 0);

    /// <summary>The position after a stored window: a fold, like everything a restart remembers.</summary>
    public PartitionPosition After(WindowKey key, WindowOffsets offsets) => new(
        offsets.OpenFrom,
        offsets.OpenFromTime,
        NextOf.SetItem(key, offsets.Next),
        Math.Max(RejectedNext, offsets.Next));
}

/// <summary>The open windows of one partition. Reading the same offsets again, from any stored position, closes the same windows.</summary>
/// <remarks>
/// The partition's event time is the latest <c>sampled_at</c> so far. A window is <see cref="WindowOptions.Length"/> old counted from the partition's time when it
/// opened, not from its first message's own time: one message from the far future then closes what is open once, and not every later window at its first message.
/// </remarks>
/// <param name="rowsLeft">Rows after which a monitor's window must close before <see cref="WindowOptions.Rows"/>: what its baseline still lacks.</param>
public sealed class PartitionWindows(WindowOptions options, PartitionPosition position, Func<WindowKey, long?> rowsLeft)
{
    // Ordered by first offset, so that windows closed by one message come in one order.
    private readonly List<OpenWindow> open = [];
    private readonly SortedDictionary<string, long> rejected = new(StringComparer.Ordinal);
    private ImmutableDictionary<WindowKey, long> nextOf = position.NextOf;
    // The partition's event time, and what it was before the message that is being added.
    private DateTimeOffset time = position.OpenFromTime;
    private DateTimeOffset timeBefore = position.OpenFromTime;

    /// <summary>Offset below which nothing is needed again, when <paramref name="next"/> is read next.</summary>
    public long OpenFrom(long next) => open.Count == 0 ? next : open[0].First;

    /// <summary>Is this message in a stored window already? Then only its time counts.</summary>
    public bool HasAlready(WindowKey key, long offset) => offset < nextOf.GetValueOrDefault(key, 0);

    /// <summary>Would this message close a window of its own monitor? An upper estimate: rows that turn out not to count may leave it open.</summary>
    public bool MayClose(ActivationBatch batch) =>
        open.Find(window => window.Key == new WindowKey(batch.Monitor, batch.Probe)) is var mine &&
        (mine?.Builder.Rows ?? 0) + batch.Rows >= RowsMaximum(new(batch.Monitor, batch.Probe)) || mine is not null && batch.SampledAt - mine.Opened >= options.Length;

    /// <summary>Counts a refused message; a repeat of one that a stored window counts already is passed over.</summary>
    /// <returns>How many of this reason there were since the last window closed.</returns>
    public long Reject(string reason, long offset) =>
        offset >= position.RejectedNext ? rejected[reason] = rejected.GetValueOrDefault(reason) + 1 : 0;

    /// <summary>Moves the partition's time on and closes what is old enough by it, before the message at <paramref name="offset"/> is added.</summary>
    public IEnumerable<ClosedWindow> Advance(DateTimeOffset sampledAt, long offset)
    {
        timeBefore = time;
        if (sampledAt > time) time = sampledAt;
        // A difference, not a sum: `sampled_at` may be the last moment that a clock can show.
        while (open.Find(window => time - window.Opened >= options.Length) is { } old)
        {
            // The message at `offset` is read again after a restart and must move the time again.
            yield return Close(old, next: offset, timeBeforeNext: timeBefore);
        }
    }

    /// <summary>The window that takes the rows of the message at <paramref name="offset"/>; opened when there is none.</summary>
    public SummaryBuilder WindowFor(WindowKey key, DateTimeOffset sampledAt, long offset, Func<SummaryBuilder> create)
    {
        var window = open.Find(window => window.Key == key);
        if (window is null) open.Add(window = new(key, offset, timeBefore, Opened: time, create()) { Start = sampledAt, End = sampledAt });
        window.Start = sampledAt < window.Start ? sampledAt : window.Start;
        window.End = sampledAt > window.End ? sampledAt : window.End;
        return window.Builder;
    }

    /// <summary>Closes the monitor's window if the message at <paramref name="offset"/>, now added, filled it.</summary>
    public IEnumerable<ClosedWindow> CloseFull(WindowKey key, long offset)
    {
        if (open.Find(window => window.Key == key) is { } window && window.Builder.Rows >= RowsMaximum(key))
            yield return Close(window, next: offset + 1, timeBeforeNext: time);
    }

    private long RowsMaximum(WindowKey key) => Math.Min(options.Rows, rowsLeft(key) ?? long.MaxValue);

    private ClosedWindow Close(OpenWindow window, long next, DateTimeOffset timeBeforeNext)
    {
        open.Remove(window);
        nextOf = nextOf.SetItem(window.Key, next);
        var counted = rejected.ToImmutableSortedDictionary(StringComparer.Ordinal);
        rejected.Clear();
        var (openFrom, openFromTime) = open.Count == 0 ? (next, timeBeforeNext) : (open[0].First, open[0].TimeBefore);
        return new(window.Key, new(window.First, next, openFrom, openFromTime), window.Start, window.End, counted, window.Builder.Build()) { Profiles = window.Builder.Profiles(), Firings = window.Builder.Firings, Sample = window.Builder.Sample() };
    }

    private sealed record OpenWindow(WindowKey Key, long First, DateTimeOffset TimeBefore, DateTimeOffset Opened, SummaryBuilder Builder)
    {
        public DateTimeOffset Start { get; set; }
        public DateTimeOffset End { get; set; }
    }
}
