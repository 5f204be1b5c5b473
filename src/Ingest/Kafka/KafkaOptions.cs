namespace DriftWatch.Ingest.Kafka;

/// <summary>How to reach Kafka, in the operator's words (section <c>kafka</c>).</summary>
public sealed record KafkaOptions
{
    public string Topic { get; init; } = "driftwatch.activations";
    public string RejectedTopic { get; init; } = "driftwatch.rejected";
    public string AlertsTopic { get; init; } = "driftwatch.alerts";

    /// <summary>The consumer group; daemons of one group share the partitions.</summary>
    public string Group { get; init; } = "driftwatch";

    /// <summary>Where to begin on a partition of which nothing is stored: <c>beginning</c> or <c>end</c>.</summary>
    public string Start { get; init; } = "beginning";

    /// <summary>Bytes of messages read and not yet analysed; at the bound the partitions are paused until half of it is free.</summary>
    public long BytesInFlight { get; init; } = 64L << 20;

    /// <summary>Any librdkafka setting, passed on as written: <c>bootstrap.servers</c>, <c>security.protocol</c>, <c>sasl.password</c>, …</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How long the client keeps a message that it cannot deliver; what is to arrive is sent again behind that.</summary>
    public TimeSpan DeliveryWithin => Milliseconds("message.timeout.ms") ?? Milliseconds("delivery.timeout.ms") ?? deliveryWithin;

    /// <summary>A member of the group that does not poll for this long loses its partitions.</summary>
    public TimeSpan PollWithin => Milliseconds("max.poll.interval.ms") ?? pollWithin;

    // Kafka's own default for messages is five minutes: with 503 after ten seconds, and repeats, the client's queue would grow meanwhile.
    private static readonly TimeSpan deliveryWithin = TimeSpan.FromSeconds(30), pollWithin = TimeSpan.FromMinutes(5);

    private TimeSpan? Milliseconds(string setting) => Settings.TryGetValue(setting, out var text) && int.TryParse(text, out var value) && value > 0 ? TimeSpan.FromMilliseconds(value) : null;

    private const long BytesInFlightMaximum = 1L << 30;

    // What the daemon's promises rest on; setting them by hand would break exactly-once in silence.
    private static readonly string[] ours = ["group.id", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "enable.partition.eof"];

    public IEnumerable<string> Problems()
    {
        if (!Settings.ContainsKey("bootstrap.servers") && !Settings.ContainsKey("test.mock.num.brokers"))
            yield return "kafka.settings has no bootstrap.servers. Name your brokers, as in 'bootstrap.servers: kafka-1:9092,kafka-2:9092'.";
        foreach (var name in Settings.Keys.Intersect(ours, StringComparer.Ordinal).Order(StringComparer.Ordinal))
            yield return name == "group.id" ? "kafka.settings.group.id is not used. Set kafka.group." : $"kafka.settings.{name} is DriftWatch's own: offsets live in the event log. Leave it out.";
        if (Start is not ("beginning" or "end")) yield return $"kafka.start is '{Start}'. Use beginning or end.";
        if (BytesInFlight < 1 << 20) yield return $"kafka.bytesInFlight is {BytesInFlight}. Use 1048576 (1 MiB) or more; it must hold at least one message.";
        if (BytesInFlight > BytesInFlightMaximum) yield return $"kafka.bytesInFlight is {BytesInFlight}. Use {BytesInFlightMaximum} (1 GiB) or less.";
        if (RejectedTopic == Topic || AlertsTopic == Topic) yield return $"kafka.{(RejectedTopic == Topic ? "rejectedTopic" : "alertsTopic")} is '{Topic}', the topic that activations are read from: each refused message would come back. Name another.";
        if (Topic.Length == 0 || Group.Length == 0 || RejectedTopic.Length == 0 || AlertsTopic.Length == 0) yield return "kafka.topic, group, rejectedTopic and alertsTopic must not be empty.";
    }
}
