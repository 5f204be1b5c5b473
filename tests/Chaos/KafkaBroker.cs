using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using DriftWatch.Support;

namespace DriftWatch.Chaos;

/// <summary>One Apache Kafka broker (KRaft) from the JARs of a distribution. Clients reach it through a wire that can be slowed down.</summary>
internal sealed class KafkaBroker : IAsyncDisposable
{
    private static readonly TimeSpan patience = TimeSpan.FromMinutes(2);

    private readonly string folder, jars;
    private readonly int port;
    private Process? process;

    private KafkaBroker(string folder, string jars, int port)
    {
        (this.folder, this.jars, this.port) = (folder, jars, port);
        Wire = new(port);
    }

    public SlowWire Wire { get; }

    public string BootstrapServers => $"127.0.0.1:{Wire.Port}";

    /// <summary>The folder of Kafka's JARs, or null.</summary>
    public static string? FindJars()
    {
        if (Environment.GetEnvironmentVariable("KAFKA_HOME") is { Length: > 0 } home) return Directory.Exists(Path.Combine(home, "libs")) ? Path.Combine(home, "libs") : null;
        for (var above = new DirectoryInfo(Environment.CurrentDirectory); above is not null; above = above.Parent)
            if (Path.Combine(above.FullName, "shared", "kafka", "lib") is var lib && Directory.Exists(lib)) return lib;
        return null;
    }

    public static async Task<KafkaBroker> StartAsync(string folder, string jars)
    {
        Directory.CreateDirectory(folder);
        var broker = new KafkaBroker(folder, jars, Loopback.FreePort());
        var controller = Loopback.FreePort();
        await File.WriteAllTextAsync(broker.Properties, $"""
            process.roles=broker,controller
            node.id=1
            controller.quorum.voters=1@127.0.0.1:{controller}
            listeners=PLAINTEXT://127.0.0.1:{broker.port},CONTROLLER://127.0.0.1:{controller}
            advertised.listeners=PLAINTEXT://{broker.BootstrapServers}
            controller.listener.names=CONTROLLER
            listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
            log.dirs={folder}/data
            default.replication.factor=1
            offsets.topic.replication.factor=1
            transaction.state.log.replication.factor=1
            transaction.state.log.min.isr=1
            share.coordinator.state.topic.replication.factor=1
            share.coordinator.state.topic.min.isr=1
            group.initial.rebalance.delay.ms=0
            auto.create.topics.enable=false
            """);
        using var format = broker.Java("kafka.tools.StorageTool", "format", "-t", "DriftWatchTestClusterA", "-c", broker.Properties);
        await format.WaitForExitAsync();
        await broker.StartAsync();
        return broker;
    }

    /// <summary>Also after <see cref="KillAsync"/>: on the same port, from its data.</summary>
    public async Task StartAsync()
    {
        process = Java("kafka.Kafka", Properties);
        var began = Stopwatch.GetTimestamp();
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = BootstrapServers }).SetLogHandler((_, _) => { }).Build();
        while (true)
        {
            try
            {
                admin.GetMetadata(TimeSpan.FromSeconds(2));
                return;
            }
            catch (KafkaException) when (!process.HasExited && Stopwatch.GetElapsedTime(began) < patience)
            {
                await Task.Delay(200);
            }
        }
    }

    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public async Task CreateTopicAsync(string topic, int partitions)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = BootstrapServers }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = 1 }]);
    }

    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false }) await KillAsync();
        await Wire.DisposeAsync();
    }

    private string Properties => Path.Combine(folder, "server.properties");

    private Process Java(params string[] arguments)
    {
        // Its output goes to a file through the shell, which hands its own process over to it.
        var start = new ProcessStartInfo("/bin/sh") { ArgumentList = { "-c", "out=$1; shift; exec java -Xmx384m -cp \"$@\" >>\"$out\" 2>&1 </dev/null", "sh", Path.Combine(folder, "kafka.log"), $"{jars}/*" } };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
