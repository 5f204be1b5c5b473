using System.Text;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Ingest.Kafka;

/// <summary>A message of a topic, put into a file.</summary>
public sealed record KafkaMessageFile(string Key, string Path);

/// <summary>All that a topic holds now, message by message in files: what does not fit into memory and is read more than once. Belongs to no consumer group and commits nothing.</summary>
public static class KafkaTopicFiles
{
    /// <summary>Bytes that are put on disk at most.</summary>
    public const long BytesMaximum = 64L << 30;

    private static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    /// <param name="settings">Any librdkafka setting.</param>
    /// <param name="read">Told how many messages are there.</param>
    /// <returns>By partition and offset. The key of a message that is keyed by its own monitor says nothing about its prompts and is empty here.</returns>
    /// <exception cref="MalformedException">The topic is not there, or holds too much.</exception>
    public static IReadOnlyList<KafkaMessageFile> Read(string servers, string topic, IReadOnlyDictionary<string, string> settings, string folder, Action<long> read, CancellationToken stopping)
    {
        var config = new ConsumerConfig(settings.ToDictionary()) { BootstrapServers = servers, GroupId = "driftwatch-transform", EnableAutoCommit = false, EnablePartitionEof = true, AutoOffsetReset = AutoOffsetReset.Earliest };
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(config).SetLogHandler((_, _) => { }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, patience).Topics.Where(found => found.Topic == topic && found.Error.Code == ErrorCode.NoError).SelectMany(found => found.Partitions).Select(partition => new TopicPartition(topic, partition.PartitionId)).ToArray();
        if (partitions.Length == 0) throw new MalformedException("kafka", $"{servers} has no topic '{topic}'. Name the topic that the activations were sent to.");
        consumer.Assign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));

        var ended = new HashSet<int>();
        var files = new List<(int Partition, long Offset, KafkaMessageFile File)>();
        var bytes = 0L;
        Directory.CreateDirectory(folder);
        while (ended.Count < partitions.Length)
        {
            var result = consumer.Consume(stopping);
            if (result.IsPartitionEOF)
            {
                ended.Add(result.Partition.Value);
                continue;
            }
            var value = result.Message.Value ?? [];
            if ((bytes += value.Length) > BytesMaximum) throw new MalformedException("kafka", $"'{topic}' holds more than {BytesMaximum >> 30} GiB. Send the activations to learn from to a topic of their own.");
            var path = Path.Combine(folder, $"{result.Partition.Value}-{result.Offset.Value}.safetensors");
            File.WriteAllBytes(path, value);
            files.Add((result.Partition.Value, result.Offset.Value, new(KeyOf(result.Message.Key, value), path)));
            read(files.Count);
        }
        return [.. files.OrderBy(file => file.Partition).ThenBy(file => file.Offset).Select(file => file.File)];
    }

    /// <summary>Messages of equal key, the first of one side with the first of the other, and so on. A key that only one side has is left out.</summary>
    /// <returns>The pairs, in the source's order, and how many messages were left out.</returns>
    public static (IReadOnlyList<(string Source, string Target)> Pairs, int LeftOut) Pair(IReadOnlyList<KafkaMessageFile> source, IReadOnlyList<KafkaMessageFile> target)
    {
        var targets = target.GroupBy(file => file.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.ToArray(), StringComparer.Ordinal);
        foreach (var group in source.GroupBy(file => file.Key, StringComparer.Ordinal))
            if (targets.TryGetValue(group.Key, out var others) && group.Count() != others.Length)
                throw new MalformedException("pairing", $"There are {group.Count()} source messages and {others.Length} target messages {(group.Key.Length == 0 ? "without a key of their own" : $"with the key {SafetensorsHeader.Shown(group.Key)}")}. Messages pair by key and then by order: send the same prompts through both models, and key messages by their prompts.");
        var taken = new Dictionary<string, int>(StringComparer.Ordinal);
        var pairs = new List<(string, string)>();
        foreach (var file in source)
        {
            if (!targets.TryGetValue(file.Key, out var others)) continue;
            var n = taken[file.Key] = taken.GetValueOrDefault(file.Key) + 1;
            pairs.Add((file.Path, others[n - 1].Path));
        }
        if (pairs.Count == 0) throw new MalformedException("pairing", $"None of {source.Count} source messages has the key of one of {target.Count} target messages. Key messages by their prompts, the same for both models.");
        return (pairs, source.Count + target.Count - 2 * pairs.Count);
    }

    private static string KeyOf(byte[]? key, byte[] value)
    {
        var text = Encoding.UTF8.GetString(key ?? []);
        try
        {
            var metadata = SafetensorsHeader.Read(value, SafetensorsHeader.MessageHeaderBytesMaximum).Metadata;
            var monitor = new MonitorId(metadata.GetValueOrDefault("model", ""), metadata.GetValueOrDefault("version", ""), metadata.GetValueOrDefault("hook", ""));
            return text == monitor.ToString() ? "" : text;
        }
        catch (MalformedException)
        {
            // Refused, by its partition and offset, when it is read.
            return text;
        }
    }
}
