using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using DriftWatch.Analysis.Activations;
using EventStore.Client;
using Grpc.Core;

namespace DriftWatch.Alerts.EventLog;

/// <summary>The log in an EventStoreDB (KurrentDB): each of our streams is one of its streams, <c>NAME:STREAM</c>, and its expected revision is the fence.</summary>
/// <remarks>
/// <para>A position is the event's place in the server's transaction log: it ascends, with gaps, and is the same at every read and on every node. Everything is read from the leader, since what was just appended is read back.</para>
/// <para>An append is one write, all or nothing, of 1 MiB at most: content that does not fit stands in <c>NAME.parts:HASH</c>, written before the event that names it. Parts that a crash leaves without one are never read; asked again, the same stand there.
/// Attachments stand in <c>NAME.attachment:ID</c>, deleted when newer ones of their stream have taken their place; <c>NAME.attached:STREAM</c> says which there are. The server's scavenge frees their disk space.</para>
/// <para>Event ids are known within a stream only. Ours are made of their stream's name, so one never stands in two.</para>
/// </remarks>
internal sealed class EventStoreDbEventLog : IEventLog, ICheckpoints, IDisposable
{
    /// <summary>How far the server looks for our events before it answers that there were none.</summary>
    private const uint SearchWindow = 4096;

    /// <summary>Attachments that one append deletes at most: after a lower setting the next ones go on.</summary>
    private const int DeletedMaximum = 64;

    private const string FreeType = "free";

    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private readonly EventStoreClient client;
    private readonly string name;
    private readonly int attachmentsKept;
    private readonly IEventFilter ours;

    /// <param name="settings">Of the client, from its connection string.</param>
    /// <param name="name">What our streams' names begin with: several logs share a server.</param>
    /// <param name="attachmentsKept">In each stream.</param>
    /// <exception cref="EventLogAwayException">The server cannot be reached.</exception>
    public EventStoreDbEventLog(EventStoreClientSettings settings, string name, int attachmentsKept)
    {
        (this.name, this.attachmentsKept) = (name, attachmentsKept);
        ours = StreamFilter.Prefix(SearchWindow, $"{name}:");
        settings.ConnectivitySettings.NodePreference = NodePreference.Leader;
        settings.ConnectionName ??= "driftwatch";
        client = new(settings);
    }

    /// <summary>Reads once, so that a wrong address, password or access list is said at the start.</summary>
    public Task TryAsync(CancellationToken stopping) => AskAsync(async () =>
    {
        await foreach (var _ in client.ReadAllAsync(Direction.Backwards, Position.End, 1, cancellationToken: stopping).Messages.WithCancellation(stopping)) { }
        return true;
    }, stopping);

