using System.Collections.Immutable;
using System.Runtime.InteropServices;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;
using DriftWatch.Daemon.Commands;
using DriftWatch.Ingest;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>A dictionary of 16 features in 8 dimensions, an approved version and one that fires other features, over a few partitions.</summary>
internal sealed class SmallWorld(int windowRows = 200, int baselineRows = 600)
{
    private const int Width = 8;
    private const int Features = 16;
    private static readonly DateTimeOffset start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public Catalog Catalog { get; } = MakeCatalog(windowRows, baselineRows);

    /// <summary>Messages of all versions, each version on one partition as keyed messages are, with refused ones and jumps of time between them.</summary>
    public static IReadOnlyList<IReadOnlyList<RawMessage>> Traffic(Random random, int partitions) => Traffic(random, partitions, messages: 40, garbageOneIn: 8).Partitions;

    /// <param name="messages">Of each version.</param>
    /// <param name="garbageOneIn">How many messages there are to a refused one; 0: none is refused.</param>
    /// <returns>Also where the messages of the approved version, which are the first, end in each partition.</returns>
    public static (IReadOnlyList<IReadOnlyList<RawMessage>> Partitions, IReadOnlyList<int> BaseEnds) Traffic(Random random, int partitions, int messages, int garbageOneIn)
    {
        var sent = Enumerable.Range(0, partitions).Select(_ => new List<RawMessage>()).ToArray();
        var baseEnds = new int[partitions];
        foreach (var (version, home) in new[] { ("base", 0), ("good", random.Next(partitions)), ("bad", random.Next(partitions)) })
        {
            for (var i = 0; i < messages; i++)
            {
                Add(sent, home, Message(random, version, start.AddMinutes(i)));
                if (garbageOneIn > 0 && random.Next(garbageOneIn) == 0) Add(sent, random.Next(partitions), [1, 2, 3]);
                if (random.Next(messages) == 0) Add(sent, home, Message(random, version, start.AddDays(i)));
            }
            if (version == "base") baseEnds = [.. sent.Select(partition => partition.Count)];
        }
        return (sent, baseEnds);
    }

    /// <summary>One run of the loop, to the end of the traffic or to the crash.</summary>
    public async Task RunAsync(IEventLog log, IActivationSource source, DeadLetterBox box, WatchSnapshots? snapshots = null)
    {
        var register = new MonitorRegister();
        using var metrics = new WatchMetrics(register, TimeProvider.System);
        var watcher = new DriftWatcher(
            source, House.DecoderFor(Catalog, 1 << 20), Catalog, new(log, Catalog, snapshots), box, metrics, new(TimeProvider.System), TimeProvider.System, NullLogger<DriftWatcher>.Instance);
        await watcher.RunAsync(TestContext.Current.CancellationToken, TestContext.Current.CancellationToken);
    }

    /// <summary>Everything that is stored but for the order between streams, which two partitions do not fix.</summary>
    public static async Task<IReadOnlyList<string>> ContentAsync(IEventLog log)
    {
        var content = new List<string>();
        await foreach (var stored in log.ReadAllAsync(0, TestContext.Current.CancellationToken))
            content.Add($"{stored.Stream} {stored.Revision:00000} {stored.Id} {stored.Hash} {System.Text.Encoding.UTF8.GetString(stored.Data)}");
        content.Sort(StringComparer.Ordinal);
        return content;
    }

    private static void Add(List<RawMessage>[] partitions, int number, byte[] value) => partitions[number].Add(new(number, partitions[number].Count, value, default, [], start));

    private static byte[] Message(Random random, string version, DateTimeOffset at)
    {
        const int sequences = 5, rows = 8;
        var values = new float[sequences * rows * Width];
        for (var row = 0; row < sequences * rows; row++)
        {
            // The bad version writes along axes that the others leave alone.
            var axis = version == "bad" && random.Next(3) == 0 ? 6 + random.Next(2) : random.Next(6);
            values[row * Width + axis] = 2 + random.NextSingle();
            for (var i = 0; i < Width; i++) values[row * Width + i] += 0.1f * (random.NextSingle() - 0.5f);
        }
        var ids = Enumerable.Range(0, sequences * rows).Select(row => row / rows).ToArray();
        using var file = new MemoryStream();
        SafetensorsWriter.Write(
            file,
            [("activations", "F32", [ids.Length, Width], MemoryMarshal.AsBytes<float>(values).ToArray()), ("sequence_ids", "I32", [ids.Length], MemoryMarshal.AsBytes<int>(ids).ToArray())],
            new() { ["model"] = "m", ["version"] = version, ["hook"] = "h", ["sampled_at"] = at.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'") });
        return file.ToArray();
    }

    private static Catalog MakeCatalog(int windowRows, int baselineRows)
    {
        var encoder = new float[Width * Features];
        var decoder = new float[Width * Features];
        for (var f = 0; f < Features; f++)
        {
            // Two features an axis, one that fires early and one late.
            encoder[f / 2 * Features + f] = 1;
            decoder[f * Width + f / 2] = 0.5f;
        }
        var sae = new SparseAutoencoder
        {
            Kind = AutoencoderKind.JumpReLU,
            Width = Width,
            Features = Features,
            EncoderDF = encoder,
            DecoderFD = decoder,
            EncoderBiasF = new float[Features],
            DecoderBiasD = new float[Width],
            ThresholdF = [.. Enumerable.Range(0, Features).Select(f => f % 2 == 0 ? 1f : 2.5f)],
            Hash = "small",
        };
        var hazard = new HazardRule("odd", Severity.Critical, "features 12 and 14 fire", new HazardAny(
        [
            new HazardFeatures(new([12], Within.Token), 0.05, 5, null, null),
            new HazardFeatures(new([12, 14], Within.Sequence), 0.05, null, null, null),
        ]), windowRows / 10, 2);
        return new("catalog", "{}",
        [
            new()
            {
                Model = "m",
                Hook = "h",
                Space = new("s", new ReferenceEncoder(sae), FeatureLabels.None),
                Transform = new IdentityTransform(Width),
                Baseline = new(new("m", "base", "h"), baselineRows, 1000),
                Hazards = [hazard],
                Windows = new() { Rows = windowRows, Length = TimeSpan.FromHours(2) },
                Detection = new() { SequencesMinimum = 10 },
            },
        ]);
    }
}

internal sealed class DeadLetterBox : IDeadLetters
{
    public List<(int Partition, long Offset, string Reason)> Letters { get; } = [];

    public Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping)
    {
        Letters.Add((message.Partition, message.Offset, reason));
        return Task.CompletedTask;
    }
}
