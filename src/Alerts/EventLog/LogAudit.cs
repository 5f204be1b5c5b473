using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace DriftWatch.Alerts.EventLog;

/// <summary>What does not hold in the record.</summary>
/// <param name="Position">Where it was seen.</param>
/// <param name="What">A sentence: altered, removed or reordered, and what was found.</param>
public sealed record AuditProblem(long Position, string Stream, long Revision, Guid? Id, string What);

/// <summary>A log up to a position in one hash: whoever keeps it can prove that nothing before was changed, cut out or cut off.</summary>
/// <param name="Position">Of the last event.</param>
/// <param name="Hash">SHA-256 over the streams in ordinal order, each as its name, last revision and last hash in a line.</param>
/// <param name="Time">Event time of the latest event that has one.</param>
public sealed record LogHead(long Position, int Streams, string Hash, DateTimeOffset? Time);

/// <summary>Walks a log in order and holds each event to its stream's hash chain.</summary>
/// <remarks>
/// Each event's hash covers its own content and the hash before it (<see cref="EventChain"/>). An altered event does not have its own hash any more; behind one that was taken out a revision is missing and the
/// hash before does not fit. A tail that was cut off leaves no trace in the chain: a <see cref="LogHead"/> from before shows it.
/// </remarks>
/// <param name="positionsHaveGaps">The store's positions only ascend (<see cref="OpenedLog.PositionsHaveGaps"/>): a stream that was removed whole is then shown by a <see cref="LogHead"/> from before alone.</param>
public sealed class LogAudit(bool positionsHaveGaps = false)
{
    private readonly SortedDictionary<string, (long Revision, string Hash)> streams = new(StringComparer.Ordinal);
    private readonly List<AuditProblem> problems = [];
    private DateTimeOffset? latest;

    /// <summary>More are counted and not kept: one that is altered says enough.</summary>
    private const int ProblemsMaximum = 1000;

    public long Events { get; private set; }
    public long Position { get; private set; }
    public long ProblemCount { get; private set; }
    public IReadOnlyList<AuditProblem> Problems => problems;

    /// <summary>Takes the log's events in order.</summary>
    public void Evolve(StoredEvent fact)
    {
        var (last, hash) = streams.GetValueOrDefault(fact.Stream, (-1, EventChain.Beginning));
        if (positionsHaveGaps ? fact.Position <= Position : fact.Position != Position + 1)
            Say(fact, fact.Position > Position ? $"positions {Position + 1} to {fact.Position - 1} are missing before it: {fact.Position - Position - 1} events of some streams were removed" : $"it stands at position {fact.Position} behind {Position}: the order over all streams was changed");
        if (fact.Revision != last + 1)
            Say(fact, fact.Revision > last ? $"revisions {last + 1} to {fact.Revision - 1} are missing before it: removed" : $"its revision does not follow on {last}: reordered");
        else if (fact.Previous != hash) Say(fact, $"it follows on the hash {fact.Previous[..12]}…, and the event before it has {hash[..12]}…: that one was altered with its hash, or this one was moved");
        var own = EventChain.Hash(fact.Previous, fact.Stream, fact.Revision, new(fact.Id, fact.Type, fact.Time, fact.Actor, fact.Causation, fact.Data));
        if (own != fact.Hash) Say(fact, "its content does not have its hash: altered");
        // The stored hash goes on: one altered event is one problem, not one for each behind it.
        streams[fact.Stream] = (fact.Revision, fact.Hash);
        Position = fact.Position;
        Events++;
        if (fact.Time > (latest ?? DateTimeOffset.MinValue)) latest = fact.Time;
    }

    /// <summary>Of what was taken in so far.</summary>
    public LogHead Head()
    {
        var lines = new StringBuilder();
        foreach (var (stream, (revision, hash)) in streams) lines.Append(stream).Append('\t').Append(revision).Append('\t').Append(hash).Append('\n');
        return new(Position, streams.Count, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString()))), latest);
    }

    private void Say(StoredEvent fact, string what)
    {
        ProblemCount++;
        if (problems.Count < ProblemsMaximum) problems.Add(new(fact.Position, fact.Stream, fact.Revision, fact.Id, what));
    }
}
