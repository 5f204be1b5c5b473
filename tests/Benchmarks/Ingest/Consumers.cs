using System.Diagnostics;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;
using DriftWatch.Ingest;
using DriftWatch.Ingest.Decoding;
using DriftWatch.Ingest.Kafka;
using DriftWatch.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Benchmarks.Ingest;

/// <param name="Seconds">From the first message to the last: joining the group takes what the broker pleases.</param>
/// <param name="Allocated">Bytes on the managed heap in that time, by all threads.</param>
/// <param name="Later">Of those, in the second half of the messages, when pools are filled.</param>
/// <param name="Decoding">Of <paramref name="Allocated"/>, by the decoder.</param>
/// <param name="Processor">Seconds of all threads of this process, librdkafka's too: what compares on a machine that others use.</param>
internal sealed record Passage(double Seconds, double Processor, long Allocated, long Later = 0, long Decoding = 0)
{
    /// <summary>Since the process began; <see cref="Until"/> a later one it is a passage.</summary>
    public static Passage Now() => new(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalSeconds, GC.GetTotalAllocatedBytes());

    public Passage Until(Passage end) => new(end.Seconds - Seconds, end.Processor - Processor, end.Allocated - Allocated);
}

/// <summary>Ways to read a topic from its beginning to its end, each a member of a group of its own.</summary>
internal static class Consumers
{
    /// <summary>librdkafka and its client. <paramref name="copied"/>: values become arrays, as any program needs them; without, they are only passed by.</summary>
    public static Passage Raw(Traffic traffic, string servers, string group, long bytesInFlight, bool copied) =>
        copied ? Poll<byte[]>(traffic, servers, group, bytesInFlight) : Poll<Ignore>(traffic, servers, group, bytesInFlight);

    private static Passage Poll<T>(Traffic traffic, string servers, string group, long bytesInFlight)
    {
        // As KafkaActivationSource sets it up.
        var config = new ConsumerConfig
        {
            BootstrapServers = servers,
            GroupId = group,
            EnableAutoOffsetStore = false,
            EnablePartitionEof = true,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
            QueuedMaxMessagesKbytes = (int)(bytesInFlight / 1024),
        };
        using var consumer = new ConsumerBuilder<Ignore, T>(config).Build();
        consumer.Subscribe(traffic.Topic);
        Passage? began = null, halfway = null;
        for (var taken = 0; taken < traffic.Messages;)
        {
            if (consumer.Consume(100) is not { IsPartitionEOF: false }) continue;
            began ??= Passage.Now();
            if (++taken == traffic.Messages / 2) halfway = Passage.Now();
        }
        var end = Passage.Now();
        var passage = began!.Until(end) with { Later = halfway!.Until(end).Allocated };
        consumer.Close();
        return passage;
    }

    /// <summary>What the daemon's loop does with a message before it is analysed.</summary>
    /// <param name="look">Sees the bytes in flight at every message; true: wait here once until no more come in, as a reader that stays behind.</param>
    public static async Task<Passage> WatchAsync(Traffic traffic, string servers, string group, long bytesInFlight, Func<long, bool> look)
    {
        var options = new KafkaOptions { Topic = traffic.Topic, Group = group, BytesInFlight = bytesInFlight, Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["bootstrap.servers"] = servers } };
        using var source = new KafkaActivationSource(options, NullLogger<KafkaActivationSource>.Instance);
        var decoder = new ActivationDecoder((_, _) => traffic.Width, traffic.MessageBytes);
        var (decoding, taken) = (0L, 0);
        Passage? began = null, halfway = null;
        await foreach (var happened in source.ReadAsync(CancellationToken.None))
        {
            if (happened is PartitionAssigned assigned) assigned.BeginAt(null);
            if (happened is PartitionRevoked revoked) revoked.Dropped();
            if (happened is not MessageReceived { Message: var message }) continue;
            began ??= Passage.Now();
            if (look(message.Value.Length + source.BytesQueued)) await FullAsync(source);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var batch = decoder.Decode(message.Value, message.Headers, message.Timestamp);
            decoding += GC.GetAllocatedBytesForCurrentThread() - before;
            if (batch.Rows != traffic.Rows) throw new InvalidOperationException($"decoded {batch.Rows} rows where {traffic.Rows} were sent");
            source.Acknowledge(message.Partition, message.Offset + 1, message.Offset + 1);
            if (++taken == traffic.Messages / 2) halfway = Passage.Now();
            if (taken < traffic.Messages) continue;
            var end = Passage.Now();
            return began.Until(end) with { Later = halfway!.Until(end).Allocated, Decoding = decoding };
        }
        throw new InvalidOperationException("the source ended before the topic");
    }

    /// <summary>Until the queue has stood still for a second.</summary>
    private static async Task FullAsync(KafkaActivationSource source)
    {
        for (var (last, still) = (-1L, 0); still < 10; still = source.BytesQueued == last ? still + 1 : 0)
        {
            last = source.BytesQueued;
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }
}
