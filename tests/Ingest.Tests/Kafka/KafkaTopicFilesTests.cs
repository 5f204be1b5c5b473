using System.Text;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;
using DriftWatch.Ingest.Kafka;
using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests.Kafka;

public sealed class KafkaTopicFilesTests : OnMockKafka
{
    [Fact]
    public async Task A_topic_is_put_into_files_by_partition_and_offset_with_the_keys_that_say_something()
    {
        using var folder = new TempFolder();
        var message = Some.Message();
        CreateTopic(partitions: 2);
        using (var producer = new ProducerBuilder<byte[]?, byte[]>(new ProducerConfig { BootstrapServers = Servers }).Build())
            foreach (var (partition, key, value) in new[] { (1, "prompt-7", message), (0, "prompt-8", [1, 2]), (1, Some.Monitor.ToString(), message), (0, "", message) })
                await producer.ProduceAsync(new TopicPartition(Topic, partition), new() { Key = Encoding.UTF8.GetBytes(key), Value = value }, TestContext.Current.CancellationToken);

        var files = KafkaTopicFiles.Read(Servers, Topic, new Dictionary<string, string>(StringComparer.Ordinal), folder.File("spilled"), _ => { }, TestContext.Current.CancellationToken);

        Assert.Equal([("prompt-8", "0-0"), ("", "0-1"), ("prompt-7", "1-0"), ("", "1-1")], files.Select(file => (file.Key, Path.GetFileNameWithoutExtension(file.Path))));
        Assert.Equal(message, File.ReadAllBytes(files[2].Path));
    }

    [Fact]
    public void A_topic_that_is_not_there_is_refused()
    {
        CreateTopic(partitions: 1);
        using var folder = new TempFolder();
        var refusal = Assert.Throws<MalformedException>(() => KafkaTopicFiles.Read(Servers, "no.such", new Dictionary<string, string>(StringComparer.Ordinal) { ["allow.auto.create.topics"] = "false" }, folder.Path, _ => { }, default));
        Assert.Contains("has no topic 'no.such'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_pair_by_key_and_then_by_order()
    {
        var (pairs, leftOut) = KafkaTopicFiles.Pair(Files("a:1", ":2", "b:3", "a:4"), Files(":20", "a:10", "c:50", "a:40"));

        Assert.Equal([("1", "10"), ("2", "20"), ("4", "40")], pairs);
        Assert.Equal(2, leftOut);
        Assert.Contains("2 source messages and 1 target messages with the key 'a'", Refused(Files("a:1", "a:2"), Files("a:10")), StringComparison.Ordinal);
        Assert.Contains("1 source messages and 2 target messages without a key of their own", Refused(Files(":1"), Files(":10", ":20")), StringComparison.Ordinal);
        Assert.Contains("None of 1 source messages", Refused(Files("a:1"), Files("b:10")), StringComparison.Ordinal);
    }

    private static string Refused(KafkaMessageFile[] source, KafkaMessageFile[] target) => Assert.Throws<MalformedException>(() => KafkaTopicFiles.Pair(source, target)).Message;

    private static KafkaMessageFile[] Files(params string[] keysAndPaths) => [.. keysAndPaths.Select(text => new KafkaMessageFile(text.Split(':')[0], text.Split(':')[1]))];
}
