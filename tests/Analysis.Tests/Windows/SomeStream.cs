using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Analysis.Windows;
using FsCheck;
using FsCheck.Fluent;

namespace DriftWatch.Analysis.Tests.Windows;

/// <summary>One message of a made-up partition. Its rows follow from its seed, so that reading it again gives the same message.</summary>
/// <param name="Watcher">Which of the monitors; −1: a message that is refused.</param>
/// <param name="Minutes">How much later than the message before it was sampled; may be negative.</param>
internal sealed record SomeMessage(int Watcher, int Minutes, int[] SequenceLengths, int Seed);

/// <summary>A partition with messages of several monitors, and what reads it: small numbers, everything that can happen.</summary>
internal sealed class SomeStream
{
    public const int Width = 6;
    public const int Features = 24;
    private const int LearnedRows = 25;

    private static readonly WindowKey[] keys =
    [
        new(new("a", "1", "h"), Probe.Traffic),
        new(new("a", "2", "h"), Probe.Traffic),
        new(new("a", "2", "h"), Probe.Canary),
        new(new("b", "1", "h"), Probe.Traffic),
    ];

    private static readonly ImmutableArray<FeatureSet> sets = [Some.InOneSequence(1, 2), Some.InOneSequence(5), Some.Together(0, 3)];

    private readonly SomeMessage[] messages;
    private readonly DateTimeOffset[] times;
    private readonly Catalog catalog;
    private readonly WindowOptions options = new() { Rows = 12, Length = TimeSpan.FromMinutes(30) };

    /// <param name="encoding">Null: the plain encoder.</param>
    public SomeStream(SomeMessage[] messages, Func<IEncoder, IEncoder>? encoding = null)
    {
        this.messages = messages;
        times = new DateTimeOffset[messages.Length];
        var time = Some.Noon;
        for (var i = 0; i < messages.Length; i++) times[i] = time += TimeSpan.FromMinutes(messages[i].Minutes);
        IEncoder encoder = new ReferenceEncoder(Dictionary());
        encoder = encoding?.Invoke(encoder) ?? encoder;
        // The second one's features are those behind its own.
        var map = new FeatureMap(Features, Features, [.. Enumerable.Range(1, Features - 1).Select(f => new FeatureMapEntry(f, f - 1, 2, 1))], new float[Features]);
        var transforms = new Dictionary<string, ITransform> { ["a"] = new IdentityTransform(Width), ["b"] = new OwnDictionary(encoder, map, "map", new("feature-map")) };
        catalog = Some.Catalog([.. transforms.Select(model => Some.Plan(encoder.Dictionary) with
        {
            Model = model.Key,
            Hook = "h",
            Transform = model.Value,
            Space = new("space/v1", encoder, FeatureLabels.None),
            Windows = options,
            Hazards = [new("some", Severity.Info, "", new HazardAll([.. sets.Select(set => new HazardFeatures(set, 0.5, null, null, null))]), 1, 1)],
        })]);
    }

    public static SparseAutoencoder Dictionary() =>
        SomeAutoencoder.Of(new Random(1), AutoencoderKind.Standard, InputNormalization.None, Width, Features) with { Hash = "some" };

    public static Gen<SomeMessage> Message =>
        from watcher in Gen.Frequency((1, Gen.Constant(-1)), (9, Gen.Choose(0, keys.Length - 1)))
        from minutes in Gen.Frequency((20, Gen.Choose(0, 5)), (6, Gen.Choose(-20, 40)), (1, Gen.Choose(100, 2000)), (1, Gen.Choose(-2000, -100)))
        from lengths in Gen.Choose(1, 3).SelectMany(count => Gen.Choose(1, 4).ArrayOf(count))
        from seed in Gen.Choose(0, 1 << 20)
        select new SomeMessage(watcher, minutes, lengths, seed);

    public int Count => messages.Length;

    public (WindowKey Key, ActivationBatch Batch)? At(int offset)
    {
        var message = messages[offset];
        if (message.Watcher < 0) return null;
        var key = keys[message.Watcher];
        var random = new Random(message.Seed);
        var sequences = message.SequenceLengths.Select(length => SomeAutoencoder.Gaussians(random, length * Width, 1)).ToArray();
        // Rows that do not count must not count after a restart either.
        if (random.Next(4) == 0) sequences[0][0] = float.NaN;
        return (key, Some.Batch(key.Monitor, times[offset], Width, sequences) with { Probe = key.Probe });
    }

    /// <summary>As the daemon reads: from the stored position on, storing each window before it asks for the next.</summary>
    public IEnumerable<ClosedWindow> ReadOn(List<ClosedWindow> stored)
    {
        var position = stored.Aggregate(PartitionPosition.Beginning, (position, window) => position.After(window.Key, window.Offsets));
        var windows = new PartitionWindows(options, position, key => RowsLeft(key, stored));
        var analyzer = new DriftAnalyzer(catalog);
        for (var offset = position.OpenFrom ?? 0; offset < messages.Length; offset++)
        {
            if (At((int)offset) is not var (_, batch))
            {
                windows.Reject($"reason-{messages[offset].Seed % 2}", offset);
                continue;
            }
            foreach (var window in analyzer.Analyze(windows, batch, offset))
            {
                stored.Add(window);
                yield return window;
            }
        }
    }

    /// <summary>The same from the beginning, with so many messages at a time encoded together.</summary>
    public IReadOnlyList<ClosedWindow> ReadTogether(int messagesAtATime)
    {
        var closed = new List<ClosedWindow>();
        var windows = new PartitionWindows(options, PartitionPosition.Beginning, key => RowsLeft(key, closed));
        var (analyzer, group) = (new DriftAnalyzer(catalog), new BatchGroup());
        foreach (var some in Enumerable.Range(0, messages.Length).Chunk(messagesAtATime))
        {
            group.Clear();
            var batches = some.Select(offset => At(offset) is var (key, batch) ? (Batch: batch, Encoded: group.Add(batch, catalog.PlanFor(key.Monitor)!)) : default).ToArray();
            group.Encode();
            foreach (var (offset, (batch, encoded)) in some.Zip(batches))
                if (batch is null) windows.Reject($"reason-{messages[offset].Seed % 2}", offset);
                else foreach (var window in analyzer.Analyze(windows, batch, encoded, offset)) closed.Add(window);
        }
        return closed;
    }

    /// <summary>The first monitor learns a baseline, which closes a window early.</summary>
    private static long? RowsLeft(WindowKey key, List<ClosedWindow> stored)
    {
        if (key != keys[0]) return null;
        var rows = stored.Where(window => window.Key == key).Sum(window => window.Summary.Rows);
        return rows >= LearnedRows ? null : LearnedRows - rows;
    }

    /// <summary>Everything about a window, as text that compares and reads.</summary>
    public static string Shown(ClosedWindow window) =>
        $"{window.Key} {window.Offsets} {window.Start:O} {window.End:O} [{string.Join(' ', window.Rejected.Select(entry => $"{entry.Key}={entry.Value}"))}] " +
        $"{window.Summary.Rows} rows {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(SummaryCodec.Encode(window.Summary)))[..16]}";

    public override string ToString() => string.Join(", ", messages.Select((message, i) => $"{i}: {message.Watcher} {message.Minutes:+0;-0} min [{string.Join(' ', message.SequenceLengths)}]"));
}
