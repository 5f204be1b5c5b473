using System.Runtime.CompilerServices;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>A log as it was when it ended at a position. Nothing is appended.</summary>
internal sealed class LogUpTo(IEventLog log, long position) : IEventLog
{
    public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) => throw new NotSupportedException("it is only read");

    public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => log.ReadAttachmentAsync(id, stopping);

    public async IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, [EnumeratorCancellation] CancellationToken stopping)
    {
        await foreach (var stored in log.ReadStreamAsync(stream, fromRevision, stopping))
            if (stored.Position <= position) yield return stored;
    }

    public async IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        await foreach (var stored in log.ReadAllAsync(afterPosition, stopping))
            if (stored.Position <= position) yield return stored;
    }

    public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => ReadAllAsync(afterPosition, stopping);
}
