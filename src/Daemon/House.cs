using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Alerts.Projections;
using DriftWatch.Alerts.Sinks;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Detection;
using DriftWatch.Daemon.Access;
using DriftWatch.Daemon.Api;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Ingest;
using DriftWatch.Ingest.Decoding;
using DriftWatch.Ingest.Kafka;
using DriftWatch.Ingest.Spool;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon;

/// <summary>Puts the daemon together.</summary>
public static class House
{
    public static WebApplication Build(DaemonSettings settings, Catalog catalog, IWatchObserver? observer = null, LogLevel logLevel = LogLevel.Information)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().SetMinimumLevel(logLevel).AddFilter("Microsoft", LogLevel.Warning).AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        builder.Services.AddIngest(settings, catalog).AddAnalysis(catalog).AddAlerts(settings, catalog, observer);
        builder.AddAccess(settings.Http);
        if (settings.Http.Off) builder.Services.AddSingleton<Microsoft.AspNetCore.Hosting.Server.IServer, NoServer>();

        var app = builder.Build();
        app.UseAccess();
        app.UseStoreAway(app.Services.GetRequiredKeyedService<Dependency>(EventLogName));
        // Every endpoint says whose it is; one that does not is nobody's.
        var (viewers, operators, uploads) = (app.For(Role.Viewer), app.For(Role.Operator), app.ForUploads());
        app.ForAll().MapHealth(app.Services.GetRequiredService<WatchProgress>());
        (settings.Http.MetricsOpen ? app.ForAll() : viewers).MapMetrics(app.Services.GetRequiredService<IMetricsText>());
        // A reader has nobody else who asks for them.
        var metrics = app.Services.GetRequiredService<WatchMetrics>();
        var (register, log, time) = (app.Services.GetRequiredService<MonitorRegister>(), app.Services.GetRequiredService<IEventLog>(), app.Services.GetRequiredService<TimeProvider>());
        if (settings.IsReader) uploads.MapNoIntake();
        else uploads.MapIntake(app.Services.GetRequiredService<ActivationDecoder>(), app.Services.GetRequiredService<IIntake>(), metrics, settings.MessageBytesMaximum, time);
        viewers.MapReads(register, log, app.Services.GetRequiredService<FeatureDesk>(), time);
        viewers.MapComparison(app.Services.GetRequiredService<ComparisonDesk>(), catalog);
        operators.MapOperator(new(log, register, time));
        return app;
    }

    private static IServiceCollection AddIngest(this IServiceCollection services, DaemonSettings settings, Catalog catalog)
    {
        if (settings.IsReader) return services;
        services.AddSingleton(DecoderFor(catalog, settings.MessageBytesMaximum));
        if (settings.Kafka is { } kafka)
        {
            services.AddSingleton<KafkaActivationSource>(provider => new(kafka, provider.GetRequiredService<ILogger<KafkaActivationSource>>(), hold: () => provider.GetRequiredService<WatchProgress>().Away is not null));
            services.AddSingleton<IActivationSource>(provider => provider.GetRequiredService<KafkaActivationSource>());
            services.AddSingleton<KafkaProducer>(provider => new(kafka, settings.MessageBytesMaximum, provider.GetRequiredService<ILogger<KafkaProducer>>()));
            services.AddSingleton<IIntake>(provider => provider.GetRequiredService<KafkaProducer>());
            services.AddSingleton<IDeadLetters>(provider => provider.GetRequiredService<KafkaProducer>());
        }
        else
        {
            services.AddSingleton<SpoolSource>(provider => new(settings.Spool, provider.GetRequiredService<TimeProvider>()));
            services.AddSingleton<IActivationSource>(provider => provider.GetRequiredService<SpoolSource>());
            services.AddSingleton<IIntake>(provider => provider.GetRequiredService<SpoolSource>());
            services.AddSingleton<IDeadLetters>(provider => provider.GetRequiredService<SpoolSource>());
        }
        return services;
    }

    public static ActivationDecoder DecoderFor(Catalog catalog, int messageBytesMaximum) =>
        new((model, hook) => catalog.PlanFor(new(model, "", hook))?.Transform.SourceWidth, messageBytesMaximum);

    private static IServiceCollection AddAnalysis(this IServiceCollection services, Catalog catalog) => services.AddSingleton(catalog);

    private static IServiceCollection AddAlerts(this IServiceCollection services, DaemonSettings settings, Catalog catalog, IWatchObserver? observer)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(provider => EventLogAddress.Open(settings.Log, provider.GetRequiredService<TimeProvider>(), settings.SampleWindows));
        services.AddDependency(EventLogName, StoreFault.IsTransient, new());
        services.AddSingleton(provider => new PatientEventLog(provider.GetRequiredService<OpenedLog>().Log, provider.GetRequiredService<OpenedLog>().Checkpoints, provider.GetRequiredKeyedService<Dependency>(EventLogName)));
        services.AddSingleton<IEventLog>(provider => provider.GetRequiredService<PatientEventLog>());
        services.AddSingleton(provider => provider.GetRequiredService<OpenedLog>().Leases);
        services.AddSingleton<ICheckpoints>(provider => provider.GetRequiredService<PatientEventLog>());
        services.AddSingleton<MonitorRegister>();
        services.AddSingleton<ComparisonDesk>();
        services.AddProjections(settings, catalog);
        services.AddDependency(DeadLettersName, error => KafkaFault.IsTransient(error) || StoreFault.IsTransient(error), new() { Attempt = (settings.Kafka?.DeliveryWithin ?? TimeSpan.Zero) + attemptMargin });
        services.AddSingleton(provider => new WatchProgress(provider.GetRequiredService<TimeProvider>(), provider.GetRequiredKeyedService<Dependency>(EventLogName), provider.GetRequiredKeyedService<Dependency>(DeadLettersName)));
        services.AddSingleton(provider => new Shutdown(provider.GetRequiredService<IHostApplicationLifetime>(), settings.ShutdownWithin, provider.GetRequiredService<TimeProvider>()));
        // Somewhat later than our own deadline: then every part has said what it left.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.ShutdownWithin + TimeSpan.FromSeconds(2));
        services.AddSingleton<WatchRecord>();
        // Before the metrics, so that it hears of every instrument.
        services.AddSingleton<IMetricsText>(provider => MetricsText.Of(provider.GetRequiredService<MonitorRegister>()));
        services.AddSingleton(provider => MetricsFor(provider, catalog));
        if (observer is not null) services.AddSingleton(observer);
        // A reader is ready when it shows what was stored when it started; a watcher says itself when it is.
        services.AddHostedService(provider => new RegisterFollower(provider.GetRequiredService<IEventLog>(), provider.GetRequiredService<MonitorRegister>(), provider.GetRequiredService<RegisterSnapshots>(), settings.IsReader ? provider.GetRequiredService<WatchProgress>().Ready : null));
        if (settings.IsReader) return services;
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<DriftWatcher>(provider, new PatientDeadLetters(provider.GetRequiredService<IDeadLetters>(), provider.GetRequiredKeyedService<Dependency>(DeadLettersName))));
        if (settings.Kafka is { } kafka)
        {
            services.AddSingleton<IAlertSink>(provider =>
            {
                var log = provider.GetRequiredService<ILogger<KafkaAlertSink>>();
                return new KafkaAlertSink(kafka.Settings, kafka.AlertsTopic, kafka.DeliveryWithin, message => log.LogWarning("Kafka: {Message}", message));
            });
            services.AddDependency(SinkName, KafkaAlertSink.IsTransient, new() { Attempt = kafka.DeliveryWithin + attemptMargin, DelayFirst = TimeSpan.FromSeconds(1), DelayLongest = TimeSpan.FromMinutes(1) });
            services.AddHostedService(provider => ActivatorUtilities.CreateInstance<AlertPublisher>(provider, provider.GetRequiredKeyedService<Dependency>(SinkName), provider.GetRequiredService<Shutdown>().GiveUp));
        }
        services.AddHostedService<WatchService>();
        return services;
    }

    /// <summary>What is derived from the log and kept, so that a start and a look at the past are fast; none of it is a fact.</summary>
    private static void AddProjections(this IServiceCollection services, DaemonSettings settings, Catalog catalog)
    {
        services.AddSingleton(_ => ProjectionAddress.Open(settings.Projections, settings.Log));
        services.AddSingleton(provider => new WatchSnapshots(provider.GetRequiredService<IProjectionStore>(), catalog, Warn(provider)));
        services.AddSingleton(provider => new RegisterSnapshots(provider.GetRequiredService<IProjectionStore>(), Warn(provider)));
        services.AddSingleton(provider => new FeatureHistory(provider.GetRequiredService<IProjectionStore>(), Warn(provider)));
        services.AddSingleton<FeatureHistoryReader>();
        services.AddSingleton<FeatureDesk>();
        services.AddSingleton<FeatureHistoryFollower>();
        services.AddHostedService(provider => provider.GetRequiredService<FeatureHistoryFollower>());

        static Action<string> Warn(IServiceProvider provider)
        {
            var log = provider.GetRequiredService<ILogger<Projection>>();
            return what => log.LogWarning("{What}", what);
        }
    }

    /// <summary>As sentences and metrics call them.</summary>
    private const string EventLogName = "event log", DeadLettersName = "dead letters", SinkName = "alert sink";

    /// <summary>Kafka's client gives a message up by itself; an attempt ends behind that, so that repeats do not pile up in it.</summary>
    private static readonly TimeSpan attemptMargin = TimeSpan.FromSeconds(15);

    private static void AddDependency(this IServiceCollection services, string name, Func<Exception, bool> isTransient, Patience patience) => services.AddKeyedSingleton<Dependency>(name, (provider, _) =>
        new(name, isTransient, patience, provider.GetRequiredService<WatchMetrics>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<Dependency>>()));

    private static WatchMetrics MetricsFor(IServiceProvider provider, Catalog catalog)
    {
        provider.GetRequiredService<IMetricsText>();
        var register = provider.GetRequiredService<MonitorRegister>();
        var metrics = new WatchMetrics(register, provider.GetRequiredService<TimeProvider>())
        {
            HazardSeverity = hazard => catalog.Models.SelectMany(plan => plan.Hazards).FirstOrDefault(rule => rule.Id == hazard)?.Severity,
        };
        if (provider.GetService<KafkaActivationSource>() is { } kafka)
            metrics.Gauge("driftwatch_source_lag_messages", "Messages behind the end of each assigned partition.", () =>
                kafka.Lag().Select(lag => new System.Diagnostics.Metrics.Measurement<double>(lag.Messages, new("topic", kafka.Topic), new("partition", lag.Partition))));
        metrics.Gauge("driftwatch_encoder_info", "1, with what encodes a model's rows in its labels; fallback is true where a GPU was wished for and the processor does it.", () =>
            catalog.Models.Select(plan => (plan, plan.Encoder.Status)).Select(entry => new System.Diagnostics.Metrics.Measurement<double>(
                1, new("model", entry.plan.Model), new("hook", entry.plan.Hook), new("device", entry.Status.Device),
                new("precision", entry.Status.Precision.ToString().ToLowerInvariant()), new("fallback", entry.Status.Fallback is null ? "false" : "true"))));
        metrics.Gauge("driftwatch_encoder_batch_rows", "Rows that the GPU takes at once; halved when its memory runs out.", () =>
            from plan in catalog.Models
            where plan.Encoder.Status.BatchRows is not null
            select new System.Diagnostics.Metrics.Measurement<double>(plan.Encoder.Status.BatchRows!.Value, new("model", plan.Model), new("hook", plan.Hook)));
        metrics.Gauge("driftwatch_transform_grade", "Grade of the transform in force, 1 (A) to 6 (F); none for identity.", () =>
            from entry in register.Current.Monitors.Values
            let plan = catalog.PlanFor(entry.Monitor)
            where plan?.Transform.Grade is not null
            select new System.Diagnostics.Metrics.Measurement<double>(plan.Transform.Grade!.Value - 'A' + 1, WatchMetrics.Labels(entry.Monitor, entry.Probe)));
        metrics.Gauge("driftwatch_feature_history_behind_events", "Events of the log that the feature history has not read yet.", () =>
            [new(Math.Max(0, register.Current.Position - provider.GetRequiredService<FeatureHistoryFollower>().Position))]);
        return metrics;
    }

    private sealed class NoServer : Microsoft.AspNetCore.Hosting.Server.IServer
    {
        public Microsoft.AspNetCore.Http.Features.IFeatureCollection Features { get; } = new Microsoft.AspNetCore.Http.Features.FeatureCollection();

        public Task StartAsync<TContext>(Microsoft.AspNetCore.Hosting.Server.IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}

/// <summary>Runs the loop as the host's main work: when it fails the host stops.</summary>
internal sealed class WatchService(DriftWatcher watcher, WatchProgress progress, Shutdown shutdown, IHostApplicationLifetime lifetime, ILogger<WatchService> log) : BackgroundService
{
    /// <summary>What stopped the loop, if it was not asked to.</summary>
    public Exception? Failure { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host is up and answers /healthz before the log is folded.
        await Task.Yield();
        using var stopping = shutdown.Stopping.Register(progress.Stopping);
        try
        {
            // Not this service's own token: the host first waits for requests in flight, and the loop need not wait for them.
            await watcher.RunAsync(shutdown.Stopping, shutdown.GiveUp).WaitAsync(shutdown.GiveUp);
        }
        catch (OperationCanceledException) when (shutdown.GiveUp.IsCancellationRequested)
        {
            shutdown.Left("The message in work", progress.Away is { } away ? $"the {away.Dependency} is away ({away.Reason})" : null);
        }
        catch (OperationCanceledException) when (shutdown.Stopping.IsCancellationRequested)
        {
        }
        catch (Exception error)
        {
            Failure = error;
            log.LogCritical(error, "The watching loop stopped: {Reason}", error.Message);
            lifetime.StopApplication();
        }
    }
}

/// <summary>Keeps the register at the end of the log, and keeps it for the next start.</summary>
/// <param name="atEnd">Told once, when the log is read as far as it went then.</param>
internal sealed class RegisterFollower(IEventLog log, MonitorRegister register, RegisterSnapshots snapshots, Action? atEnd) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        register.Load(await snapshots.ReadAsync(log, stoppingToken));
        await foreach (var stored in log.ReadAllAsync(register.Current.Position, stoppingToken)) await TakeAsync(stored);
        atEnd?.Invoke();
        await foreach (var stored in log.SubscribeAsync(register.Current.Position, stoppingToken)) await TakeAsync(stored);

        async Task TakeAsync(StoredEvent stored)
        {
            register.Evolve(stored);
            if (snapshots.IsDue(stored.Position)) await snapshots.TryWriteAsync(register.Current, stored.Hash, stoppingToken);
        }
    }
}
