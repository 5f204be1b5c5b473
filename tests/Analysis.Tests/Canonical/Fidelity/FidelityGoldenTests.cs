using System.Text.Json.Nodes;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fidelity;

/// <summary>Against NumPy's numbers: Golden/fidelity.py.</summary>
public sealed class FidelityGoldenTests
{
    private static readonly JsonNode numbers = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "fidelity.json")))!;

    [Fact]
    public void SVCCA_and_linear_CKA_are_NumPys()
    {
        foreach (var expected in numbers["likeness"]!.AsArray().Select(node => node!))
        {
            var products = new Analysis.Canonical.Fitting.Products<double>(1);
            var moments = new PairMoments((int)Number(expected, "p"), (int)Number(expected, "q"));
            var (x, y) = (Numbers(expected, "x"), Numbers(expected, "y"));
            // In two parts, as sequences come.
            var rows = x.Length / moments.P;
            moments.Add(x.AsSpan(0, rows / 3 * moments.P), y.AsSpan(0, rows / 3 * moments.Q), products);
            moments.Add(x.AsSpan(rows / 3 * moments.P), y.AsSpan(rows / 3 * moments.Q), products);

            Assert.Equal(Number(expected, "svcca"), Svcca.Of(moments), 1e-4);
            Assert.Equal(Number(expected, "cka"), LinearCka.Of(moments), 1e-4);
        }
    }

    [Fact]
    public void Every_figure_of_a_map_is_NumPys()
    {
        var expected = numbers["evaluation"]!;
        var (source, target, features) = ((int)Number(expected, "source"), (int)Number(expected, "target"), (int)Number(expected, "features"));
        var x = Numbers(expected, "x");
        var (rows, sequences) = (x.Length / source, (int)Number(expected, "sequences"));
        var sae = new SparseAutoencoder
        {
            Kind = AutoencoderKind.Standard,
            Width = target,
            Features = features,
            EncoderDF = Numbers(expected, "encoder"),
            DecoderFD = Numbers(expected, "decoder"),
            EncoderBiasF = Numbers(expected, "encoderBias"),
            DecoderBiasD = Numbers(expected, "decoderBias"),
        };
        var paired = new PairedArrays(x, source, Numbers(expected, "y"), target, [.. Enumerable.Range(0, rows).Select(row => row / (rows / sequences))], sequencesOfBlock: 5);
        var reference = new CpuEncoder(sae, 1);
        var map = new AffineTransform(Numbers(expected, "a"), Numbers(expected, "b"), null, "some");

        var report = TransformEvaluation.Run(EvaluationData.Survey(paired, new("affine")), new ActivationView("map", map, reference), reference, null, 1);

        Assert.Equal((rows, sequences, (int)Number(expected, "measured")), (report.Rows, report.Sequences, report.FeaturesMeasured));
        foreach (var (name, value) in new (string, double)[]
                 {
                     ("r2", report.Map.R2.Value), ("fvuNative", report.FvuNative.Value), ("fvuMapped", report.Map.FvuMapped!.Value), ("fvuThrough", report.Map.FvuThrough.Value),
                     ("correlationMean", report.Map.CorrelationMean.Value), ("correlationMedian", report.Map.CorrelationMedian.Value), ("matched", report.Map.MatchedShare.Value),
                     ("precision", report.Map.Precision.Value), ("recall", report.Map.Recall.Value), ("f1", report.Map.SupportF1.Value), ("svcca", report.Map.Svcca!.Value), ("cka", report.Map.Cka!.Value),
                 })
            Assert.True(Math.Abs(Number(expected, name) - value) < 1e-4, $"{name} is {value}, NumPy says {Number(expected, name)}");
        foreach (var (decile, value) in Numbers(expected, "deciles").Zip(report.Map.CorrelationDeciles)) Assert.Equal(decile, value, 1e-4);
        Assert.InRange(report.Controls.Single(control => control.Name == FidelityControls.Mean).Figures.R2.Value, -1e-6, 1e-6);
    }

    private static double Number(JsonNode node, string name) => (double)node[name]!;

    private static float[] Numbers(JsonNode node, string name) => [.. node[name]!.AsArray().Select(value => (float)(double)value!)];
}
