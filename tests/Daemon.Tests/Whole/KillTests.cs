using System.Text;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;
using DriftWatch.Support;

[assembly: AssemblyFixture(typeof(RealKafka))]

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>The daemon as a process on a real Kafka, killed with -9 while traffic flows.</summary>
public sealed class KillTests(SampleMessages sample, RealKafka kafka) : IClassFixture<SampleMessages>
{
    private const int Kills = 6;
    private const int Partitions = 4;

    [Fact]
    public async Task Killed_at_random_moments_the_daemon_leaves_the_log_of_an_undisturbed_run()
    {
        Assert.SkipWhen(kafka.Absent is not null, kafka.Absent ?? "");
        var random = new Random(20);
        kafka.CreateTopic("acts", Partitions);
        var (disturbed, undisturbed) = (Configuration("disturbed"), Configuration("undisturbed"));
        using var quiet = Program.Start("run", "--config", undisturbed.File);
        try
        {
            var sending = SendAsync();
            for (var kill = 0; kill < Kills; kill++)
            {
                using var daemon = Program.Start("run", "--config", disturbed.File);
                await Task.Delay(random.Next(300, 3000), TestContext.Current.CancellationToken);
                daemon.Kill();
                await daemon.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            await sending;
            using var last = Program.Start("run", "--config", disturbed.File);
            try
            {
                var expected = await SettledAsync(undisturbed.Log);
                // The undisturbed run is done; the other must come to the same, and to nothing else.
                for (var tries = 0; tries < 300 && (await CommandTests.Content(disturbed.Log)).Count < expected.Count; tries++) await Task.Delay(100, TestContext.Current.CancellationToken);
                Assert.Equal(expected, await SettledAsync(disturbed.Log));
                Assert.Contains(expected, line => line.Contains("hazard-detected", StringComparison.Ordinal));
            }
            finally
            {
                last.Kill();
            }
        }
        finally
        {
            quiet.Kill();
        }
    }

    /// <summary>Content of a log that has not grown for three seconds.</summary>
    private static async Task<IReadOnlyList<string>> SettledAsync(string log)
    {
        var content = await CommandTests.Content(log);
        for (var steady = 0; steady < 15; steady++)
        {
            await Task.Delay(200, TestContext.Current.CancellationToken);
            var now = await CommandTests.Content(log);
            if (now.Count != content.Count) steady = 0;
            content = now;
        }
        return content;
    }

    private (string File, string Log) Configuration(string name)
    {
        var log = sample.NewLog();
        var file = Path.Combine(sample.Folder, "..", $"{name}.yaml");
        File.WriteAllText(file, File.ReadAllText(sample.Catalog).Replace("sae: sae", $"sae: {SampleMessages.Sample}/sae", StringComparison.Ordinal).Replace("labels: labels.csv", "", StringComparison.Ordinal) + $"""

            log: {log}
            http: {"{"} listen: off {"}"}
            kafka:
              topic: acts
              group: {name}
              rejectedTopic: {name}.rejected
              alertsTopic: {name}.alerts
              settings:
                bootstrap.servers: {kafka.BootstrapServers}
                group.instance.id: one
                session.timeout.ms: 6000
            """);
        return (file, log);
    }

    private static string VersionOf(byte[] message) => SafetensorsHeader.Read(message, SafetensorsHeader.MessageHeaderBytesMaximum).Metadata["version"];

    private async Task SendAsync()
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = kafka.BootstrapServers, EnableIdempotence = true }).Build();
        var number = 0;
        foreach (var file in Directory.GetFiles(sample.Folder).Order(StringComparer.Ordinal))
        {
            var value = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            // Keyed by version: a monitor lives on one partition. Garbage goes everywhere.
            await producer.ProduceAsync("acts", new() { Key = Encoding.UTF8.GetBytes(VersionOf(value)), Value = value }, TestContext.Current.CancellationToken);
            if (number++ % 5 == 0) await producer.ProduceAsync(new TopicPartition("acts", number % Partitions), new() { Key = Encoding.UTF8.GetBytes("x"), Value = value[..100] }, TestContext.Current.CancellationToken);
            await Task.Delay(80, TestContext.Current.CancellationToken);
        }
    }
}
