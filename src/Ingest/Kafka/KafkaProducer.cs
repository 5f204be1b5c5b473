using System.Globalization;
using System.Text;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Ingest.Kafka;

/// <summary>What the daemon writes to Kafka: refused messages, and batches that came over HTTP. Acknowledged by all in-sync replicas, without duplicates.</summary>
public sealed partial class KafkaProducer : IDeadLetters, IIntake, IDisposable
{
    private static readonly TimeSpan acceptTimeout = TimeSpan.FromSeconds(10);

    private readonly KafkaOptions options;
    private readonly ILogger<KafkaProducer> log;
    private readonly IProducer<byte[]?, byte[]> producer;
    private bool disposed;

    public KafkaProducer(KafkaOptions options, int messageBytesMaximum, ILogger<KafkaProducer> log)
    {
        (this.options, this.log) = (options, log);
        var config = new ProducerConfig(options.Settings.ToDictionary()) { Acks = Acks.All, EnableIdempotence = true };
        config.MessageTimeoutMs ??= (int)options.DeliveryWithin.TotalMilliseconds;
        // A refused message may be as large as Kafka lets messages be; what the topic takes is the broker's to say.
        config.MessageMaxBytes ??= (int)Math.Min(1_000_000_000L, Math.Max(64L << 20, messageBytesMaximum + (1L << 20)));
        producer = new ProducerBuilder<byte[]?, byte[]>(config).SetLogHandler((_, message) =>
        {
            if (message.Level <= SyslogLevel.Warning) LogClient(message.Message);
        }).Build();
    }

    public async Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping)
    {
        try
        {
            await SendAsync(message, message.Value, reason, explanation, stopping);
        }
        catch (ProduceException<byte[]?, byte[]> error) when (error.Error.Code == ErrorCode.MsgSizeTooLarge)
        {
            // Our headers make a message that just fitted too large. Its place is in the headers, and the partition must go on.
            LogTooLarge(message.Partition, message.Offset, message.Value.Length, options.RejectedTopic);
            await SendAsync(message, ReadOnlyMemory<byte>.Empty, reason, $"{explanation} (the value of {message.Value.Length} bytes is left out: {options.RejectedTopic} does not take a message of this size)", stopping);
        }
    }

    private Task SendAsync(RawMessage message, ReadOnlyMemory<byte> value, string reason, string explanation, CancellationToken stopping)
    {
        var headers = new Headers();
        foreach (var (name, bytes) in message.Headers) headers.Add(name, bytes);
        headers.Add("driftwatch.reason", Encoding.UTF8.GetBytes(reason));
        headers.Add("driftwatch.explanation", Encoding.UTF8.GetBytes(explanation));
        headers.Add("driftwatch.source.topic", Encoding.UTF8.GetBytes(options.Topic));
        headers.Add("driftwatch.source.partition", Encoding.UTF8.GetBytes(message.Partition.ToString(CultureInfo.InvariantCulture)));
        headers.Add("driftwatch.source.offset", Encoding.UTF8.GetBytes(message.Offset.ToString(CultureInfo.InvariantCulture)));
        return producer.ProduceAsync(options.RejectedTopic, new() { Key = message.Key.ToArray(), Value = value.ToArray(), Headers = headers }, stopping);
    }

    public async Task<(int Partition, long Offset)> AcceptAsync(ReadOnlyMemory<byte> value, string key, CancellationToken stopping)
    {
        try
        {
            var stored = await producer.ProduceAsync(options.Topic, new() { Key = Encoding.UTF8.GetBytes(key), Value = value.ToArray() }, stopping).WaitAsync(acceptTimeout, stopping);
            return (stored.Partition.Value, stored.Offset.Value);
        }
        catch (TimeoutException)
        {
            throw new IntakeFullException($"Kafka has not acknowledged the batch within {acceptTimeout.TotalSeconds:0} seconds. Send it again; if Kafka comes back it may count twice");
        }
        catch (KafkaException error) when (error.Error.Code == ErrorCode.MsgSizeTooLarge)
        {
            // Trying again would not help.
            throw new MalformedException("too-large", $"the batch has {value.Length} bytes, more than {options.Topic} takes. Send fewer sequences at a time, or raise the topic's max.message.bytes");
        }
        catch (KafkaException error)
        {
            throw new IntakeFullException($"Kafka does not take the batch: {error.Error.Reason}. Try again later");
        }
    }

    public void Dispose()
    {
        // The container disposes it once for each port that it is registered under.
        if (disposed) return;
        disposed = true;
        // Whoever sends waits for the answer: what is still here was given up.
        producer.Flush(TimeSpan.FromSeconds(1));
        producer.Dispose();
    }

    [LoggerMessage(LogLevel.Error, "The refused message at partition {Partition} offset {Offset} has {Bytes} bytes, which {Topic} does not take; only its headers are kept there. Raise the topic's max.message.bytes")]
    private partial void LogTooLarge(int partition, long offset, int bytes, string topic);

    [LoggerMessage(LogLevel.Warning, "Kafka: {Message}")]
    private partial void LogClient(string message);
}
