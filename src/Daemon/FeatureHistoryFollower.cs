using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon;

/// <summary>Keeps the feature history at the end of the log, beside the loop and never in its way: what goes wrong here is said and tried again, and no health check depends on it.</summary>
public sealed partial class FeatureHistoryFollower(FeatureHistory history, IEventLog log, TimeProvider time, ILogger<FeatureHistoryFollower> logger) : BackgroundService
{
    private static readonly TimeSpan poll = TimeSpan.FromSeconds(1), afterFailure = TimeSpan.FromSeconds(15), between = TimeSpan.FromSeconds(30);

    private volatile string? distrusted;
    private long position, said;

    /// <summary>Everything up to here is in it.</summary>
    public long Position => Interlocked.Read(ref position);

    /// <summary>Somebody has read a damaged chunk: all is made anew.</summary>
    public void Distrust(string because) => distrusted = because;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        said = time.GetTimestamp();
        while (true)
        {
            var wait = poll;
            try
            {
                if (Interlocked.Exchange(ref distrusted, null) is { } because) await history.DropAsync(because, stoppingToken);
                await history.CatchUpAsync(log, Report, stoppingToken);
                Interlocked.Exchange(ref position, history.Position);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailure(error.Message, history.Position, afterFailure.TotalSeconds);
                wait = afterFailure;
            }
            await Task.Delay(wait, time, stoppingToken);
        }
    }

    private void Report(long now)
    {
        Interlocked.Exchange(ref position, now);
        if (time.GetElapsedTime(said) < between) return;
        said = time.GetTimestamp();
        LogProgress(now);
    }

    [LoggerMessage(LogLevel.Information, "The feature history follows the log up to position {Position}")]
    private partial void LogProgress(long position);

    [LoggerMessage(LogLevel.Warning, "The feature history stands at position {Position} ({Reason}); it is tried again in {Seconds} s")]
    private partial void LogFailure(string reason, long position, double seconds);
}
