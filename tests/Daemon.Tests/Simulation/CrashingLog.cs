using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Daemon.Tests.Simulation;

internal sealed class CrashException : Exception;

/// <summary>A log whose process dies at one of its appends: just before it is stored, or just after.</summary>
internal sealed class CrashingLog(IEventLog log, int crashAt, bool afterStoring) : IEventLog
{
    private int appends;

    public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping)
    {
        var crash = appends++ == crashAt;
        if (crash && !afterStoring) throw new CrashException();
        var revision = await log.AppendAsync(stream, expectedRevision, events, stopping);
        return crash ? throw new CrashException() : revision;
    }

    public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) => log.ReadStreamAsync(stream, fromRevision, stopping);

    public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => log.ReadAttachmentAsync(id, stopping);

    public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => log.ReadAllAsync(afterPosition, stopping);

    public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => log.SubscribeAsync(afterPosition, stopping);
}
