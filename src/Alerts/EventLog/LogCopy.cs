using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Copies a log into another store, event by event and in order: same ids, same hashes, same order over all streams. Goes on where it was stopped.</summary>
public static class LogCopy
{
    /// <summary>Events of one stream that stand together go in one append.</summary>
    private const int BatchMaximum = 64;

    /// <param name="progress">Told how many events the target has.</param>
    /// <returns>How many events were copied now, and how many the target has.</returns>
    /// <exception cref="MalformedException">The target holds something else; or an event of the source does not have its hash; reason <c>log</c>.</exception>
    public static async Task<(long Copied, long All)> RunAsync(IEventLog from, IEventLog to, Action<long>? progress, CancellationToken stopping)
    {
        var (position, done) = await AgreedAsync(from, to, stopping);
        var copied = 0L;
        var batch = new List<StoredEvent>();
        await foreach (var fact in from.ReadAllAsync(position, stopping))
        {
            if (batch.Count > 0 && (batch[^1].Stream != fact.Stream || batch.Count == BatchMaximum)) copied += await FlushAsync();
            batch.Add(fact);
        }
        if (batch.Count > 0) copied += await FlushAsync();
        return (copied, done + copied);

        async Task<int> FlushAsync()
        {
            var events = new List<NewEvent>(batch.Count);
            var previous = batch[0].Previous;
            foreach (var fact in batch)
            {
                var copy = new NewEvent(fact.Id, fact.Type, fact.Time, fact.Actor, fact.Causation, fact.Data);
                if (fact.Previous != previous || EventChain.Hash(fact.Previous, fact.Stream, fact.Revision, copy) != fact.Hash)
                    throw new MalformedException("log", $"event {fact.Id} ({fact.Stream}, revision {fact.Revision}) does not have its hash: the source was changed. 'driftwatch audit verify' says what is wrong with it.");
                events.Add(copy with { Attachment = await from.ReadAttachmentAsync(fact.Id, stopping) });
                previous = fact.Hash;
            }
            // The target links them anew: from the same beginning and content, the same hashes.
            await to.AppendAsync(batch[0].Stream, batch[0].Revision - 1, events, stopping);
            batch.Clear();
            progress?.Invoke(done + copied + events.Count);
            return events.Count;
        }
    }

    /// <summary>What the target has must be the beginning of the source, to the hash and in the same order; positions are each store's own.</summary>
    /// <returns>Where the source goes on, and how many events the target has.</returns>
    private static async Task<(long Position, long Events)> AgreedAsync(IEventLog from, IEventLog to, CancellationToken stopping)
    {
        var (position, events) = (0L, 0L);
        await using var source = from.ReadAllAsync(0, stopping).GetAsyncEnumerator(stopping);
        await foreach (var there in to.ReadAllAsync(0, stopping))
        {
            if (!await source.MoveNextAsync() || source.Current.Hash != there.Hash)
                throw new MalformedException("log", $"the target holds other events than the source, from position {there.Position} on ({there.Stream}, revision {there.Revision}). Copy into an empty store, or one that this copy was begun in.");
            (position, events) = (source.Current.Position, events + 1);
        }
        return (position, events);
    }
}
