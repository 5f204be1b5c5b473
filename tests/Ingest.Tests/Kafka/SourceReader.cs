using System.Text;
using System.Threading.Channels;
using Confluent.Kafka;
using DriftWatch.Ingest.Kafka;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>Reads a source as the daemon's loop does and lets a test look at one event after the other. Nothing further is read while the test has an event in hand.</summary>
internal sealed class SourceReader : IAsyncDisposable
{
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource stop = new();
    private readonly IAsyncEnumerator<SourceEvent> events;
    private Task<bool>? pending;

    public SourceReader(KafkaOptions options)
    {
        Source = new(options, NullLogger<KafkaActivationSource>.Instance, pool: Pool);
        events = Source.ReadAsync(stop.Token).GetAsyncEnumerator();
    }

    public KafkaActivationSource Source { get; }

    public SpoilingPool Pool { get; } = new();

    public async Task<SourceEvent> NextAsync()
    {
        pending ??= events.MoveNextAsync().AsTask();
        var more = await pending.WaitAsync(patience);
        pending = null;
        return more ? events.Current : throw new InvalidOperationException("the source ended");
    }

    /// <summary>The next event, or null if none comes within <paramref name="wait"/>. None is lost.</summary>
    public async Task<SourceEvent?> NextAsync(TimeSpan wait)
    {
        pending ??= events.MoveNextAsync().AsTask();
        return await Task.WhenAny(pending, Task.Delay(wait)) == pending ? await NextAsync() : null;
    }

    /// <summary>The next message; assignments on the way begin where <paramref name="beginAt"/> says, revocations are let go.</summary>
    public async Task<RawMessage> NextMessageAsync(Func<int, long?>? beginAt = null)
    {
        while (true)
            if (Answer(await NextAsync(), beginAt) is { } message) return message;
    }

    public async Task<RawMessage[]> MessagesAsync(int count, Func<int, long?>? beginAt = null)
    {
        var messages = new RawMessage[count];
        for (var i = 0; i < count; i++) messages[i] = (await NextMessageAsync(beginAt)).Kept();
        return messages;
    }

    /// <summary>Waits for this many assignments, lets the test do something and gives the first message after it.</summary>
    public async Task<RawMessage> NextMessageAfterAssignmentsAsync(int partitions, Func<Task> act)
    {
        for (var assigned = 0; assigned < partitions;)
        {
            var happened = await NextAsync();
            if (happened is PartitionAssigned) assigned++;
            Answer(happened);
        }
        while (true)
        {
            await act();
            if (await NextAsync(TimeSpan.FromMilliseconds(300)) is { } happened && Answer(happened) is { } message) return message;
        }
    }

    /// <summary>Does what every reader does with an event; a message is handed back.</summary>
    public static RawMessage? Answer(SourceEvent happened, Func<int, long?>? beginAt = null)
    {
        if (happened is PartitionAssigned assigned) assigned.BeginAt(beginAt?.Invoke(assigned.Partition));
        if (happened is PartitionRevoked revoked) revoked.Dropped();
        return (happened as MessageReceived)?.Message;
    }

    /// <summary>The most bytes in flight until the poller stands still: it goes on until the bound stops it, and ten looks without a change are its standing still.</summary>
    public async Task<long> MostQueuedAsync()
    {
        var (most, still) = (0L, 0);
        for (var last = -1L; still < 10; await Task.Delay(50))
        {
            var queued = Source.BytesQueued;
            (still, last, most) = (queued == last ? still + 1 : 0, queued, Math.Max(most, queued));
        }
        return most;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        try
        {
            if (pending is not null) await pending;
            while (await events.MoveNextAsync()) Answer(events.Current);
        }
        catch (OperationCanceledException)
        {
        }
        await events.DisposeAsync();
        stop.Dispose();
    }
}

/// <summary>Puts messages onto a topic and reads what others put there.</summary>
internal static class Topics
{
    public static KafkaOptions With(this KafkaOptions options, string setting, string value) => options with { Settings = new Dictionary<string, string>(options.Settings, StringComparer.Ordinal) { [setting] = value } };

    public static KafkaOptions Options(string servers, string topic = "driftwatch.activations", long bytesInFlight = 64 << 20, string start = "beginning", string group = "driftwatch") => new()
    {
        Topic = topic,
        RejectedTopic = $"{topic}.rejected",
        BytesInFlight = bytesInFlight,
        Start = start,
        Group = group,
        Settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["bootstrap.servers"] = servers,
            // Tests do not wait for what production has time for.
            ["session.timeout.ms"] = "6000",
            ["heartbeat.interval.ms"] = "200",
            ["fetch.wait.max.ms"] = "50",
            ["reconnect.backoff.ms"] = "50",
            ["reconnect.backoff.max.ms"] = "500",
            ["topic.metadata.refresh.interval.ms"] = "1000",
        },
    };

    /// <summary>Texts to one partition, in order; each is acknowledged when this returns.</summary>
    public static async Task ProduceAsync(string servers, string topic, int partition, IEnumerable<byte[]> values, long? timestamp = null)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = servers, LingerMs = 0, MessageMaxBytes = 8 << 20 }).SetLogHandler((_, _) => { }).Build();
        var sent = values.Select(value => producer.ProduceAsync(new TopicPartition(topic, partition), new()
        {
            Value = value,
            Timestamp = timestamp is { } milliseconds ? new(milliseconds, TimestampType.CreateTime) : Timestamp.Default,
        })).ToArray();
        await Task.WhenAll(sent);
    }

    public static Task ProduceAsync(string servers, string topic, int partition, int count) => ProduceAsync(servers, topic, partition, Enumerable.Range(0, count).Select(i => Value(partition, i)));

    public static async Task ProduceInTransactionAsync(string servers, string topic, int partition, int count)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = servers, TransactionalId = topic }).SetLogHandler((_, _) => { }).Build();
        producer.InitTransactions(TimeSpan.FromSeconds(30));
        producer.BeginTransaction();
        for (var i = 0; i < count; i++) await producer.ProduceAsync(new TopicPartition(topic, partition), new() { Value = Value(partition, i) });
        producer.CommitTransaction();
    }

    public static byte[] Value(int partition, int number) => Encoding.UTF8.GetBytes($"{partition}:{number}");

    public static string Text(RawMessage message) => Encoding.UTF8.GetString(message.Value.Span);

    /// <summary>The first messages of partition 0.</summary>
    public static Message<byte[]?, byte[]>[] Read(string servers, string topic, int count)
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]>(new ConsumerConfig { BootstrapServers = servers, GroupId = "reader", AutoOffsetReset = AutoOffsetReset.Earliest }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, 0));
        return [.. Enumerable.Range(0, count).Select(_ => (consumer.Consume(TimeSpan.FromSeconds(30)) ?? throw new InvalidOperationException($"{topic} has fewer than {count} messages")).Message)];
    }
}
