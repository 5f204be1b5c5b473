using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Benchmarks;

/// <summary>A plan for judging windows that are made already: judging reads sizes only, so the dictionary has no weights.</summary>
internal static class BenchPlan
{
    public static ModelPlan Of(MonitorId monitor, int features, int width, DetectionOptions detection) => new()
    {
        Model = monitor.Model,
        Hook = monitor.Hook,
        Space = new("bench/v1", new ReferenceEncoder(new()
        {
            Kind = AutoencoderKind.Standard,
            Width = width,
            Features = features,
            EncoderDF = [],
            DecoderFD = [],
            EncoderBiasF = [],
            DecoderBiasD = [],
        }), FeatureLabels.None),
        Transform = new IdentityTransform(width),
        Baseline = new(monitor, 1, 1),
        Hazards = [],
        Windows = new(),
        Detection = detection,
    };
}
