using DriftWatch.Alerts.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon.Access;

/// <summary>Takes changed files into force while the daemon runs: tokens, keys, the certificate.</summary>
internal sealed partial class FileFollower(IEnumerable<IFollowedFile> files, TimeProvider time, WatchMetrics metrics, ILogger<FileFollower> log) : BackgroundService
{
    /// <summary>How long a token that was taken away is still good.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            foreach (var file in files) Refresh(file);
    }

    internal void Refresh(IFollowedFile file)
    {
        try
        {
            if (file.Refresh()) LogChanged(file.Setting);
        }
        catch (Exception error) when (error is IOException or FormatException)
        {
            metrics.ReloadFailed(file.Setting);
            LogRefused(file.Setting, error.Message);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Setting} has changed and is in force")]
    private partial void LogChanged(string setting);

    [LoggerMessage(LogLevel.Error, "{Setting} has changed and cannot be used: {Reason}. What was in force before stays so until this is mended")]
    private partial void LogRefused(string setting, string reason);
}
