using System.Collections.Immutable;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Support;

/// <summary>Values for tests: valid unless a test changes what it is about.</summary>
public static class Some
{
    public const string Model = "acme/support-bot";
    public const string Version = "2026-11-20.3";
    public const string Hook = "blocks.2.hook_resid_post";

    /// <summary>Width of the models of <see cref="Plan"/> and of messages.</summary>
    public const int Width = 4;
    public const int Features = 16;

    public static readonly MonitorId Monitor = new(Model, Version, Hook);
    public static readonly DateTimeOffset Time = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    /// <summary>For theories, as in <c>public static TheoryData&lt;int&gt; Seeds => [.. Some.Seeds]</c>: a failing seed stands in the test's name.</summary>
    public static IEnumerable<int> Seeds => Enumerable.Range(1, 20);

    public static Dictionary<string, string> Metadata(MonitorId? monitor = null, DateTimeOffset? sampledAt = null) => new(StringComparer.Ordinal)
    {
        ["model"] = (monitor ?? Monitor).Model,
        ["version"] = (monitor ?? Monitor).Version,
        ["hook"] = (monitor ?? Monitor).Hook,
        ["sampled_at"] = (sampledAt ?? Time).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"),
    };

    /// <summary>Small whole numbers, so that every type keeps them exactly.</summary>
    public static float[] Values(int count) => [.. Enumerable.Range(0, count).Select(i => (float)(i % 61 - 30))];

    public static SomeTensor Activations(int rows, int width = Width) => SomeTensor.F32("activations", [rows, width], Values(rows * width));

    /// <summary>The bytes of a valid message.</summary>
    public static byte[] Message(int rows = 3, MonitorId? monitor = null, DateTimeOffset? sampledAt = null) => SafetensorsFile.Of(Metadata(monitor, sampledAt), Activations(rows));

    /// <summary>A dictionary that encodes something: features fire on single axes and their negatives.</summary>
    public static SparseAutoencoder Dictionary(int width = Width, int features = Features)
    {
        var weights = new float[width * features];
        for (var feature = 0; feature < features; feature++) weights[feature % width * features + feature] = feature / width % 2 == 0 ? 1 : -1;
        var decoder = new float[width * features];
        for (var feature = 0; feature < features; feature++)
            for (var i = 0; i < width; i++) decoder[feature * width + i] = weights[i * features + feature] / (features / width / 2);
        return new()
        {
            Kind = AutoencoderKind.Standard,
            Width = width,
            Features = features,
            EncoderDF = weights,
            DecoderFD = decoder,
            EncoderBiasF = new float[features],
            DecoderBiasD = new float[width],
            Hash = new('d', 64),
        };
    }

    public static ModelPlan Plan(ImmutableArray<HazardRule>? hazards = null, DetectionOptions? detection = null, ITransform? transform = null) => new()
    {
        Model = Model,
        Hook = Hook,
        Space = new("some/v1", new CpuEncoder(Dictionary(), threads: 1), new(ImmutableDictionary<int, FeatureLabel>.Empty.Add(1, new("hostile", [], "")))),
        Transform = transform ?? new IdentityTransform(Width),
        Baseline = new(Monitor with { Version = "base" }, 1000, 100),
        Hazards = hazards ?? [],
        Windows = new(),
        Detection = detection ?? new(),
    };

    public static Catalog Catalog(params ImmutableArray<ModelPlan> plans) => new(new('c', 64), "{}", plans);

    public static HazardRule Hazard(string id, int inARow = 1, Severity severity = Severity.Critical) =>
        new(id, severity, $"what {id} is about", new HazardFeatures(new([1], Within.Token), RateAbove: 0.1, null, null, null), MinimumSequences: 1, inARow);

    /// <summary>A detector that saw drift names feature 1.</summary>
    public static Finding Finding(string detector, Verdict verdict, double score = 3) => verdict == Verdict.Drift
        ? Analysis.Detection.Finding.With(detector, verdict, score, 2, "it moved", [new FeatureEvidence(1, null, 0.01, 0.2, score, 1e-6)])
        : Analysis.Detection.Finding.Without(detector, verdict, 0.5, 1, verdict == Verdict.Steady ? "it did not move" : "too few sequences");

    public static WindowSummary Summary(int sequences = 2, int rowsEach = 5, int width = Width, int features = Features)
    {
        var builder = new SummaryBuilder(features, width, [], []);
        var codes = new SparseCodes();
        var encoder = new CpuEncoder(Dictionary(width, features), threads: 1);
        for (var sequence = 0; sequence < sequences; sequence++)
        {
            var rows = Values(rowsEach * width);
            encoder.Encode(rows, codes);
            builder.AddSequence(rows, codes, 0, rows.Sum(x => (double)x * x), 0.25);
        }
        return builder.Build();
    }

    /// <summary>Window number <paramref name="number"/> of a monitor on a partition, ten offsets and one hour each.</summary>
    public static JudgedWindow Judged(
        int number, ModelPlan plan, ImmutableArray<Finding> findings, MonitorId? monitor = null, Probe probe = Probe.Traffic, WindowSummary? summary = null) => new(
        new(
            new(monitor ?? Monitor, probe), new(number * 10, number * 10 + 10, number * 10 + 10, Time.AddHours(number)),
            Time.AddHours(number), Time.AddHours(number + 1), ImmutableSortedDictionary<string, long>.Empty, summary ?? someSummary.Value),
        plan, findings.IsEmpty ? null : someBaseline.Value, findings);

    /// <summary>The fact that a judged window is stored as.</summary>
    public static WindowClosed Closed(JudgedWindow judged, int partition = 0)
    {
        var (window, plan) = (judged.Window, judged.Plan);
        return new(
            window.Key.Monitor, window.Key.Probe, partition, window.Offsets, window.Start, window.End, window.Summary.Rows, window.Summary.Sequences, 0, 0, 0,
            window.Summary.Fvu, window.Summary.L0.Ratio, window.Rejected, plan.Space.Id, plan.Space.Dictionary.Hash, plan.Transform.Hash, plan.EncodingHash, new('c', 64), judged.Baseline?.Hash,
            judged.Findings, SummaryCodec.Encode(window.Summary));
    }

    /// <summary>Window number <paramref name="number"/> as a stored fact.</summary>
    public static WindowClosed Closed(int number, params ImmutableArray<Finding> findings) => Closed(Judged(number, somePlan.Value, findings));

    /// <summary>An alert as it is raised.</summary>
    public static HazardDetected Raised(string alert = "0123456789ab") => new(
        alert, Monitor, Probe.Traffic, 0, "backdoor-hostile", Severity.Critical, "hostile-text features fire together", "unclear", 7, 2184,
        new(Time, Time.AddHours(1), 120, 240, 20_011, 312, 0.31, 0.25, 14.5, 12.25, null),
        [new("hazard:backdoor-hostile", 7, 3, "it fires", 1, [new(1, null, "hostile", 0.01, 0.2, 7, 1e-6)])]);

    private static readonly Lazy<ModelPlan> somePlan = new(() => Plan());
    private static readonly Lazy<WindowSummary> someSummary = new(() => Summary());
    private static readonly Lazy<Baseline> someBaseline = new(() => new(new(Monitor with { Version = "base" }, Probe.Traffic), "e", new('b', 64), Summary()));
}
