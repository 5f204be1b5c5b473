using System.Collections.Immutable;
using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis;

/// <summary>A versioned list of features that models of a family are compared in: the reference dictionary's, unless a map says otherwise.</summary>
public sealed record CanonicalSpace(string Id, IEncoder Encoder, FeatureLabels Labels)
{
    public SparseAutoencoder Dictionary => Encoder.Dictionary;
}

/// <summary>Where a model's baseline comes from.</summary>
/// <param name="From">The monitor whose rows it is learned from.</param>
/// <param name="Rows">How many rows of traffic before it is frozen.</param>
/// <param name="CanaryRows">How many canary rows before theirs is.</param>
public sealed record BaselineSource(MonitorId From, long Rows, long CanaryRows);

/// <summary>How the rows of one model at one hook are analysed: what the catalog says, loaded.</summary>
public sealed record ModelPlan
{
    public required string Model { get; init; }
    public required string Hook { get; init; }
    // What is derived below is kept; a copy with other values (`plan with { … }`) must not keep it.
    public required CanonicalSpace Space { get; init => (field, encodingHash) = (value, null); }
    public required ITransform Transform { get; init => (field, encodingHash, directions, detectors) = (value, null, default, default); }
    public required BaselineSource Baseline { get; init; }
    public required ImmutableArray<HazardRule> Hazards { get; init => (field, sets, directions, detectors) = (value, default, default, default); }
    public required WindowOptions Windows { get; init => (field, encodingHash) = (value, null); }
    public required DetectionOptions Detection { get; init => (field, detectors) = (value, default); }

    /// <summary>The model's own dictionary, where its features are mapped and not its activations; else null.</summary>
    public OwnDictionary? Own => Transform as OwnDictionary;

    /// <summary>What its rows are encoded with.</summary>
    public IEncoder Encoder => Own?.Encoder ?? Space.Encoder;

    /// <summary>Every set that some rule of the space watches, each once, in one order.</summary>
    public ImmutableArray<FeatureSet> Sets => sets.IsDefault
        ? sets = [.. Hazards.SelectMany(hazard => hazard.Sets).GroupBy(set => set.Key, StringComparer.Ordinal).Select(group => group.First()).OrderBy(set => set.Key, StringComparer.Ordinal)]
        : sets;

    private ImmutableArray<FeatureSet> sets;

    /// <summary>Probes that some rule of the space watches, each once, in one order. None behind a feature map: there are no canonical activations to score.</summary>
    public ImmutableArray<Direction> Directions => directions.IsDefault
        ? directions = Own is not null ? [] : [.. Hazards.SelectMany(hazard => hazard.Directions).GroupBy(direction => direction.Key, StringComparer.Ordinal).Select(group => group.First()).OrderBy(direction => direction.Key, StringComparer.Ordinal)]
        : directions;

    private ImmutableArray<Direction> directions;

    /// <summary>Summaries compare only when this is equal: same dictionary, same transform, same rows left out, same precision.</summary>
    public string EncodingHash => encodingHash ??= Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"{Space.Dictionary.Hash}|{Transform.Hash}|{Windows.OutlierNorm:R}{OtherPrecision}")));

    /// <summary>Nothing for float32, so that hashes are what they were before there were others.</summary>
    private string OtherPrecision => Encoder.Status.Precision == Precision.Fp32 ? "" : $"|{Encoder.Status.Precision.ToString().ToLowerInvariant()}";

    private string? encodingHash;

    /// <summary>The detectors, in the order in which their findings are stored. A new one is one file and one line here.</summary>
    public ImmutableArray<IDetector> Detectors => detectors.IsDefault
        ? detectors =
        [
            new FiringRateShift(Detection),
            new NewFeature(Detection),
            new SilentFeature(Detection),
            new EncoderFit(Detection),
            new ActivationMeanShift(Detection),
            new ActivationCovarianceShift(Detection),
            new MagnitudeShift(Detection),
            .. Transform is IdentityTransform ? Array.Empty<IDetector>() : [new MapFit(Detection, ofFeatures: Own is not null)],
            .. Hazards.Select(hazard => new HazardDetector(hazard)),
        ]
        : detectors;

    private ImmutableArray<IDetector> detectors;
}

/// <summary>What the operator's folder says, loaded and checked.</summary>
public sealed record Catalog
{
    private readonly Task<string> content;

    /// <param name="content">May still be in the making: it waits for the hashes of weights.</param>
    public Catalog(Task<string> content, ImmutableArray<ModelPlan> models) => (this.content, Models) = (content, models);

    public Catalog(string hash, string content, ImmutableArray<ModelPlan> models) : this(Task.FromResult(content), models) => Hash = hash;

    public ImmutableArray<ModelPlan> Models { get; init; }

    /// <summary>Everything that decides findings, as canonical JSON: rules and options in force, hashes of weights.</summary>
    public string Content => content.GetAwaiter().GetResult();

    /// <summary>SHA-256 of <see cref="Content"/>; windows name it.</summary>
    public string Hash { get => field ??= Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Content))); init; }

    public ModelPlan? PlanFor(MonitorId monitor) => Models.FirstOrDefault(plan => plan.Model == monitor.Model && plan.Hook == monitor.Hook);
}
