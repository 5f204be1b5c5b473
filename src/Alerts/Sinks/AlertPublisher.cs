using DriftWatch.Alerts.EventLog;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace DriftWatch.Alerts.Sinks;

/// <summary>Follows the log and sends every alert event to a sink: at least once, in order, and never in the way of the watching loop.</summary>
/// <remarks>The checkpoint is written after the sink has the event. A crash between the two sends it again with the same id.</remarks>
public sealed partial class AlertPublisher(IEventLog events, ICheckpoints checkpoints, IAlertSink sink, TimeProvider time, ILogger<AlertPublisher> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                // Not a cancelled stop; everything else may pass: a sink that is down must not lose an alert.
                ShouldHandle = new PredicateBuilder().Handle<Exception>(error => error is not OperationCanceledException || !stoppingToken.IsCancellationRequested),
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

        var position = await checkpoints.ReadAsync(sink.Name, stoppingToken);
        await foreach (var stored in events.SubscribeAsync(position, stoppingToken))
        {
            var fact = EventJson.Read(stored.Data);
            if (fact is not (DriftDetected or DriftEnded or HazardDetected or HazardEnded or AlertAcknowledged or AlertMuted or AlertResolved)) continue;
            await retry.ExecuteAsync(async stopping => await sink.SendAsync(stored, fact, stopping), stoppingToken);
            await checkpoints.WriteAsync(sink.Name, stored.Position, stoppingToken);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Sending an alert to {Sink} failed (try {Attempt}): {Reason}; it is in the event log and will be sent")]
    private partial void LogRetry(string sink, int attempt, string reason);
}
