using System.Diagnostics;
using Confluent.Kafka;

namespace DriftWatch.Chaos;

/// <summary>Sends at a steady rate, and what was not acknowledged again, whatever happens to the broker.</summary>
internal sealed class Sender(string servers, World world, int rate)
{
    private readonly IProducer<byte[], byte[]> producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = servers, EnableIdempotence = true, Acks = Acks.All, MessageTimeoutMs = 0, LingerMs = 5 })
        .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();

    public async Task LearnAsync()
    {
        foreach (var (partition, value) in world.Learning()) await SendAsync(partition, value);
    }

    /// <param name="atLeast">Messages, however soon it is to end: fewer hold nothing that goes wrong and ends.</param>
    public async Task SendAsync(int atLeast, CancellationToken until)
    {
        var began = Stopwatch.GetTimestamp();
        var sending = new Queue<Task>();
        for (var count = 0L; count < atLeast || !until.IsCancellationRequested; count++)
        {
            var due = TimeSpan.FromSeconds((double)count / rate) - Stopwatch.GetElapsedTime(began);
            if (due > TimeSpan.Zero) await Task.Delay(due, CancellationToken.None);
            var (partition, value) = world.Next();
            sending.Enqueue(SendAsync(partition, value));
            // While the broker is away the backlog is bounded; what comes then comes at once.
            if (sending.Count > 2000) await sending.Dequeue();
        }
        await Task.WhenAll(sending);
        producer.Dispose();
    }

    private Task SendAsync(int partition, byte[] value) => producer.ProduceAsync(new TopicPartition(World.Topic, partition), new() { Key = [1], Value = value });
}
