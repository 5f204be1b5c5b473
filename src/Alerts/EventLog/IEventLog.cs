namespace DriftWatch.Alerts.EventLog;

/// <summary>A fact that is to be stored.</summary>
/// <param name="Time">Event time, from the data; null for facts that no data dates (a changed catalog: the first window that names it dates it).</param>
/// <param name="Actor">Who: <c>driftwatch</c>, or the person.</param>
/// <param name="Causation">Id of the event that this one follows from.</param>
/// <param name="Attachment">Kept beside it for a while and then dropped: no part of the record. What must be proven about it (its hash) belongs into <paramref name="Data"/>.</param>
public sealed record NewEvent(Guid Id, string Type, DateTimeOffset? Time, string Actor, Guid? Causation, byte[] Data, byte[]? Attachment = null);

/// <summary>A fact as stored.</summary>
/// <param name="Position">Order over all streams: 1 or more, ascending, the same at every read. Without gaps where the store can (<see cref="OpenedLog.PositionsHaveGaps"/>).</param>
/// <param name="Revision">Order in the stream, from 0.</param>
/// <param name="Previous">Hash of the event before it in the stream, 64 hexadecimal digits; zeros for the first.</param>
/// <param name="Hash">SHA-256 over <paramref name="Previous"/> and everything else (<see cref="EventChain"/>).</param>
public sealed record StoredEvent(
    long Position, string Stream, long Revision, Guid Id, string Type, DateTimeOffset? Time, string Actor, Guid? Causation, string Previous, string Hash, byte[] Data);

/// <summary>The store was asked to append behind a revision that is not the stream's last: somebody else owns it now.</summary>
public sealed class WrongRevisionException(string stream, long expected, long actual)
    : Exception($"{stream} stands at revision {actual}, not {expected}: another daemon has written to it. Two must not watch the same partition")
{
    public string Stream { get; } = stream;
}

/// <summary>⑧ The record: append-only streams of facts with one order over all of them. Attachments go in and out with the append; only the newest of each stream are kept.</summary>
public interface IEventLog
{
    /// <summary>Stores all events or none, behind <paramref name="expectedRevision"/> (−1: the stream does not exist).</summary>
    /// <remarks>When exactly these ids already stand behind that revision nothing is written: the caller asked twice and is answered the same.</remarks>
    /// <returns>The stream's last revision.</returns>
    /// <exception cref="WrongRevisionException">Somebody else appended.</exception>
    Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping);

    IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping);

    /// <summary>What was attached to an event; null: nothing, or it has been dropped.</summary>
    Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping);

    /// <summary>All events behind <paramref name="afterPosition"/> in order, up to the last that is stored now.</summary>
    /// <param name="afterPosition">0, or the position of an event.</param>
    IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping);

    /// <summary>All events behind <paramref name="afterPosition"/> in order, and new ones as they come; ends only with <paramref name="stopping"/>.</summary>
    IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping);
}

/// <summary>How far a follower of the log has come. No fact: losing it repeats deliveries, nothing else.</summary>
public interface ICheckpoints
{
    Task<long> ReadAsync(string follower, CancellationToken stopping);

    Task WriteAsync(string follower, long position, CancellationToken stopping);
}
