using System.Runtime.CompilerServices;

namespace DriftWatch.Alerts.EventLog;

/// <summary>The log without a disk, for tests and trials. Held to the same contract tests as the real ones.</summary>
/// <param name="attachmentsKept">In each stream.</param>
public sealed class InMemoryEventLog(int attachmentsKept = EventLogAddress.AttachmentsKept) : IEventLog, ICheckpoints
{
    private readonly Lock gate = new();
    private readonly List<StoredEvent> all = [];
    private readonly Dictionary<string, List<StoredEvent>> streams = new(StringComparer.Ordinal);
    private readonly HashSet<Guid> ids = [];
    private readonly Dictionary<string, List<(Guid Id, byte[] Data)>> attachments = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> checkpoints = new(StringComparer.Ordinal);
    private readonly Bell bell = new();

    public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        lock (gate)
        {
            if (!streams.TryGetValue(stream, out var stored)) streams[stream] = stored = [];
            var last = stored.Count - 1L;
            if (last != expectedRevision)
            {
                var there = stored.Skip((int)expectedRevision + 1).Take(events.Count).Select(fact => fact.Id);
                if (expectedRevision <= last && there.SequenceEqual(events.Select(fact => fact.Id))) return Task.FromResult(expectedRevision + events.Count);
                throw new WrongRevisionException(stream, expectedRevision, last);
            }
            if (events.FirstOrDefault(fact => ids.Contains(fact.Id)) is { } twice) throw new InvalidOperationException($"the event {twice.Id} is stored already");
            foreach (var fact in EventChain.Link(stream, last, stored.Count == 0 ? EventChain.Beginning : stored[^1].Hash, events))
            {
                stored.Add(fact with { Position = all.Count + 1 });
                all.Add(stored[^1]);
                ids.Add(fact.Id);
            }
            Attach(stream, events);
            last = stored.Count - 1;
            bell.Ring();
            return Task.FromResult(last);
        }
    }

    private void Attach(string stream, IReadOnlyList<NewEvent> events)
    {
        if (!attachments.TryGetValue(stream, out var kept)) attachments[stream] = kept = [];
        kept.AddRange(events.Where(fact => fact.Attachment is not null).Select(fact => (fact.Id, fact.Attachment!)));
        kept.RemoveRange(0, Math.Max(0, kept.Count - attachmentsKept));
    }

    public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping)
    {
        lock (gate) return Task.FromResult(attachments.Values.SelectMany(kept => kept).Where(entry => entry.Id == id).Select(entry => entry.Data).FirstOrDefault());
    }

    public async IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, [EnumeratorCancellation] CancellationToken stopping)
    {
        await Task.CompletedTask;
        StoredEvent[] stored;
        lock (gate) stored = streams.TryGetValue(stream, out var events) ? [.. events.Skip((int)fromRevision)] : [];
        foreach (var fact in stored) yield return fact;
    }

    public async IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        await Task.CompletedTask;
        StoredEvent[] stored;
        lock (gate) stored = [.. all.Skip((int)afterPosition)];
        foreach (var fact in stored) yield return fact;
    }

    public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => bell.Follow(ReadAllAsync, afterPosition, Timeout.InfiniteTimeSpan, TimeProvider.System, stopping);

    public Task<long> ReadAsync(string follower, CancellationToken stopping)
    {
        lock (gate) return Task.FromResult(checkpoints.GetValueOrDefault(follower));
    }

    public Task WriteAsync(string follower, long position, CancellationToken stopping)
    {
        lock (gate) checkpoints[follower] = position;
        return Task.CompletedTask;
    }
}
