using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Chaos;

/// <summary>A message as the topic has it.</summary>
/// <param name="Version">Null: no message, to be refused.</param>
internal sealed record SentMessage(int Partition, long Offset, string? Version);

/// <summary>What topics hold, to their ends.</summary>
internal static class TopicContent
{
    public static IReadOnlyList<SentMessage> Messages(string servers) =>
        [.. Read(servers, World.Topic).Select(read => new SentMessage(read.Partition.Value, read.Offset.Value, VersionOf(read.Message.Value)))];

    /// <summary>Partition and offset of every refused message.</summary>
    public static IReadOnlyList<(int Partition, long Offset)> DeadLetters(string servers) =>
        [.. Read(servers, World.Rejected).Select(read => ((int)Number(read, "driftwatch.source.partition"), Number(read, "driftwatch.source.offset")))];

    /// <summary>Ids of CloudEvents, as they came.</summary>
    public static IReadOnlyList<Guid> CloudEvents(string servers) => [.. Read(servers, World.Alerts).Select(read => JsonDocument.Parse(read.Message.Value).RootElement.GetProperty("id").GetGuid())];

    private static long Number(ConsumeResult<byte[]?, byte[]> read, string header) => long.Parse(Encoding.UTF8.GetString(read.Message.Headers.GetLastBytes(header)), CultureInfo.InvariantCulture);

    private static string? VersionOf(byte[] value)
    {
        try
        {
            // As the world sends them: a whole header and fewer bytes than it announces, or all of them.
            var header = SafetensorsHeader.Read(value, SafetensorsHeader.MessageHeaderBytesMaximum);
            return header.Metadata.GetValueOrDefault("version");
        }
        catch (MalformedException)
        {
            return null;
        }
    }

    private static List<ConsumeResult<byte[]?, byte[]>> Read(string servers, string topic)
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]>(new ConsumerConfig { BootstrapServers = servers, GroupId = "chaos", EnableAutoCommit = false, EnablePartitionEof = true }).SetLogHandler((_, _) => { }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics.Single().Partitions.Select(partition => new TopicPartitionOffset(topic, partition.PartitionId, Offset.Beginning)).ToArray();
        consumer.Assign(partitions);
        var (all, ended) = (new List<ConsumeResult<byte[]?, byte[]>>(), 0);
        while (ended < partitions.Length)
        {
            var read = consumer.Consume(TimeSpan.FromSeconds(60)) ?? throw new InvalidOperationException($"{topic} does not come to its end");
            if (read.IsPartitionEOF) ended++;
            else all.Add(read);
        }
        return all;
    }
}
