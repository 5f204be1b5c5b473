using System.Runtime.CompilerServices;
using Polly;
using Polly.Retry;

namespace DriftWatch.Alerts.EventLog;

/// <summary>A log whose server may be away for a while (restarted, failed over, out of reach): what is asked of it waits and is asked again, and the daemon goes on by itself when it is back.</summary>
/// <remarks>Asking again is safe: an append that was stored and not answered is recognised by its ids. The loop stands meanwhile and reads nothing on, so memory does not grow.</remarks>
/// <param name="away">Told each time, with how long it waits now.</param>
public sealed class PatientEventLog(IEventLog log, ICheckpoints checkpoints, TimeProvider time, Action<Exception, TimeSpan> away) : IEventLog, ICheckpoints
{
    private static readonly TimeSpan firstDelay = TimeSpan.FromMilliseconds(200), longestDelay = TimeSpan.FromSeconds(15);

    private readonly ResiliencePipeline pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new()
    {
        ShouldHandle = new PredicateBuilder().Handle<Exception>(StoreFault.IsTransient),
        MaxRetryAttempts = int.MaxValue,
        Delay = firstDelay,
        MaxDelay = longestDelay,
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        OnRetry = retry =>
        {
            away(retry.Outcome.Exception!, retry.RetryDelay);
            return default;
        },
    }).Build();

    public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) =>
        await pipeline.ExecuteAsync(async token => await log.AppendAsync(stream, expectedRevision, events, token), stopping);

    public async Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => await pipeline.ExecuteAsync(async token => await log.ReadAttachmentAsync(id, token), stopping);

    public async Task<long> ReadAsync(string follower, CancellationToken stopping) => await pipeline.ExecuteAsync(async token => await checkpoints.ReadAsync(follower, token), stopping);

    public async Task WriteAsync(string follower, long position, CancellationToken stopping) => await pipeline.ExecuteAsync(async token => await checkpoints.WriteAsync(follower, position, token), stopping);

    public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) =>
        ReadAsync((from, token) => log.ReadStreamAsync(stream, from, token), fromRevision, fact => fact.Revision + 1, stopping);

    public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => ReadAsync(log.ReadAllAsync, afterPosition, fact => fact.Position, stopping);

    public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => ReadAsync(log.SubscribeAsync, afterPosition, fact => fact.Position, stopping);

    /// <summary>Reads on behind the last event that came, as often as it takes.</summary>
    private async IAsyncEnumerable<StoredEvent> ReadAsync(Func<long, CancellationToken, IAsyncEnumerable<StoredEvent>> read, long from, Func<StoredEvent, long> next, [EnumeratorCancellation] CancellationToken stopping)
    {
        var events = read(from, stopping).GetAsyncEnumerator(stopping);
        try
        {
            while (await pipeline.ExecuteAsync(MoveAsync, stopping))
            {
                from = next(events.Current);
                yield return events.Current;
            }
        }
        finally
        {
            await events.DisposeAsync();
        }

        async ValueTask<bool> MoveAsync(CancellationToken token)
        {
            try
            {
                return await events.MoveNextAsync();
            }
            catch (Exception error) when (StoreFault.IsTransient(error))
            {
                // An enumeration that failed is over: the next attempt begins a new one.
                await events.DisposeAsync();
                events = read(from, stopping).GetAsyncEnumerator(stopping);
                throw;
            }
        }
    }
}
