using System.Text;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;
using DriftWatch.Ingest.Kafka;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>What the daemon writes to Kafka.</summary>
public sealed class KafkaProducerTests : OnMockKafka
{
    private const string Rejected = $"{Topic}.rejected";

    [Fact]
    public async Task A_refused_message_is_kept_whole_with_the_reason_and_where_it_came_from()
    {
        using var producer = Producer();
        var message = new RawMessage(3, 41, new byte[] { 1, 2, 3 }, "key"u8.ToArray(), [new("model", "m"u8.ToArray()), new("empty", null)], null);

        await producer.SendAsync(message, "truncated", "3 bytes are too few", default);

        var kept = Assert.Single(Topics.Read(Servers, Rejected, 1));
        Assert.Equal([1, 2, 3], kept.Value);
        Assert.Equal("key"u8.ToArray(), kept.Key);
        Assert.Equal(
            ["model=m", "empty=", "driftwatch.reason=truncated", "driftwatch.explanation=3 bytes are too few", $"driftwatch.source.topic={Topic}", "driftwatch.source.partition=3", "driftwatch.source.offset=41"],
            kept.Headers.Select(header => $"{header.Key}={Encoding.UTF8.GetString(header.GetValueBytes() ?? [])}"));
    }

    [Fact]
    public async Task A_refused_message_without_key_and_value_is_kept_too()
    {
        using var producer = Producer();

        await producer.SendAsync(new(0, 0, default, default, [], null), "empty", "the message has no value", default);

        Assert.Empty(Assert.Single(Topics.Read(Servers, Rejected, 1)).Value);
    }

    [Fact]
    public async Task An_accepted_message_is_on_the_topic_under_its_key_where_the_answer_says()
    {
        CreateTopic(1);
        using var producer = Producer();

        var first = await producer.AcceptAsync("first"u8.ToArray(), "m@1/h", default);
        var second = await producer.AcceptAsync("second"u8.ToArray(), "m@1/h", default);

        Assert.Equal(((0, 0L), (0, 1L)), (first, second));
        var there = Topics.Read(Servers, Topic, 2);
        Assert.Equal(["first", "second"], there.Select(message => Encoding.UTF8.GetString(message.Value)));
        Assert.All(there, message => Assert.Equal("m@1/h", Encoding.UTF8.GetString(message.Key!)));
    }

    [Fact]
    public async Task A_message_as_large_as_the_daemon_accepts_is_not_refused_by_the_client()
    {
        using var producer = Producer();

        await producer.SendAsync(new(0, 0, new byte[3 << 20], default, [], null), "too-large", "3145728 bytes", default);

        Assert.Equal(3 << 20, Assert.Single(Topics.Read(Servers, Rejected, 1)).Value.Length);
    }

    [Fact]
    public async Task A_refused_message_that_its_topic_does_not_take_leaves_its_headers_there()
    {
        CreateTopic(1, Rejected);
        var options = Topics.Options(Servers, Topic);
        using var producer = new KafkaProducer(
            options with { Settings = new Dictionary<string, string>(options.Settings, StringComparer.Ordinal) { ["message.max.bytes"] = "1000" } }, 1 << 20, NullLogger<KafkaProducer>.Instance);

        await producer.SendAsync(new(2, 7, new byte[2000], default, [], null), "bad-header", "not JSON", default);

        var kept = Assert.Single(Topics.Read(Servers, Rejected, 1));
        Assert.Empty(kept.Value);
        Assert.Equal("7", Encoding.UTF8.GetString(kept.Headers.GetLastBytes("driftwatch.source.offset")));
        Assert.Contains("the value of 2000 bytes is left out", Encoding.UTF8.GetString(kept.Headers.GetLastBytes("driftwatch.explanation")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_that_the_topic_will_never_take_is_refused_and_not_put_off()
    {
        CreateTopic(1);
        var options = Topics.Options(Servers, Topic);
        using var producer = new KafkaProducer(
            options with { Settings = new Dictionary<string, string>(options.Settings, StringComparer.Ordinal) { ["message.max.bytes"] = "1000" } }, 1 << 20, NullLogger<KafkaProducer>.Instance);

        var refused = await Assert.ThrowsAsync<MalformedException>(() => producer.AcceptAsync(new byte[2000], "m@1/h", default));

        Assert.Equal("too-large", refused.Reason);
        Assert.Contains("2000 bytes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_of_the_settings_name_the_setting_and_what_to_write()
    {
        var problems = new KafkaOptions { Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["group.id"] = "x", ["auto.offset.reset"] = "latest" }, Start = "now", BytesInFlight = 1, Topic = "" }.Problems().ToArray();

        Assert.Equal(6, problems.Length);
        Assert.Contains(problems, problem => problem.Contains("bootstrap.servers: kafka-1:9092", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("Set kafka.group", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("auto.offset.reset", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("'now'. Use beginning or end", StringComparison.Ordinal));
    }

    private KafkaProducer Producer()
    {
        CreateTopic(1, Rejected);
        return new(Topics.Options(Servers, Topic), 1 << 20, NullLogger<KafkaProducer>.Instance);
    }
}
