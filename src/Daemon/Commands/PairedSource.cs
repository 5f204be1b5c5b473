using System.CommandLine;
using System.CommandLine.Parsing;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Ingest.Kafka;

namespace DriftWatch.Daemon.Commands;

/// <summary>The options that name paired activations, <c>--source</c> and <c>--target</c>: files or folders, or a Kafka topic on either side.</summary>
public sealed class PairedSource
{
    private const string Kafka = "kafka:";

    private readonly Option<string[]> source = Side("--source", "The model to map from");
    private readonly Option<string[]> target = Side("--target", "The model to map to, the same tokens in the same order");
    private readonly Option<string[]> settings = new("--set") { Description = "For Kafka: a librdkafka setting, name=value. May be repeated." };

    public IEnumerable<Option> Options => [source, target, settings];

    private static Option<string[]> Side(string name, string what) => new(name)
    {
        Description = $"{what}: activation files or folders of them, in order, or kafka:HOST:PORT/TOPIC. Files pair one by one; messages of two topics pair by key, and those of one key (or keyed by their monitor) by order. Row n of both must be the same token.",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    /// <summary>Opened and checked; messages of Kafka are first put into files, which go with the result.</summary>
    public Opened Open(ParseResult parsed, TextWriter? progress, CancellationToken stopping)
    {
        var (sources, targets) = (parsed.GetRequiredValue(source), parsed.GetRequiredValue(target));
        if (!sources.Concat(targets).Any(IsKafka)) return new(PairedFiles.Open(CommandLine.Files(sources), CommandLine.Files(targets)), null);
        if (sources is not [var from] || targets is not [var to] || !IsKafka(from) || !IsKafka(to)) throw new UsageException("--source and --target are both files, or each one Kafka topic, kafka:HOST:PORT/TOPIC.");
        var folder = Directory.CreateTempSubdirectory("driftwatch-paired-");
        try
        {
            var (pairs, leftOut) = KafkaTopicFiles.Pair(Spill("--source", from, parsed, folder, progress, stopping), Spill("--target", to, parsed, folder, progress, stopping));
            if (leftOut > 0) Console.Error.WriteLine($"{leftOut} messages whose key only one of the topics has were left out.");
            return new(PairedFiles.Open([.. pairs.Select(pair => pair.Source)], [.. pairs.Select(pair => pair.Target)]), folder);
        }
        catch
        {
            folder.Delete(recursive: true);
            throw;
        }
    }

    private static bool IsKafka(string text) => text.StartsWith(Kafka, StringComparison.Ordinal);

    private IReadOnlyList<KafkaMessageFile> Spill(string option, string address, ParseResult parsed, DirectoryInfo folder, TextWriter? progress, CancellationToken stopping)
    {
        var (servers, topic) = CommandLine.KafkaTopic(option, address[Kafka.Length..]);
        var line = new Progress(progress, $"messages of {topic}", total: null);
        var files = KafkaTopicFiles.Read(servers, topic, CommandLine.KafkaSettings(parsed.GetValue(settings)), Path.Combine(folder.FullName, $"{option[2..]}-{topic}"), line.Report, stopping);
        line.End(files.Count);
        return files;
    }

    public sealed class Opened(PairedFiles files, DirectoryInfo? spilled) : IDisposable
    {
        public PairedFiles Files => files;

        public void Dispose() => spilled?.Delete(recursive: true);
    }
}
