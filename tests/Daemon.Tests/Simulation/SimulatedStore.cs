using System.Runtime.CompilerServices;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Sinks;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>The log of the world, as one daemon reaches it.</summary>
internal sealed class SimulatedStore(SimulatedWorld world, SimulatedDaemon daemon) : IEventLog, ICheckpoints
{
    /// <summary>What a question is called that changes nothing.</summary>
    public const string Read = "read";

    private const int PageEvents = 8;

    public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) => daemon.AskAsync($"append {expectedRevision + 1} to {stream}", () =>
    {
        var revision = Now(world.Log.AppendAsync(stream, expectedRevision, events, default));
        world.Stored();
        return revision;
    }, () => world.StoreIsAway, stopping);

    public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) => throw new NotSupportedException("the loop does not read streams");

    public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => throw new NotSupportedException("the loop does not read attachments");

    public async IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        while (true)
        {
            var after = afterPosition;
            var page = await daemon.AskAsync(Read, () => world.Events(after, PageEvents), () => world.StoreIsAway, stopping);
            foreach (var stored in page) yield return stored;
            if (page.Count == 0) yield break;
            afterPosition = page[^1].Position;
        }
    }

    public async IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        while (true)
        {
            await foreach (var stored in ReadAllAsync(afterPosition, stopping))
            {
                afterPosition = stored.Position;
                yield return stored;
            }
            await daemon.Time.WaitAsync(TimeSpan.FromSeconds(3), stopping);
        }
    }

    public Task<long> ReadAsync(string follower, CancellationToken stopping) => daemon.AskAsync("checkpoint", () => Now(world.Log.ReadAsync(follower, default)), () => world.StoreIsAway, stopping);

    public Task WriteAsync(string follower, long position, CancellationToken stopping) => daemon.AskAsync($"checkpoint {position}", () =>
    {
        world.Log.WriteAsync(follower, position, default).GetAwaiter().GetResult();
        return true;
    }, () => world.StoreIsAway, stopping);

    /// <summary>The log in memory answers at once.</summary>
    private static T Now<T>(Task<T> task) => task.GetAwaiter().GetResult();
}

/// <summary>As the store keeps them: a connection holds one, and the store's end or the process's ends it.</summary>
internal sealed class SimulatedLeases(SimulatedWorld world, SimulatedDaemon daemon) : ILeases
{
    public const string Take = "lease";

    public async Task<ILease> TakeAsync(string name, CancellationToken stopping)
    {
        while (true)
        {
            var patience = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            var answered = false;
            world.Time.After(TimeSpan.FromSeconds(5), () =>
            {
                if (!answered) daemon.Time.Cancel(patience);
            }, daemon);
            try
            {
                if (await daemon.AskAsync(Take, () => world.TakeLease(daemon), () => world.StoreIsAway, patience.Token) is { } lost) return new Held(world, daemon, lost);
            }
            catch (Exception error) when (error is EventLogAwayException || (error is OperationCanceledException && !stopping.IsCancellationRequested))
            {
                // Asked again, as the log is.
            }
            finally
            {
                answered = true;
            }
            await daemon.Time.WaitAsync(TimeSpan.FromSeconds(1), stopping);
        }
    }

    private sealed class Held(SimulatedWorld world, SimulatedDaemon daemon, CancellationTokenSource lost) : ILease
    {
        public CancellationToken Lost => lost.Token;

        public ValueTask DisposeAsync()
        {
            // Not the next one, if this one is lost already.
            if (!lost.IsCancellationRequested) world.FreeLease(daemon);
            return default;
        }
    }
}

internal sealed class SimulatedSink(SimulatedWorld world, SimulatedDaemon daemon) : IAlertSink
{
    public string Name => "sink";

    public Task SendAsync(StoredEvent stored, AlertEvent fact, CancellationToken stopping) => daemon.AskAsync($"alert {stored.Position}", () =>
    {
        world.Sent.Add(stored.Position);
        return true;
    }, () => false, stopping);
}

internal sealed class SimulatedDeadLetters(SimulatedWorld world, SimulatedDaemon daemon) : IDeadLetters
{
    public Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping) => daemon.AskAsync($"dead letter {message.Partition}/{message.Offset}", () =>
    {
        // Sent again after an outage, when the loop is long behind it.
        Assert.Equal(world.Broker.Message(message.Partition, message.Offset).Value, message.Value);
        world.Letters.Add((message.Partition, message.Offset));
        return true;
    }, () => world.LettersAreAway, stopping);
}
