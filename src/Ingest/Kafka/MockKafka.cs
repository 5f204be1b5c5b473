using System.Runtime.InteropServices;
using System.Text;

namespace DriftWatch.Ingest.Kafka;

/// <summary>librdkafka's mock cluster, for trials and tests: brokers on loopback ports of this process that any client can use. Keeps about 5 MB a partition.</summary>
public sealed partial class MockKafka : IDisposable
{
    private readonly nint client;
    private readonly nint cluster;

    public MockKafka(int brokers = 1)
    {
        Confluent.Kafka.Library.Load();
        var error = new byte[512];
        var configuration = ConfigurationNew();
        // Errors only: this client itself connects to nothing, and would say so.
        ConfigurationSet(configuration, "log_level", "3", error, error.Length);
        client = New(type: 0, configuration, error, error.Length);
        if (client == 0) throw new InvalidOperationException($"librdkafka: {Encoding.UTF8.GetString(error).TrimEnd('\0')}");
        cluster = ClusterNew(client, brokers);
        BootstrapServers = Marshal.PtrToStringUTF8(ClusterBootstraps(cluster))!;
        // Members that join together are balanced together; three seconds of waiting, the default, make no test better.
        RebalanceDelay(cluster, 50);
    }

    public string BootstrapServers { get; }

    public void CreateTopic(string topic, int partitions)
    {
        if (TopicCreate(cluster, topic, partitions, 1) is var error and not 0) throw new InvalidOperationException($"librdkafka refused the topic {topic}: error {error}");
    }

    public void Dispose()
    {
        ClusterDestroy(cluster);
        Destroy(client);
    }

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_conf_new")]
    private static partial nint ConfigurationNew();

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_conf_set", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ConfigurationSet(nint configuration, string name, string value, byte[] error, nint errorSize);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_new")]
    private static partial nint New(int type, nint configuration, byte[] error, nint errorSize);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_destroy")]
    private static partial void Destroy(nint client);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_new")]
    private static partial nint ClusterNew(nint client, int brokers);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_destroy")]
    private static partial void ClusterDestroy(nint cluster);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static partial nint ClusterBootstraps(nint cluster);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_topic_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int TopicCreate(nint cluster, string topic, int partitions, int replicas);

    [LibraryImport("librdkafka", EntryPoint = "rd_kafka_mock_group_initial_rebalance_delay_ms")]
    private static partial void RebalanceDelay(nint cluster, int milliseconds);
}
