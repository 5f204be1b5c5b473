using System.Globalization;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Ingest;

/// <summary>Messages of one shape on a topic: eight sequences each, as a sampler sends them. A few distinct ones in turn; the broker keeps no account of that.</summary>
internal sealed class Traffic
{
    private const int Seed = 1, Distinct = 8, SequencesOfMessage = 8;

    private readonly byte[][] made;

    public Traffic(int rows, int width, int megabytes)
    {
        (Rows, Width) = (rows, width);
        made = [.. Enumerable.Range(0, Distinct).Select(Made)];
        Messages = (int)Math.Max(2, megabytes * 1_000_000L / MessageBytes);
    }

    public int Rows { get; }
    public int Width { get; }
    public int Messages { get; }

    public string Topic => $"bench.{Rows}x{Width}";

    public int MessageBytes => made[0].Length;

    public async Task SendAsync(string servers)
    {
        using var producer = new ProducerBuilder<string, byte[]>(new ProducerConfig { BootstrapServers = servers, MessageMaxBytes = 64 << 20, LingerMs = 5, Acks = Acks.All, EnableIdempotence = true }).Build();
        // Few at a time: the client's queue is no place for a backlog.
        for (var first = 0; first < Messages; first += 64)
            await Task.WhenAll(Enumerable.Range(first, Math.Min(64, Messages - first)).Select(i => producer.ProduceAsync(Topic, new() { Key = i.ToString(CultureInfo.InvariantCulture), Value = made[i % Distinct] })));
    }

    private byte[] Made(int which)
    {
        var random = new Random(Seed + which);
        var values = new Half[Rows * Width];
        for (var i = 0; i < values.Length; i++) values[i] = (Half)(8 * random.NextSingle() - 4);
        int[] sequences = [.. Enumerable.Range(0, Rows).Select(row => SequencesOfMessage * which + row * SequencesOfMessage / Rows)];
        return SafetensorsFile.Of(Some.Metadata(), new SomeTensor("activations", "F16", [Rows, Width], MemoryMarshal.AsBytes(values.AsSpan()).ToArray()), SomeTensor.I32("sequence_ids", sequences));
    }
}
