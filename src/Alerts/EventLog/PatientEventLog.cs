using System.Runtime.CompilerServices;
using DriftWatch.Alerts.Faults;

namespace DriftWatch.Alerts.EventLog;

/// <summary>A log that may be away for a while (a server restarted or out of reach, a disk full): what is asked of it waits and is asked again, and the daemon goes on by itself when it is back.</summary>
/// <remarks>Asking again is safe: an append that was stored and not answered, or not in time, is recognised by its ids. The loop stands meanwhile and reads nothing on, so memory does not grow.</remarks>
public sealed class PatientEventLog(IEventLog log, ICheckpoints checkpoints, Dependency store) : IEventLog, ICheckpoints
{
    private static readonly TimeSpan quietMaximum = TimeSpan.FromMinutes(1);

    public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) =>
        await AskAsync(async token => await log.AppendAsync(stream, expectedRevision, events, token), stopping);

    public async Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => await AskAsync(async token => await log.ReadAttachmentAsync(id, token), stopping);

    public async Task<long> ReadAsync(string follower, CancellationToken stopping) => await AskAsync(async token => await checkpoints.ReadAsync(follower, token), stopping);

    public async Task WriteAsync(string follower, long position, CancellationToken stopping) => await AskAsync(async token =>
    {
        await checkpoints.WriteAsync(follower, position, token);
        return true;
    }, stopping);

    public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) =>
        ReadAsync((from, token) => log.ReadStreamAsync(stream, from, token), fromRevision, fact => fact.Revision + 1, stopping);

    public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => ReadAsync(log.ReadAllAsync, afterPosition, fact => fact.Position, stopping);

    /// <remarks>Waiting for the next event may rightly take for ever. Whenever it fails, and once a minute in any case, a read with its timeout says whether the log is there: a subscription whose server is gone can look like a quiet one.</remarks>
    public async IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        Exception? failed = null;
        while (true)
        {
            await AskAsync(_ => Interlocked.Exchange(ref failed, null) is { } error ? ValueTask.FromException<bool>(error) : new(true), stopping);
            await foreach (var fact in ReadAllAsync(afterPosition, stopping))
            {
                afterPosition = fact.Position;
                yield return fact;
            }
            using var quiet = store.Within(quietMaximum);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, quiet.Token);
            await using var events = log.SubscribeAsync(afterPosition, either.Token).GetAsyncEnumerator(either.Token);
            while (await MovesAsync(events))
            {
                afterPosition = events.Current.Position;
                yield return events.Current;
            }
        }

        async ValueTask<bool> MovesAsync(IAsyncEnumerator<StoredEvent> events)
        {
            try
            {
                return await events.MoveNextAsync();
            }
            catch (Exception error) when (StoreFault.IsTransient(error))
            {
                failed = error;
                return false;
            }
            catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    private async ValueTask<T> AskAsync<T>(Func<CancellationToken, ValueTask<T>> ask, CancellationToken stopping)
    {
        try
        {
            return await store.AskAsync(ask, stopping);
        }
        catch (Exception error) when (StoreFault.Advice(error) is { } advice)
        {
            throw new IOException(advice, error);
        }
    }

    /// <summary>Reads on behind the last event that came, as often as it takes.</summary>
    private async IAsyncEnumerable<StoredEvent> ReadAsync(Func<long, CancellationToken, IAsyncEnumerable<StoredEvent>> read, long from, Func<StoredEvent, long> next, [EnumeratorCancellation] CancellationToken stopping)
    {
        Reading? reading = null;
        try
        {
            while (await AskAsync(MoveAsync, stopping))
            {
                from = next(reading!.Current);
                yield return reading.Current;
            }
        }
        finally
        {
            if (reading is not null) await reading.DisposeAsync();
        }

        async ValueTask<bool> MoveAsync(CancellationToken token)
        {
            reading ??= new(read, from, stopping);
            try
            {
                return await reading.MoveNextAsync(token);
            }
            catch
            {
                // An enumeration that failed is over: the next attempt begins a new one.
                await reading.DisposeAsync();
                reading = null;
                throw;
            }
        }
    }

    /// <summary>One enumeration, whose steps can be given up one by one.</summary>
    private sealed class Reading : IAsyncDisposable
    {
        private readonly CancellationTokenSource given;
        private readonly IAsyncEnumerator<StoredEvent> events;

        public Reading(Func<long, CancellationToken, IAsyncEnumerable<StoredEvent>> read, long from, CancellationToken stopping)
        {
            given = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            events = read(from, given.Token).GetAsyncEnumerator(given.Token);
        }

        public StoredEvent Current => events.Current;

        public async ValueTask<bool> MoveNextAsync(CancellationToken attempt)
        {
            using var _ = attempt.UnsafeRegister(static given => ((CancellationTokenSource)given!).Cancel(), given);
            return await events.MoveNextAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await events.DisposeAsync();
            given.Dispose();
        }
    }
}
