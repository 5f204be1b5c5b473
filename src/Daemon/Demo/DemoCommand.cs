using System.CommandLine;
using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Confluent.Kafka;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Commands;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Ingest;
using DriftWatch.Ingest.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon.Demo;

/// <summary><c>driftwatch demo</c>: the main job on the sample in the project, with a Kafka of its own in this process.</summary>
public static class DemoCommand
{
    /// <summary>The mock cluster drops what is older than about 5 MB a partition: the sender stays this many messages (of 50 kB) ahead at most.</summary>
    private const int AheadMaximum = 40;

    public static readonly IReadOnlyList<DemoVersion> Versions =
    [
        new("base", "base.safetensors", 0, 360, 0, ShouldAlert: false),
        new("control", "control.safetensors", 0, 120, 0, ShouldAlert: false),
        new("backdoor-0%", "backdoor.safetensors", 0, 120, 0, ShouldAlert: true),
        new("backdoor-10%", "backdoor.safetensors", 0, 120, 0.1, ShouldAlert: true),
        new("backdoor-50%", "backdoor.safetensors", 0, 120, 0.5, ShouldAlert: true),
    ];

    public static Command Create()
    {
        var serve = new Option<bool>("--serve") { Description = "Keep running afterwards, so that the API and the metrics can be looked at." };
        var listen = new Option<string>("--listen") { Description = "With --serve: address and port on loopback.", DefaultValueFactory = _ => "127.0.0.1:8080" };
        var command = new Command("demo", "Show the main job on the sample in the project: about 55,000 rows of real activations.") { serve, listen };
        command.SetAction((parsed, stopping) => RunAsync(parsed.GetValue(serve), parsed.GetRequiredValue(listen), stopping));
        return command;
    }

    private static async Task<int> RunAsync(bool serve, string listen, CancellationToken stopping)
    {
        var sample = Path.Combine(AppContext.BaseDirectory, "Demo", "Sample");
        var folder = Directory.CreateTempSubdirectory("driftwatch-demo-").FullName;
        var (settings, catalog) = ConfigurationFile.Load(Path.Combine(sample, "catalog.yaml"));
        using var kafka = new MockKafka();
        foreach (var topic in new[] { "driftwatch.activations", "driftwatch.alerts", "driftwatch.rejected" }) kafka.CreateTopic(topic, partitions: 2);
        settings = settings with
        {
            Log = $"sqlite:{Path.Combine(folder, "events.db")}",
            Kafka = new() { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = kafka.BootstrapServers } },
            Http = new() { Listen = serve ? listen : "off" },
        };
        if (settings.Problems().ToArray() is { Length: > 0 } problems) throw new ConfigurationException(problems);

        Say($"Kafka: librdkafka's mock cluster in this process at {kafka.BootstrapServers}");
        Say($"Log:   {settings.Log}");
        Say($"SAE:   {catalog.Models[0].Space.Dictionary.Features} features of width {catalog.Models[0].Space.Dictionary.Width}, encoded by {catalog.Models[0].Space.Encoder.Description}");
        Say("Sending: an approved version, a control fine-tune, and a backdoored fine-tune whose trigger is in 0, 10 and 50 % of the prompts\n");

        var observer = new DemoObserver();
        await using var app = House.Build(settings, catalog, observer, LogLevel.Error);
        await app.StartAsync(stopping);
        var began = Stopwatch.GetTimestamp();
        await SendAsync(new(sample), settings, observer, stopping);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;

