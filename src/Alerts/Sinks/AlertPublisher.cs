using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Alerts.Sinks;

/// <summary>Follows the log and sends every alert to a sink: its opening, what people do about it and its end, at least once, in order, and never in the way of the watching loop.</summary>
/// <remarks>
/// Of the daemons that share the log one sends, the holder of the lease. The checkpoint is written after the sink has the event, and read after the lease is taken: a crash between the two sends an event
/// again with the same id, and whoever takes over begins with it. A second checkpoint says from where alarms are folded into alerts (<see cref="AlertGroups.FoldFrom"/>); it may be older than it must be.
/// A sink that is away is waited for; the alerts wait in the log.
/// </remarks>
/// <param name="giveUp">Asked to stop, it still sends what is in the log by then, until this: the rest stays in the log and is sent by another daemon, or after the next start.</param>
public sealed partial class AlertPublisher(
    IEventLog events, ICheckpoints checkpoints, ILeases leases, IAlertSink sink, Dependency dependency, ILogger<AlertPublisher> log, CancellationToken giveUp) : BackgroundService
{
    /// <summary>Events without news after which a start need not read them again.</summary>
    private const int PassedMaximum = 1000;

    private string FoldName => $"{sink.Name}|alarms";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        await RunAsync(stoppingToken);
    }

    public async Task RunAsync(CancellationToken stopping)
    {
        while (true)
        {
            await using var lease = await leases.TakeAsync(sink.Name, stopping);
            LogTaken(sink.Name);
            using var held = CancellationTokenSource.CreateLinkedTokenSource(giveUp, lease.Lost);
            try
            {
                await SendAsync(stopping, held.Token);
                return;
            }
            catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested && !giveUp.IsCancellationRequested)
            {
                LogLost(sink.Name);
            }
        }
    }

    private async Task SendAsync(CancellationToken stopping, CancellationToken held)
    {
        var sent = await checkpoints.ReadAsync(sink.Name, held);
        var foldFrom = Math.Min(sent, await checkpoints.ReadAsync(FoldName, held));
        var (groups, position, passed) = (AlertGroups.Empty, foldFrom, 0);
        using var following = CancellationTokenSource.CreateLinkedTokenSource(stopping, held);
        try
        {
            await foreach (var stored in events.SubscribeAsync(foldFrom, following.Token)) await TakeAsync(stored);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !held.IsCancellationRequested)
        {
            await foreach (var stored in events.ReadAllAsync(position, held)) await TakeAsync(stored);
        }

        async Task TakeAsync(StoredEvent stored)
        {
            var fact = EventJson.Read(stored.Data);
            Grouped grouped = default;
            var isNews = AlertGroups.IsAlertFact(fact);
            if (isNews) (groups, grouped) = groups.Evolve(fact, stored.Position);
            position = stored.Position;
            if (position <= sent) return;
            if (isNews && AlertGroups.IsNews(fact, grouped)) await dependency.AskAsync(token => sink.SendAsync(stored, fact.Of(grouped.Alert), token), held);
            else if (++passed < PassedMaximum) return;
            passed = 0;
            await checkpoints.WriteAsync(sink.Name, sent = position, held);
            if ((groups.FoldFrom ?? position) is var from && from > foldFrom) await checkpoints.WriteAsync(FoldName, foldFrom = from, held);
        }
    }

    [LoggerMessage(LogLevel.Information, "Alerts go to {Sink} from this daemon")]
    private partial void LogTaken(string sink);

    [LoggerMessage(LogLevel.Warning, "The lease to send alerts to {Sink} is lost, as when the event log was away; whoever takes it next goes on behind what was sent")]
    private partial void LogLost(string sink);
}
