using DriftWatch.Alerts.EventLog;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace DriftWatch.Alerts.Sinks;

/// <summary>Follows the log and sends every alert to a sink: its opening, what people do about it and its end, at least once, in order, and never in the way of the watching loop.</summary>
/// <remarks>
/// Of the daemons that share the log one sends, the holder of the lease. The checkpoint is written after the sink has the event, and read after the lease is taken: a crash between the two sends an event
/// again with the same id, and whoever takes over begins with it. A second checkpoint says from where alarms are folded into alerts (<see cref="AlertGroups.FoldFrom"/>); it may be older than it must be.
/// </remarks>
public sealed partial class AlertPublisher(IEventLog events, ICheckpoints checkpoints, ILeases leases, IAlertSink sink, TimeProvider time, ILogger<AlertPublisher> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (true)
        {
            await using var lease = await leases.TakeAsync(sink.Name, stoppingToken);
            LogTaken(sink.Name);
            using var held = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lease.Lost);
            try
            {
                await SendAsync(held.Token);
            }
            catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested && !stoppingToken.IsCancellationRequested)
            {
                LogLost(sink.Name);
            }
        }
    }

    /// <summary>Until the lease is lost.</summary>
    private async Task SendAsync(CancellationToken held)
    {
        var retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                // Not a cancelled stop; everything else may pass: a sink that is down must not lose an alert.
                ShouldHandle = new PredicateBuilder().Handle<Exception>(error => error is not OperationCanceledException || !held.IsCancellationRequested),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromSeconds(1),
                MaxDelay = TimeSpan.FromMinutes(1),
                OnRetry = attempt =>
                {
                    LogRetry(sink.Name, attempt.AttemptNumber + 1, attempt.Outcome.Exception?.Message ?? "");
                    return default;
                },
            })
            .Build();

        var sent = await checkpoints.ReadAsync(sink.Name, held);
        var foldFrom = Math.Min(sent, await checkpoints.ReadAsync(FoldName, held));
        var groups = AlertGroups.Empty;
        await foreach (var stored in events.SubscribeAsync(foldFrom, held))
        {
            var fact = EventJson.Read(stored.Data);
            if (!AlertGroups.IsAlertFact(fact)) continue;
            (groups, var grouped) = groups.Evolve(fact, stored.Position);
            if (stored.Position <= sent || !AlertGroups.IsNews(fact, grouped)) continue;
            await retry.ExecuteAsync(async stopping => await sink.SendAsync(stored, fact.Of(grouped.Alert), stopping), held);
            await checkpoints.WriteAsync(sink.Name, stored.Position, held);
            if ((groups.FoldFrom ?? stored.Position) is var from && from > foldFrom) await checkpoints.WriteAsync(FoldName, foldFrom = from, held);
        }
    }

    private string FoldName => $"{sink.Name}|alarms";

    [LoggerMessage(LogLevel.Warning, "Sending an alert to {Sink} failed (try {Attempt}): {Reason}; it is in the event log and will be sent")]
    private partial void LogRetry(string sink, int attempt, string reason);

    [LoggerMessage(LogLevel.Information, "Alerts go to {Sink} from this daemon")]
    private partial void LogTaken(string sink);

    [LoggerMessage(LogLevel.Warning, "The lease to send alerts to {Sink} is lost, as when the event log was away; whoever takes it next goes on behind what was sent")]
    private partial void LogLost(string sink);
}
