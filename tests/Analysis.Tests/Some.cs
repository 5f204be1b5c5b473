using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests;

/// <summary>Test values.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    public static readonly MonitorId Monitor = new("acme/support-bot", "2026-11-20.3", "blocks.12.hook_resid_post");

    public static ModelPlan Plan(SparseAutoencoder sae, params HazardRule[] hazards) => new()
    {
        Model = Monitor.Model,
        Hook = Monitor.Hook,
        Space = new("space/v1", new ReferenceEncoder(sae), FeatureLabels.None),
        Transform = new IdentityTransform(sae.Width),
        Baseline = new(Monitor, 1000, 1000),
        Hazards = [.. hazards],
        Windows = new(),
        Detection = new(),
    };

    public static Catalog Catalog(params ModelPlan[] plans) => new("hash", "{}", [.. plans]);

    /// <summary>A message of sequences with random rows.</summary>
    public static ActivationBatch Batch(Random random, MonitorId monitor, DateTimeOffset sampledAt, int width, params int[] sequenceLengths) =>
        Batch(monitor, sampledAt, width, [.. sequenceLengths.Select(length => SomeAutoencoder.Gaussians(random, length * width, 1))]);

    /// <summary>A message of these sequences.</summary>
    public static ActivationBatch Batch(MonitorId monitor, DateTimeOffset sampledAt, int width, params float[][] sequencesND)
    {
        var rowsBD = sequencesND.SelectMany(sequence => sequence).ToArray();
        var sequenceOf = sequencesND.SelectMany((sequence, s) => Enumerable.Repeat(s, sequence.Length / width)).ToArray();
        return new(monitor, Probe.Traffic, sampledAt, ActivationType.F32, sequenceOf.Length, width, MemoryMarshal.AsBytes<float>(rowsBD).ToArray(), sequenceOf, sequencesND.Length);
    }

    /// <summary>A sequence in which each feature fires in so many rows, from the first on.</summary>
    public static SomeSequence Sequence(int rows, params (int Feature, int Count)[] fires) =>
        new([.. Enumerable.Range(0, rows).Select(row => fires.Where(fire => row < fire.Count).Select(fire => fire.Feature).Order().ToArray())]);

    public static IEnumerable<SomeSequence> Sequences(int count, int rows, params (int Feature, int Count)[] fires) => Enumerable.Repeat(Sequence(rows, fires), count);

    public static WindowSummary Summary(int features, IEnumerable<SomeSequence> sequences, params FeatureSet[] sets) => Builder(features, sequences, sets).Build();

    /// <summary>With what is known of its single sequences until it is judged.</summary>
    public static ClosedWindow Window(int features, IEnumerable<SomeSequence> sequences)
    {
        var builder = Builder(features, sequences);
        return new(new(Monitor, Probe.Traffic), default, Noon, Noon, ImmutableSortedDictionary<string, long>.Empty, builder.Build()) { Profiles = builder.Profiles(), Firings = builder.Firings };
    }

    private static SummaryBuilder Builder(int features, IEnumerable<SomeSequence> sequences, params FeatureSet[] sets)
    {
        var builder = new SummaryBuilder(features, width: 1, [.. sets], []);
        var codes = new SparseCodes();
        foreach (var sequence in sequences)
        {
            codes.Clear();
            foreach (var row in sequence.Rows) codes.AddRow(row, [.. row.Select(_ => 1f)]);
            var rowsN1 = sequence.ActivationsN1 ?? [.. sequence.Rows.Select(_ => 1f)];
            builder.AddSequence(rowsN1, codes, 0, sequence.Energy ?? sequence.Rows.Length, sequence.Error ?? 0.1 * sequence.Rows.Length);
        }
        return builder;
    }

    public static Baseline Baseline(WindowSummary summary) => new(new(Monitor, Probe.Traffic), "encoding", "hash", summary);

    public static FeatureSet Together(params int[] features) => new([.. features], Within.Token);

    public static FeatureSet InOneSequence(params int[] features) => new([.. features], Within.Sequence);

    /// <summary>A safetensors file.</summary>
    public static byte[] Safetensors(IReadOnlyDictionary<string, string>? metadata, params (string Name, string DType, int[] Shape, byte[] Data)[] tensors)
    {
        var header = new Dictionary<string, object>(StringComparer.Ordinal);
        if (metadata is not null) header["__metadata__"] = metadata;
        var at = 0;
        foreach (var (name, dtype, shape, data) in tensors) header[name] = new { dtype, shape, data_offsets = new[] { at, at += data.Length } };
        return SafetensorsOf(JsonSerializer.Serialize(header), [.. tensors.SelectMany(tensor => tensor.Data)]);
    }

    /// <summary>Any header, however wrong, before any data.</summary>
    public static byte[] SafetensorsOf(string json, byte[] data)
    {
        var utf8 = System.Text.Encoding.UTF8.GetBytes(json);
        var file = new byte[8 + utf8.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, utf8.Length);
        utf8.CopyTo(file, 8);
        data.CopyTo(file, 8 + utf8.Length);
        return file;
    }

    public static byte[] Bytes(params float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();
}

/// <summary>One sequence, made by hand: for each row the features that fire (with value 1).</summary>
internal sealed record SomeSequence(int[][] Rows)
{
    /// <summary>Width 1; all 1 unless said.</summary>
    public float[]? ActivationsN1 { get; init; }
    public double? Energy { get; init; }
    public double? Error { get; init; }
}

/// <summary>A dictionary's folder in memory.</summary>
internal sealed class MemoryFiles(string path, params (string Name, byte[] Data)[] files) : IWeightFiles
{
    public MemoryFiles(params (string Name, byte[] Data)[] files) : this("some/dictionary", files)
    {
    }

    public string Path => path;

    public IReadOnlyList<string> Names => [.. files.Select(file => file.Name)];

    public bool Has(string name) => files.Any(file => file.Name == name);

    public Stream Open(string name) => new MemoryStream(files.First(file => file.Name == name).Data);
}
