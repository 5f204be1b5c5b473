using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Ingest.Kafka;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Whole;

public sealed class TransformCommandTests : IDisposable
{
    private const int Rows = 60;
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_map_is_learned_from_files_and_written_with_what_it_was_learned_from()
    {
        var (source, target) = (Write("source", Source, "small"), Write("target", Target, "base"));

        var run = await Fit("affine", [source], [target], "--json");
        var text = await Fit("orthogonal", [source], [target], "--scale", "false");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var report = JsonDocument.Parse(run.Output).RootElement;
        Assert.True(report.GetProperty("heldOut").GetProperty("r2").GetDouble() > 0.9999);
        Assert.Equal(("small", 54, 18), (report.GetProperty("source").GetProperty("model").GetString(), report.GetProperty("rows").GetInt32(), report.GetProperty("sequences").GetInt32()));
        using var file = File.OpenRead(folder.File("affine.safetensors"));
        var map = TransformFile.Read(file, "affine");
        Assert.Equal((report.GetProperty("hash").GetString(), "small", "base", Some.Hook, 54L), (map.Hash, map.Card!.SourceModel, map.Card.TargetModel, map.Card.SourceHook, map.Card.Rows));
        Assert.Equal(Target(7), map.Apply(Source(7)).ToArray().Select(y => MathF.Round(y, 3)));
        Assert.Equal(0, text.ExitCode);
        Assert.Contains("scale 1", text.Output, StringComparison.Ordinal);
        Assert.Contains("54 rows of 18 sequences; 0 of 60 rows left out", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_topics_of_Kafka_pair_by_key_and_give_the_map_of_the_files()
    {
        var files = Enumerable.Range(0, 20).Select(message => (Source: Message(Source, "small", 3 * message, 3), Target: Message(Target, "base", 3 * message, 3))).ToArray();
        await Fit("affine", [.. files.Select((file, i) => folder.Write($"s{i:00}.safetensors", file.Source))], [.. files.Select((file, i) => folder.Write($"t{i:00}.safetensors", file.Target))]);
        var expected = await File.ReadAllBytesAsync(folder.File("affine.safetensors"), TestContext.Current.CancellationToken);
        using var kafka = new MockKafka();
        foreach (var topic in new[] { "small", "base" }) kafka.CreateTopic(topic, partitions: 1);
        using (var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = kafka.BootstrapServers }).Build())
        {
            foreach (var (file, i) in files.Select((file, i) => (file, i))) await producer.ProduceAsync("small", new() { Key = Encoding.UTF8.GetBytes($"prompt-{i}"), Value = file.Source }, TestContext.Current.CancellationToken);
            // In another order: the keys say what belongs together.
            foreach (var (file, i) in files.Select((file, i) => (file, i)).Reverse()) await producer.ProduceAsync("base", new() { Key = Encoding.UTF8.GetBytes($"prompt-{i}"), Value = file.Target }, TestContext.Current.CancellationToken);
        }

        var run = await Fit("affine", [$"kafka:{kafka.BootstrapServers}/small"], [$"kafka:{kafka.BootstrapServers}/base"]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(expected, await File.ReadAllBytesAsync(folder.File("affine.safetensors"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_nothing_can_be_learned_from_ends_in_exit_code_3_and_wrong_usage_in_2()
    {
        var (source, target) = (Write("source", Source, "small"), Write("target", Target, "base"));
        await Refused(3, "60 rows and", [source], [folder.Write("short.safetensors", Message(Target, "base", 0, 30))]);
        await Refused(3, "bytes of data follow", [source], [folder.Write("cut.safetensors", (await File.ReadAllBytesAsync(target, TestContext.Current.CancellationToken))[..^1])]);
        await Refused(3, "of width 3", [source, Write("wide", _ => [1, 2, 3], "small")], [target, target]);
        await Refused(3, "rank-deficient", [Write("constant", row => [row, 1], "small")], [target]);
        await Refused(3, "no row to learn from", [Write("nan", _ => [float.NaN, 1], "small")], [target]);
        await Refused(3, "10 or more are needed", [folder.Write("a.safetensors", Message(Source, "small", 0, 9))], [folder.Write("b.safetensors", Message(Target, "base", 0, 9))]);
        await Refused(2, "no such file", ["nowhere"], [target]);
        await Refused(2, "each one Kafka topic", ["kafka:h:1/t"], [target]);
        await Refused(2, "--source is 'kafka:h'. Use kafka:HOST:PORT/TOPIC", ["kafka:h"], ["kafka:h"]);
        await Refused(2, "--rank says nothing about --kind affine", [source], [target], "--rank", "2");
        await Refused(2, "--penalty is -1", [source], [target], "--penalty=-1");
        await Refused(2, "the files say 'small'", [source], [target], "--source-model", "other");
        await Refused(2, "no such folder", [source], [target], "--target-sae", "nowhere");
        SaeFolder.Write(folder, "sae", Some.Dictionary());
        await Refused(3, "the dictionary of --target-sae takes 4", [source], [target], "--target-sae", folder.File("sae"));
        Assert.Contains("Use affine, orthogonal, low-rank, mlp", (await Fit("spline", [source], [target])).Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("affine.safetensors")));
    }

    private async Task Refused(int code, string mentions, string[] source, string[] target, params string[] more)
    {
        var run = await Fit("affine", source, target, more);
        Assert.Contains(mentions, run.Error, StringComparison.Ordinal);
        Assert.Equal(code, run.ExitCode);
    }

    private Task<Program.Ended> Fit(string kind, string[] source, string[] target, params string[] more) =>
        Program.RunAsync(["transform", "fit", "--kind", kind, "--source", .. source, "--target", .. target, "--out", folder.File($"{kind}.safetensors"), .. more]);

    // Small whole numbers that no line holds, and a turn by a right angle about (5, 5).
    private static float[] Source(int row) => [row % 7, row * row % 11];
    private static float[] Target(int row) => [10 - row * row % 11, row % 7];

    private string Write(string name, Func<int, float[]> row, string model) => folder.Write($"{name}.safetensors", Message(row, model, 0, Rows));

    private static byte[] Message(Func<int, float[]> row, string model, int first, int rows)
    {
        var values = Enumerable.Range(first, rows).Select(row).ToArray();
        return SafetensorsFile.Of(
            Some.Metadata(Some.Monitor with { Model = model }), SomeTensor.F32("activations", [rows, values[0].Length], [.. values.SelectMany(value => value)]),
            SomeTensor.I32("sequence_ids", [.. Enumerable.Range(first, rows).Select(number => number / 3)]));
    }
}