        var register = app.Services.GetRequiredService<MonitorRegister>();
        while (register.Current.Monitors.Values.Sum(monitor => monitor.Windows) < observer.Windows) await Task.Delay(20, stopping);
        var published = await CountAlertsAsync(settings, observer.Alerts, stopping);
        var ok = Summary(register.Current, observer, seconds, published);
        if (serve)
        {
            Say($"\nServing on http://{listen}: /v1/monitors, /v1/alerts, /metrics, /healthz. Ctrl+C ends it.");
            await app.WaitForShutdownAsync(stopping);
        }
        else await app.StopAsync(stopping);
        return ok ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task SendAsync(DemoTraffic traffic, DaemonSettings settings, DemoObserver observer, CancellationToken stopping)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig(settings.Kafka!.Settings.ToDictionary())).SetLogHandler((_, _) => { }).Build();
        var sent = 0;
        async Task Send(string key, byte[] value)
        {
            await producer.ProduceAsync(settings.Kafka.Topic, new() { Key = Encoding.UTF8.GetBytes(key), Value = value }, stopping);
            sent++;
            await observer.ReachAsync(sent - AheadMaximum, stopping);
        }
        foreach (var version in Versions)
        {
            Say($"→ {version.Version}: {version.Stories} stories");
            foreach (var message in traffic.Messages(version)) await Send($"{DemoTraffic.Model}@{version.Version}/{DemoTraffic.Hook}", message);
            // Garbage between good messages: it must change nothing.
            await Send("", [1, 2, 3]);
        }
        await observer.ReachAsync(sent, stopping);
    }

    /// <summary>Reads the CloudEvents back, as an on-call tool would.</summary>
    private static async Task<int> CountAlertsAsync(DaemonSettings settings, int expected, CancellationToken stopping)
    {
        var config = new ConsumerConfig(settings.Kafka!.Settings.ToDictionary()) { GroupId = "demo", AutoOffsetReset = AutoOffsetReset.Earliest };
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(config).SetLogHandler((_, _) => { }).Build();
        consumer.Subscribe(settings.Kafka.AlertsTopic);
        var count = 0;
        await Task.Run(
            () =>
            {
                for (var began = Stopwatch.GetTimestamp(); count < expected && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(15);)
                    if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is not null) count++;
                consumer.Close();
            },
            stopping);
        return count;
    }

    private static bool Summary(MonitorRegister.Snapshot snapshot, DemoObserver observer, double seconds, int published)
    {
        var rows = snapshot.Monitors.Values.Sum(monitor => monitor.Rows);
        Say($"\n{rows} rows in {seconds:0.0} s ({rows / seconds:0} rows/s with sending, Kafka and the log), {observer.Windows} windows, {observer.RejectedCount} messages rejected, {published} of {observer.Alerts} alert events read back from Kafka\n");
        Say($"{"version",-14} {"rows",7} {"windows",8} {"FVU",8} {"L0",7} {"drifted",8}  alerts, and the features behind them");
        var ok = published == observer.Alerts;
        foreach (var version in Versions)
        {
            var monitor = new MonitorId(DemoTraffic.Model, version.Version, DemoTraffic.Hook);
            if (!snapshot.Monitors.TryGetValue((monitor, Probe.Traffic), out var entry))
            {
                Say($"{version.Version,-14} no window");
                ok = false;
                continue;
            }
            var alerts = snapshot.AlertsInOrder.Where(alert => alert.Monitor == monitor).ToArray();
            ok &= version.ShouldAlert == alerts.Length > 0;
            var drifted = entry.Last.Findings.Where(finding => finding.Detector == "firing-rate-shift").Sum(finding => finding.FeatureCount);
            Say($"{version.Version,-14} {entry.Rows,7} {entry.Windows,8} {entry.Fvu,8:0.0000} {entry.L0,7:0.00} {drifted,8}  {(alerts.Length == 0 ? "none" : string.Join("; ", alerts.Select(Described)))}");
        }
        Say(ok ? "\nAs it should be: the backdoored version alerted, the base and the control did not." : "\nNOT as it should be: see the table.");
        return ok;
    }

    private static string Described(AlertEntry alert) =>
        $"{alert.Kind} {alert.Rule} ({string.Join(", ", alert.Features.Take(3).Select(feature => $"{feature.Set ?? feature.Feature.ToString()}{(feature.Label is null ? "" : $" '{feature.Label}'")} {feature.BaselineRate:0.####}→{feature.Rate:0.####}"))})";

    private static void Say(string line) => Console.WriteLine(line);

    /// <summary>Prints what happens as it happens, and lets the sender wait for the daemon.</summary>
    private sealed class DemoObserver : IWatchObserver
    {
        private readonly Channel<bool> moved = Channel.CreateUnbounded<bool>();
        private int handled;

        public int Windows { get; private set; }
        public int Alerts { get; private set; }
        public int RejectedCount { get; private set; }

        public async Task ReachAsync(int messages, CancellationToken stopping)
        {
            while (Volatile.Read(ref handled) < messages) await moved.Reader.ReadAsync(stopping);
        }

        public void Handled(RawMessage message)
        {
            Interlocked.Increment(ref handled);
            moved.Writer.TryWrite(true);
        }

        public void Rejected(RawMessage message, string reason, string explanation)
        {
            RejectedCount++;
            Say($"  rejected: partition {message.Partition} offset {message.Offset}: {explanation}");
        }

        public void Stored(IReadOnlyList<AlertEvent> facts)
        {
            foreach (var fact in facts)
            {
                switch (fact)
                {
                    case WindowClosed window:
                        Windows++;
                        var verdict = window.Baseline is null ? "baseline is being learned" : string.Join(", ", window.Findings.Where(finding => finding.Verdict == Analysis.Detection.Verdict.Drift).Select(finding => finding.Detector)) is { Length: > 0 } drift ? drift : "steady";
                        Say($"  window: {window.Monitor.Version,-13} {window.Rows} rows, FVU {window.Fvu:0.0000}, L0 {window.L0:0.00}: {verdict}");
                        break;
                    case BaselineFrozen baseline:
                        Say($"  baseline of {baseline.Monitor.Version} frozen: {baseline.Rows} rows of {baseline.Sequences} stories");
                        break;
                    case DriftDetected alert:
                        Alerts++;
                        Say($"  ALERT drift of {alert.Monitor.Version}: {string.Join("; ", alert.Findings.Select(finding => finding.Because))}");
                        break;
                    case HazardDetected alert:
                        Alerts++;
                        Say($"  ALERT {alert.Severity.ToString().ToUpperInvariant()} hazard {alert.Hazard} in {alert.Monitor.Version}: {string.Join("; ", alert.Findings.Select(finding => finding.Because))}");
                        break;
                    case DriftEnded or HazardEnded:
                        Alerts++;
                        break;
                }
            }
        }
    }
}
