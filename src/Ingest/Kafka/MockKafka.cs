using System.Runtime.InteropServices;
using System.Text;

namespace DriftWatch.Ingest.Kafka;

/// <summary>For trials and tests: librdkafka's own mock cluster in this process: brokers on loopback ports that any client can use. Keeps about 5 MB a partition.</summary>
public sealed partial class MockKafka : IDisposable
{
    private const int Producer = 0;

    private readonly nint client;
    private readonly nint cluster;

    public MockKafka(int brokers, int partitions, params ReadOnlySpan<string> topics)
    {
        Confluent.Kafka.Library.Load();
        var error = new byte[512];
        var conf = rd_kafka_conf_new();
        // Errors only: this client itself connects to nothing, and would say so.
        rd_kafka_conf_set(conf, "log_level", "3", error, error.Length);
        client = rd_kafka_new(Producer, conf, error, error.Length);
        if (client == 0) throw new InvalidOperationException($"librdkafka made no client: {Encoding.UTF8.GetString(error).TrimEnd('\0')}");
        cluster = rd_kafka_mock_cluster_new(client, brokers);
        foreach (var topic in topics)
            if (rd_kafka_mock_topic_create(cluster, topic, partitions, 1) is var code and not 0) throw new InvalidOperationException($"the mock cluster made no topic {topic} (error {code})");
    }

    public string BootstrapServers => Marshal.PtrToStringUTF8(rd_kafka_mock_cluster_bootstraps(cluster))!;

    public void Dispose()
    {
        rd_kafka_mock_cluster_destroy(cluster);
        rd_kafka_destroy(client);
    }

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_conf_new();

    [LibraryImport("librdkafka", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rd_kafka_conf_set(nint conf, string name, string value, byte[] error, nint size);

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_new(int type, nint conf, byte[] error, nint size);

    [LibraryImport("librdkafka")]
    private static partial void rd_kafka_destroy(nint client);

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_mock_cluster_new(nint client, int brokers);

    [LibraryImport("librdkafka")]
    private static partial void rd_kafka_mock_cluster_destroy(nint cluster);

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_mock_cluster_bootstraps(nint cluster);

    [LibraryImport("librdkafka", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rd_kafka_mock_topic_create(nint cluster, string topic, int partitions, int replicas);
}
