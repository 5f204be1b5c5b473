using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.Sinks;

/// <summary>One CloudEvent (1.0, structured JSON) per alert event to a Kafka topic, keyed by monitor.</summary>
public sealed class KafkaAlertSink : IAlertSink, IDisposable
{
    private readonly string topic;
    private readonly IProducer<byte[], byte[]> producer;
    private bool disposed;

    /// <param name="deliveryWithin">How long the client keeps an alert that it cannot deliver; an attempt must last longer, so that repeats do not pile up in the client.</param>
    public KafkaAlertSink(IReadOnlyDictionary<string, string> settings, string topic, TimeSpan deliveryWithin, Action<string> warn)
    {
        this.topic = topic;
        var config = new ProducerConfig(settings.ToDictionary()) { Acks = Acks.All, EnableIdempotence = true, MessageTimeoutMs = (int)deliveryWithin.TotalMilliseconds };
        producer = new ProducerBuilder<byte[], byte[]>(config).SetLogHandler((_, message) =>
        {
            if (message.Level <= SyslogLevel.Warning) warn(message.Message);
        }).Build();
    }

    public string Name => $"kafka:{topic}";

    public Task SendAsync(StoredEvent stored, AlertEvent fact, CancellationToken stopping) => producer.ProduceAsync(
        topic,
        new()
        {
            Key = Encoding.UTF8.GetBytes(CloudEvent.SubjectOf(fact)),
            Value = CloudEvent.Write(stored, fact),
            Headers = new() { { "content-type", "application/cloudevents+json; charset=UTF-8"u8.ToArray() } },
        },
        stopping);

    /// <summary>Everything may pass but a producer that failed for good: a restart makes a new one.</summary>
    public static bool IsTransient(Exception error) => error is not KafkaException { Error.IsFatal: true };

    public void Dispose()
    {
        // The container disposes it once for each port that it is registered under.
        if (disposed) return;
        disposed = true;
        // Whoever sends waits for the answer: what is still here was given up.
        producer.Flush(TimeSpan.FromSeconds(1));
        producer.Dispose();
    }
}

/// <summary>An alert event in the CloudEvents 1.0 JSON format; made of the log alone, so a repeat is the same to the byte.</summary>
public static class CloudEvent
{
    public static byte[] Write(StoredEvent stored, AlertEvent fact) => JsonSerializer.SerializeToUtf8Bytes(
        new
        {
            specversion = "1.0",
            id = stored.Id,
            source = $"/driftwatch/{Uri.EscapeDataString(stored.Stream)}",
            type = $"driftwatch.{stored.Type}",
            subject = SubjectOf(fact),
            time = EventChain.TimeText(stored.Time),
            datacontenttype = "application/json",
            // An extension attribute: where the daemon's API shows the alert as it stands now.
            more = $"/v1/alerts/{AboutOf(fact).Alert}",
            data = fact,
        },
        EventJson.Options);

    public static string SubjectOf(AlertEvent fact) => AboutOf(fact).Monitor.ToString();

    private static (string Alert, MonitorId Monitor) AboutOf(AlertEvent fact) => fact switch
    {
        DriftDetected alert => (alert.Alert, alert.Monitor),
        DriftEnded alert => (alert.Alert, alert.Monitor),
        HazardDetected alert => (alert.Alert, alert.Monitor),
        HazardEnded alert => (alert.Alert, alert.Monitor),
        AlertAcknowledged alert => (alert.Alert, alert.Monitor),
        AlertMuted alert => (alert.Alert, alert.Monitor),
        AlertResolved alert => (alert.Alert, alert.Monitor),
        _ => throw new ArgumentException($"{fact.GetType().Name} is no alert event", nameof(fact)),
    };
}
