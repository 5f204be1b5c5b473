using System.Collections.Immutable;
using System.Text.Json;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.Projections;

/// <summary>Keeps what the API shows, so that a start folds only what came after. Each monitor and alert is a chunk of its own, and only those that have changed are written.</summary>
public sealed class RegisterSnapshots
{
    public const string Name = "register";

    /// <summary>Of what the register folds and how it is written: raise it with every change.</summary>
    private const string Version = "1";
    private const string MonitorPrefix = "monitor/", AlertPrefix = "alert/", BaselinesKey = "baselines", OrderKey = "order", GroupsKey = "groups";

    private readonly Projection projection;
    private readonly Action<string> warn;
    private MonitorRegister.Snapshot written = MonitorRegister.Snapshot.Empty;

    /// <param name="warn">Told why it begins anew, or was not written.</param>
    public RegisterSnapshots(IProjectionStore store, Action<string> warn) => (this.warn, projection) = (warn, new(store, Name, Version, warn));

    /// <summary>Events between two writes: what a start folds at most.</summary>
    public int EventsBetween { get; init; } = 1000;

    public bool IsDue(long position) => position - projection.Position >= EventsBetween;

    /// <summary>As it was written last, if that fits the log; else empty.</summary>
    public async Task<MonitorRegister.Snapshot> ReadAsync(IEventLog log, CancellationToken stopping)
    {
        written = MonitorRegister.Snapshot.Empty;
        if (await projection.OpenAsync(log, stopping) == 0) return written;
        try
        {
            var (monitors, alerts) = (written.Monitors.ToBuilder(), written.Alerts.ToBuilder());
            await foreach (var (_, data) in projection.ReadAllAsync(MonitorPrefix, stopping))
                if (Read<MonitorEntry>(data) is var entry) monitors[(entry.Monitor, entry.Probe)] = entry;
            await foreach (var (_, data) in projection.ReadAllAsync(AlertPrefix, stopping))
                if (Read<AlertEntry>(data) is var alert) alerts[alert.Id] = alert;
            var (order, baselines) = (Read<ImmutableArray<string>>(await NeededAsync(OrderKey, stopping)), Read<ImmutableArray<BaselineFrozen>>(await NeededAsync(BaselinesKey, stopping)));
            if (order.FirstOrDefault(id => !alerts.ContainsKey(id)) is { } missing) throw new MalformedException("projection", $"it names the alert {missing} and does not hold it");
            // With alerts that are named no more (two daemons took turns in writing it): they go with the next write.
            var groups = AlertGroups.Load(Read<ImmutableArray<AlertGroups.Kept>>(await NeededAsync(GroupsKey, stopping)));
            written = new(monitors.ToImmutable(), alerts.ToImmutable(), order, baselines, projection.Position) { Groups = groups };
            return new(written.Monitors, order.ToImmutableDictionary(id => id, id => alerts[id], StringComparer.Ordinal), order, baselines, projection.Position) { Groups = groups };
        }
        catch (Exception error) when (error is MalformedException or JsonException)
        {
            await projection.DropAsync(error.Message, stopping);
            return written;
        }
    }

    /// <param name="hash">Of the event that the register has folded last.</param>
    public async Task WriteAsync(MonitorRegister.Snapshot now, string hash, CancellationToken stopping)
    {
        var chunks = new List<ProjectionChunk>();
        foreach (var (key, entry) in now.Monitors)
            if (!ReferenceEquals(written.Monitors.GetValueOrDefault(key), entry)) chunks.Add(new($"{MonitorPrefix}{entry.Monitor}/{entry.Probe}", Write(entry)));
        foreach (var (id, alert) in now.Alerts)
            if (!ReferenceEquals(written.Alerts.GetValueOrDefault(id), alert)) chunks.Add(new(AlertPrefix + id, Write(alert)));
        foreach (var gone in written.Alerts.Keys.Where(id => !now.Alerts.ContainsKey(id))) chunks.Add(new(AlertPrefix + gone, null));
        if (written.Position == 0 || written.AlertOrder != now.AlertOrder) chunks.Add(new(OrderKey, Write(now.AlertOrder)));
        if (written.Position == 0 || !ReferenceEquals(written.Groups, now.Groups)) chunks.Add(new(GroupsKey, Write(now.Groups.Save())));
        if (written.Position == 0 || written.Baselines != now.Baselines) chunks.Add(new(BaselinesKey, Write(now.Baselines)));
        if (await projection.WriteAsync(now.Position, hash, chunks, stopping))
        {
            written = now;
            return;
        }
        // Another daemon of the log keeps it: what differs from this one's is not known, so the next is written whole.
        await projection.RejoinAsync(stopping);
        written = MonitorRegister.Snapshot.Empty;
    }

    /// <summary>Never in the way: a register that is not kept costs a longer start and nothing else.</summary>
    public async Task TryWriteAsync(MonitorRegister.Snapshot now, string hash, CancellationToken stopping)
    {
        try
        {
            await WriteAsync(now, hash, stopping);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            written = MonitorRegister.Snapshot.Empty;
            warn($"What the API shows was not kept at position {now.Position}: {error.Message}. A start would fold more of the log");
        }
    }

    private async Task<byte[]> NeededAsync(string key, CancellationToken stopping) => await projection.ReadAsync(key, stopping) ?? throw SealedChunk.Damaged(Name, key);

    private static byte[] Write<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, EventJson.Options);

    private static T Read<T>(byte[] data) => JsonSerializer.Deserialize<T>(data, EventJson.Options) ?? throw new JsonException("a chunk is null");
}
