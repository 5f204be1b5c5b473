using DriftWatch.Ingest.Kafka;
using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>A mock cluster of each test's own.</summary>
public abstract class OnMockKafka : IDisposable
{
    protected const string Topic = "driftwatch.activations";

    private readonly MockKafka kafka = new();

    protected string Servers => kafka.BootstrapServers;

    public void Dispose()
    {
        kafka.Dispose();
        GC.SuppressFinalize(this);
    }

    protected void CreateTopic(int partitions, string topic = Topic) => kafka.CreateTopic(topic, partitions);

    /// <summary>A topic with this many messages in each partition, which say where they stand.</summary>
    protected async Task CreateAsync(params int[] messages)
    {
        CreateTopic(messages.Length);
        for (var partition = 0; partition < messages.Length; partition++) await Topics.ProduceAsync(Servers, Topic, partition, messages[partition]);
    }

    private protected static async Task AnswerUntilAsync(SourceReader reader, Func<bool> done)
    {
        while (!done())
            if (await reader.NextAsync(TimeSpan.FromMilliseconds(50)) is { } happened) SourceReader.Answer(happened);
    }
}
