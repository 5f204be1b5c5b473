using System.CommandLine;
using DriftWatch.Daemon.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch run --config FILE</c>: the daemon.</summary>
public static class RunCommand
{
    public static Command Create()
    {
        var config = CommandLine.ConfigOption();
        var command = new Command("run", "Run the daemon.") { config };
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetRequiredValue(config), stopping));
        return command;
    }

    private static async Task<int> RunAsync(string config, CancellationToken stopping)
    {
        var (settings, catalog) = ConfigurationFile.Load(config);
        await using var app = House.Build(settings, catalog);
        var log = app.Services.GetRequiredService<ILogger<DriftWatcher>>();
        if (settings.IsReader) log.LogInformation("Reading only (role: reader): watchers write {Log}", Alerts.EventLog.EventLogAddress.Shown(settings.Log));
        else EncoderWatch.LogFallbacks(log, settings.Encoder, catalog);
        foreach (var plan in settings.IsReader ? [] : catalog.Models)
        {
            await plan.Encoder.Ready;
            log.LogInformation("Watching {Model} at {Hook} in {Space}: {Encoder}, {Hazards} hazards, baseline from {Baseline}", plan.Model, plan.Hook, plan.Space.Id, plan.Encoder.Description, plan.Hazards.Length, plan.Baseline.From);
        }
        await app.StartAsync(stopping);
        if (!settings.Http.Off) log.LogInformation("Listening on {Scheme}://{Address}", settings.Http.Scheme, settings.Http.Listen);
        await app.WaitForShutdownAsync(stopping);
        var services = app.Services.GetServices<IHostedService>().ToArray();
        if (services.OfType<WatchService>().SingleOrDefault()?.Failure is { } failure) throw failure;
        if (services.OfType<BackgroundService>().Select(service => service.ExecuteTask).FirstOrDefault(task => task is { IsFaulted: true }) is { Exception.InnerException: { } broken }) throw broken;
        if (app.Services.GetRequiredService<Shutdown>().Unfinished is not { } unfinished) return ExitCode.Done;
        await Console.Error.WriteLineAsync(unfinished);
        return ExitCode.Failed;
    }
}
