using System.Text;
using Confluent.Kafka;
using DriftWatch.Alerts;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Ingest.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon.Tests.Whole;

public sealed class KafkaDaemonTests(SampleMessages sample) : IClassFixture<SampleMessages>
{
    [Fact]
    public async Task The_daemon_on_Kafka_stores_what_analyze_stores_from_the_same_messages()
    {
        var stopping = TestContext.Current.CancellationToken;
        var (analysed, watched) = (sample.NewLog(), sample.NewLog());
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", analysed]);
        var expected = await CommandTests.Content(analysed);

        using var kafka = new MockKafka();
        foreach (var topic in new[] { "driftwatch.activations", "driftwatch.alerts" }) kafka.CreateTopic(topic, partitions: 1);
        var (settings, catalog) = ConfigurationFile.Load(sample.Catalog);
        var servers = new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = kafka.BootstrapServers };
        await using (var app = House.Build(settings with { Log = watched, Kafka = new() { Settings = servers }, Http = new() { Listen = "off" } }, catalog, null, LogLevel.Error))
        {
            await app.StartAsync(stopping);
            using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = kafka.BootstrapServers }).Build();
            var register = app.Services.GetRequiredService<MonitorRegister>();
            var sent = 0;
            foreach (var file in Directory.GetFiles(sample.Folder).Order(StringComparer.Ordinal))
            {
                await producer.ProduceAsync("driftwatch.activations", new() { Key = Encoding.UTF8.GetBytes("k"), Value = await File.ReadAllBytesAsync(file, stopping) }, stopping);
                sent++;
                // The mock cluster keeps about 5 MB a partition: ten messages make a window, and the sender stays three windows ahead.
                while (register.Current.Monitors.Values.Sum(monitor => monitor.Windows) < sent / 10 - 3) await Task.Delay(10, stopping);
            }
            while ((await CommandTests.Content(watched)).Count < expected.Count) await Task.Delay(50, stopping);
            await app.StopAsync(stopping);
        }

        Assert.Equal(expected, await CommandTests.Content(watched));
    }
}
