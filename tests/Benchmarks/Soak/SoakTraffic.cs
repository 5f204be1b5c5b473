using System.Runtime.InteropServices;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Soak;

/// <summary>Two models on one topic, a large and a small one, in cycles that end with the end of a window everywhere: what is sent is then what must be stored.</summary>
internal sealed class SoakTraffic(string servers, string topic) : IDisposable
{
    public const int Partitions = 4, WindowRows = 25_600;

    private const int Distinct = 8, RowsOfSequence = 64, L0 = 48;

    public static readonly SoakModel[] Models = [new("large", 768, 24_576, Rows: 256), new("small", 64, 1024, Rows: 128)];

    private readonly byte[][][] made = [.. Models.Select(model => Enumerable.Range(0, Distinct).Select(which => Message(model, which)).ToArray())];
    private readonly IProducer<byte[], byte[]> producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = servers, Acks = Acks.All, EnableIdempotence = true, LingerMs = 5, QueueBufferingMaxKbytes = 64 << 10 })
        .SetLogHandler((_, _) => { }).Build();
    private long rows;

    /// <summary>Sent so far, by acknowledged messages.</summary>
    public long Rows => Interlocked.Read(ref rows);

    public int Cycles { get; private set; }

    /// <summary>A dictionary each, whose decoder is its encoder turned round, and the configuration.</summary>
    public string Write(TempFolder folder, int httpPort)
    {
        foreach (var model in Models)
        {
            var sae = NormalDictionary.Of(AutoencoderKind.JumpReLU, model.Width, model.Features, L0);
            var decoderFD = new float[sae.EncoderDF.Length];
            for (var i = 0; i < sae.Width; i++)
                for (var f = 0; f < sae.Features; f++) decoderFD[f * sae.Width + i] = sae.EncoderDF[i * sae.Features + f];
            SaeFolder.Write(folder, model.Name, sae with { DecoderFD = decoderFD });
        }
        return folder.Write($"{topic}.yaml", $$"""
            spaces:
            {{string.Join('\n', Models.Select(model => $"  - {{ id: {model.Name}/v1, sae: {model.Name} }}"))}}
            models:
            {{string.Join('\n', Models.Select(model => $"  - {{ model: {model.Name}, hook: {Some.Hook}, space: {model.Name}/v1, baseline: {{ version: base, rows: {Partitions * WindowRows} }} }}"))}}
            windows: { rows: {{WindowRows}}, length: 23:00:00 }
            log: sqlite:{{topic}}.db
            http: { listen: 127.0.0.1:{{httpPort}} }
            kafka:
              topic: {{topic}}
              group: {{topic}}
              settings:
                bootstrap.servers: {{servers}}
            """);
    }

    /// <summary>One window of each model on each partition.</summary>
    /// <param name="wait">Asked before each round of messages.</param>
    public async Task SendCycleAsync(Func<Task> wait)
    {
        var sent = Models.Select(_ => 0).ToArray();
        for (var round = 0; sent[0] < WindowRows; round++)
        {
            await wait();
            var sending = new List<Task>();
            var rowsOfRound = 0;
            for (var m = 0; m < Models.Length; m++)
                for (; sent[m] < (round + 1) * Models.Max(model => model.Rows); sent[m] += Models[m].Rows)
                    for (var partition = 0; partition < Partitions; partition++)
                    {
                        sending.Add(producer.ProduceAsync(new TopicPartition(topic, partition), new() { Key = [], Value = made[m][(round + partition) % Distinct] }));
                        rowsOfRound += Models[m].Rows;
                    }
            await Task.WhenAll(sending);
            Interlocked.Add(ref rows, rowsOfRound);
        }
        Cycles++;
    }

    public void Dispose() => producer.Dispose();

    private static byte[] Message(SoakModel model, int which)
    {
        // Each has other rows of the same kind.
        var values = NormalDictionary.Rows(Distinct * model.Rows, model.Width).AsSpan(which * model.Rows * model.Width, model.Rows * model.Width).ToArray();
        Half[] narrow = [.. values.Select(value => (Half)value)];
        var metadata = Some.Metadata(new MonitorId(model.Name, "base", Some.Hook));
        return SafetensorsFile.Of(
            metadata,
            new SomeTensor("activations", "F16", [model.Rows, model.Width], MemoryMarshal.AsBytes(narrow.AsSpan()).ToArray()),
            SomeTensor.I32("sequence_ids", [.. Enumerable.Range(0, model.Rows).Select(row => row / RowsOfSequence)]));
    }
}

/// <param name="Rows">Of a message.</param>
internal sealed record SoakModel(string Name, int Width, int Features, int Rows);