    public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping)
    {
        var (last, hash) = await LastAsync(stream, stopping);
        if (last != expectedRevision) return await AnsweredBeforeAsync(stream, expectedRevision, events, last, stopping);
        await AttachAsync(stream, events, stopping);
        var parted = EventParts.Parted(events);
        var proposed = new List<EventData>(events.Count);
        foreach (var fact in EventChain.Link(stream, last, hash, events))
        {
            var content = parted.Contains(fact.Id) ? EventParts.Describe(fact.Data) : null;
            if (content is not null) await WritePartsAsync(Parts(content.Hash), content, fact.Data, stopping);
            proposed.Add(Proposed(fact.Id, fact.Type, content is null ? fact.Data : [], new Envelope(EventChain.TimeText(fact.Time), fact.Actor, fact.Causation, fact.Previous, fact.Hash, content)));
        }
        try
        {
            await WriteAsync(Facts(stream), expectedRevision, proposed, stopping);
        }
        catch (WrongExpectedVersionException)
        {
            return await AnsweredBeforeAsync(stream, expectedRevision, events, (await LastAsync(stream, stopping)).Revision, stopping);
        }
        if (events.Any(fact => fact.Attachment is not null)) await DropAttachmentsAsync(stream, stopping);
        return last + events.Count;
    }

    public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) =>
        FactsAsync(RecordsAsync(Facts(stream), Direction.Forwards, StreamPosition.FromInt64(fromRevision), long.MaxValue, stopping), -1, stopping);

    public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => FactsAsync(
        EachAsync(() => client.ReadAllAsync(Direction.Forwards, At(afterPosition), ours, cancellationToken: stopping).Messages, stopping), afterPosition, stopping);

    public async IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        var from = afterPosition == 0 ? FromAll.Start : FromAll.After(At(afterPosition));
        await using var subscription = client.SubscribeToAll(from, filterOptions: new(ours), cancellationToken: stopping);
        await foreach (var fact in FactsAsync(EachAsync(() => subscription.Messages, stopping), afterPosition, stopping)) yield return fact;
        stopping.ThrowIfCancellationRequested();
        throw new EventLogAwayException("EventStoreDB has ended a subscription.");
    }

    public async Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping)
    {
        var parts = await ListAsync(RecordsAsync(Attachment(id), Direction.Forwards, StreamPosition.Start, long.MaxValue, stopping));
        // The newest content counts: what was not completed before a crash may have been another.
        return parts.Count == 0 ? null : Joined(parts, Read<Part>(parts[^1].Metadata)?.Content, $"the attachment of event {id}");
    }

    public async Task<long> ReadAsync(string follower, CancellationToken stopping) => (await CheckpointAsync(follower, stopping)).Position;

    public async Task WriteAsync(string follower, long position, CancellationToken stopping)
    {
        var (revision, _) = await CheckpointAsync(follower, stopping);
        if (revision < 0) await AskAsync(() => client.SetStreamMetadataAsync(Checkpoint(follower), StreamState.Any, new(maxCount: 1), cancellationToken: stopping), stopping);
        await WriteAsync(Checkpoint(follower), null, [Proposed(EventId.From($"{Checkpoint(follower)}|{revision + 1}|{position}"), "checkpoint", JsonSerializer.SerializeToUtf8Bytes(position), null)], stopping);
    }

    /// <summary>Where a lease's stream stands; free: nobody holds it.</summary>
    internal async Task<(long Revision, bool Free)> LastBeatAsync(string lease, CancellationToken stopping) =>
        await ListAsync(RecordsAsync(Lease(lease), Direction.Backwards, StreamPosition.End, 1, stopping)) is [var last] ? (last.EventNumber.ToInt64(), last.EventType == FreeType) : (-1, true);

    /// <summary>The lease goes on, or begins, or is let go of.</summary>
    /// <returns>False: somebody else has appended.</returns>
    internal async Task<bool> BeatAsync(string lease, long behind, string holder, bool free, CancellationToken stopping)
    {
        if (behind < 0) await AskAsync(() => client.SetStreamMetadataAsync(Lease(lease), StreamState.Any, new(maxCount: 1), cancellationToken: stopping), stopping);
        try
        {
            await WriteAsync(Lease(lease), behind, [Proposed(EventId.From($"{Lease(lease)}|{behind + 1}|{holder}|{free}"), free ? FreeType : "held", JsonSerializer.SerializeToUtf8Bytes(holder), null)], stopping);
            return true;
        }
        catch (WrongExpectedVersionException)
        {
            return false;
        }
    }

    public void Dispose() => client.Dispose();

    private string Facts(string stream) => $"{name}:{stream}";

    private string Parts(string hash) => $"{name}.parts:{hash}";

    private string Attachment(Guid id) => $"{name}.attachment:{id}";

    private string Attached(string stream) => $"{name}.attached:{stream}";

    private string Lease(string of) => $"{name}.lease:{of}";

    private string Checkpoint(string follower) => $"{name}.checkpoint:{follower}";

    private static Position At(long position) => new((ulong)position, (ulong)position);

    private async Task<(long Revision, string Hash)> LastAsync(string stream, CancellationToken stopping) =>
        await ListAsync(RecordsAsync(Facts(stream), Direction.Backwards, StreamPosition.End, 1, stopping)) is [var last] ? (last.EventNumber.ToInt64(), Read<Envelope>(last.Metadata)?.Hash ?? "") : (-1, EventChain.Beginning);

    /// <summary>When exactly these stand behind the revision already, the caller asked twice.</summary>
    private async Task<long> AnsweredBeforeAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, long last, CancellationToken stopping)
    {
        var there = expectedRevision < last ? await ListAsync(RecordsAsync(Facts(stream), Direction.Forwards, StreamPosition.FromInt64(expectedRevision + 1), events.Count, stopping)) : [];
        return there.Select(record => record.EventId.ToGuid()).SequenceEqual(events.Select(fact => fact.Id)) ? expectedRevision + events.Count : throw new WrongRevisionException(stream, expectedRevision, last);
    }

    /// <summary>Before the events: one that is stored has its attachment.</summary>
    private async Task AttachAsync(string stream, IReadOnlyList<NewEvent> events, CancellationToken stopping)
    {
        var attached = events.Where(fact => fact.Attachment is not null).ToArray();
        if (attached.Length == 0) return;
        foreach (var fact in attached) await WritePartsAsync(Attachment(fact.Id), EventParts.Describe(fact.Attachment!), fact.Attachment!, stopping);
        var newest = await ListAsync(RecordsAsync(Attached(stream), Direction.Backwards, StreamPosition.End, attached.Length, stopping));
        if (newest.Select(record => JsonSerializer.Deserialize<Guid>(record.Data.Span)).SequenceEqual(attached.Select(fact => fact.Id).Reverse())) return;
        await WriteAsync(Attached(stream), null, [.. attached.Select(fact => Proposed(EventId.From($"{Attached(stream)}|{fact.Id}"), "attached", JsonSerializer.SerializeToUtf8Bytes(fact.Id), null))], stopping);
    }

    /// <summary>Deletes first and forgets then: what a crash leaves between the two is made up for by the next append.</summary>
    private async Task DropAttachmentsAsync(string stream, CancellationToken stopping)
    {
        var newest = await ListAsync(RecordsAsync(Attached(stream), Direction.Backwards, StreamPosition.End, 1, stopping));
        var oldest = newest is [var last] ? last.EventNumber.ToInt64() - attachmentsKept + 1 : 0;
        if (oldest <= 0) return;
        var next = -1L;
        foreach (var record in await ListAsync(RecordsAsync(Attached(stream), Direction.Forwards, StreamPosition.Start, DeletedMaximum, stopping)))
        {
            if (record.EventNumber.ToInt64() >= oldest) break;
            await AskAsync(() => client.DeleteAsync(Attachment(JsonSerializer.Deserialize<Guid>(record.Data.Span)), StreamState.Any, cancellationToken: stopping), stopping);
            next = record.EventNumber.ToInt64() + 1;
        }
        if (next > 0) await AskAsync(() => client.SetStreamMetadataAsync(Attached(stream), StreamState.Any, new(truncateBefore: StreamPosition.FromInt64(next)), cancellationToken: stopping), stopping);
    }

    private async Task WritePartsAsync(string stream, PartedContent content, byte[] bytes, CancellationToken stopping)
    {
        foreach (var (index, part) in EventParts.Cut(bytes).Index())
            await WriteAsync(stream, null, [Proposed(EventId.From($"{stream}|{content.Hash}|{index}"), "part", part, new Part(content, index))], stopping);
    }

    private async IAsyncEnumerable<StoredEvent> FactsAsync(IAsyncEnumerable<EventRecord> records, long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        await foreach (var record in records)
            if ((long)record.Position.CommitPosition is var position && position > afterPosition) yield return await FactAsync(record, position, stopping);
    }

    private async Task<StoredEvent> FactAsync(EventRecord record, long position, CancellationToken stopping)
    {
        // Somebody else's hand may have appended it: an audit is to name the event, not to fail.
        var envelope = Read<Envelope>(record.Metadata) ?? new(null, null, null, null, null, null);
        var (stream, id, data) = (record.EventStreamId[(name.Length + 1)..], record.EventId.ToGuid(), record.Data.ToArray());
        if (envelope.Parts is { } content) data = Joined(await ListAsync(RecordsAsync(Parts(content.Hash), Direction.Forwards, StreamPosition.Start, long.MaxValue, stopping)), content, $"event {id} ({stream}, revision {record.EventNumber})");
        DateTimeOffset? time = envelope.Time is null ? null : DateTimeOffset.Parse(envelope.Time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        return new(position, stream, record.EventNumber.ToInt64(), id, record.EventType, time, envelope.Actor ?? "", envelope.Causation, envelope.Previous ?? "", envelope.Hash ?? "", data);
    }

    private static byte[] Joined(IReadOnlyList<EventRecord> parts, PartedContent? content, string of) => EventParts.Join(
        content ?? new("", 0), from record in parts let part = Read<Part>(record.Metadata) where part?.Content == content select (part.Index, record.Data), of);

    private async Task<(long Revision, long Position)> CheckpointAsync(string follower, CancellationToken stopping) =>
        await ListAsync(RecordsAsync(Checkpoint(follower), Direction.Backwards, StreamPosition.End, 1, stopping)) is [var last] ? (last.EventNumber.ToInt64(), JsonSerializer.Deserialize<long>(last.Data.Span)) : (-1, 0);

    /// <param name="expectedRevision">−1: the stream does not exist; null: whatever it is.</param>
    private Task<IWriteResult> WriteAsync(string stream, long? expectedRevision, IReadOnlyList<EventData> events, CancellationToken stopping) => AskAsync(() => expectedRevision switch
    {
        null => client.AppendToStreamAsync(stream, StreamState.Any, events, cancellationToken: stopping),
        < 0 => client.AppendToStreamAsync(stream, StreamState.NoStream, events, cancellationToken: stopping),
        { } revision => client.AppendToStreamAsync(stream, StreamRevision.FromInt64(revision), events, cancellationToken: stopping),
        // What was handed over already the client does not call back: it is left there.
    }, stopping).WaitAsync(stopping);

    private static EventData Proposed(Guid id, string type, ReadOnlyMemory<byte> data, object? metadata) =>
        // Where it is JSON the server's pages and projections may know; everything that is stored by the daemon is.
        new(Uuid.FromGuid(id), type, data, metadata is null ? null : JsonSerializer.SerializeToUtf8Bytes(metadata, json), data.Span is [(byte)'{', ..] ? "application/json" : "application/octet-stream");

    private IAsyncEnumerable<EventRecord> RecordsAsync(string stream, Direction direction, StreamPosition from, long count, CancellationToken stopping) =>
        EachAsync(() => client.ReadStreamAsync(direction, stream, from, Math.Max(count, 1), cancellationToken: stopping).Messages, stopping);

    /// <summary>The events among the messages; a stream that is not there has none.</summary>
    /// <param name="ask">The client asks the server when it is called, and a call that nobody reads would stay open.</param>
    private static async IAsyncEnumerable<EventRecord> EachAsync(Func<IAsyncEnumerable<StreamMessage>> ask, [EnumeratorCancellation] CancellationToken stopping)
    {
        await using var each = ask().GetAsyncEnumerator(stopping);
        while (await AskAsync(() => each.MoveNextAsync().AsTask(), stopping))
            if (each.Current is StreamMessage.Event(var resolved)) yield return resolved.Event;
    }

    private static async Task<List<EventRecord>> ListAsync(IAsyncEnumerable<EventRecord> records)
    {
        var list = new List<EventRecord>();
        await foreach (var record in records) list.Add(record);
        return list;
    }

    /// <summary>Says of errors that pass by themselves that they do.</summary>
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken stopping)
    {
        try
        {
            return await ask();
        }
        catch (Exception error) when (stopping.IsCancellationRequested && error is RpcException or OperationCanceledException)
        {
            throw new OperationCanceledException(error.Message, error, stopping);
        }
        catch (Exception error) when ((error as AggregateException)?.InnerException is var inner && IsAway(inner ?? error))
        {
            throw new EventLogAwayException($"EventStoreDB does not answer: {((inner ?? error) is RpcException rpc ? rpc.Status.Detail : (inner ?? error).Message)}", error);
        }
    }

    /// <summary>No connection, no leader (an election is under way), an answer that did not come in time, a server that starts, stops or is too busy.</summary>
    private static bool IsAway(Exception error) => error
        is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Aborted or StatusCode.Cancelled or StatusCode.ResourceExhausted or StatusCode.Internal }
        or DiscoveryException or NotLeaderException or HttpRequestException or IOException or OperationCanceledException;

    private static T? Read<T>(ReadOnlyMemory<byte> metadata) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(metadata.Span, json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>An event's metadata; the server adds names that begin with a dollar when calls are traced.</summary>
    [SuppressMessage("Performance", "CA1812", Justification = "Made by the serializer.")]
    private sealed record Envelope(string? Time, string? Actor, [property: JsonPropertyName("$causationId")] Guid? Causation, string? Previous, string? Hash, PartedContent? Parts);

    private sealed record Part(PartedContent Content, int Index);
}
