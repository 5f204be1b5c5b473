using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fidelity;

/// <summary>The families beside the checkout: dictionaries trained by SAELens, and a trained language model with its distilled small siblings.</summary>
public sealed class SharedFamilyGradeTests
{
    [Fact]
    public void Grades_of_the_synthetic_family_order_as_its_true_overlap_does()
    {
        var folder = SharedFamily.Folder("synthetic");
        var reference = SharedFamily.Encoder(folder, "reference");

        FidelityReport[] reports =
        [
            Affine(Pairs("rotated"), reference, "orthogonal"), Features("independent"), Affine(Pairs("half"), reference, "affine"), Affine(Pairs("unrelated"), reference, "affine"),
        ];
        FidelityReport[] byFeatures = [.. new[] { "rotated", "independent", "half", "unrelated" }.Select(Features)];

        Assert.All(new[] { reports, byFeatures }, order =>
        {
            Assert.Equal(('A', 'F'), (order[0].Grade, order[3].Grade));
            Assert.All(order.Zip(order.Skip(1)), pair => Assert.True(pair.First.Grade < pair.Second.Grade, string.Join(", ", order.Select(report => $"{report.Grade} {report.Score.Value:0.000}"))));
        });

        PairedArrays Pairs(string name) => SharedFamily.Pairs(Path.Combine(folder, $"activations-{name}.safetensors"), Path.Combine(folder, "activations-reference.safetensors"), "sequence_ids");

        FidelityReport Features(string name)
        {
            var (own, paired) = (SharedFamily.Encoder(folder, name), Pairs(name));
            var learned = FeatureMapFit.Learn(paired, own, reference);
            return TransformEvaluation.Run(
                EvaluationData.Survey(paired, learned.Card(own.Dictionary, reference.Dictionary)), new FeatureView("map", own, learned.Map.Apply), reference, own, Environment.ProcessorCount);
        }
    }

    [Fact]
    public void A_ridge_map_of_the_distilled_small_model_is_as_faithful_as_the_testbed_reports_and_the_harder_sibling_is_graded_worse()
    {
        var folder = SharedFamily.Folder("testbed");
        var base_ = SharedFamily.Encoder(folder, "base-batchtopk");
        PairedArrays Pairs(string name) => SharedFamily.Pairs(Path.Combine(folder, "activations", $"main-{name}.safetensors"), Path.Combine(folder, "activations", "main-base.safetensors"), "doc_id");

        var (small, logit) = (Affine(Pairs("small"), base_, "affine"), Affine(Pairs("small-logit"), base_, "affine"));

        Assert.True(small.Map.R2.Value >= 0.678 && small.Map.CorrelationMedian.Value >= 0.611, $"R² {small.Map.R2}, median correlation {small.Map.CorrelationMedian}");
        Assert.True(small.Grade <= 'C' && small.Grade < logit.Grade, $"{small.Grade} {small.Score.Value:0.000}, {logit.Grade} {logit.Score.Value:0.000}");
    }

    private static FidelityReport Affine(PairedArrays paired, CpuEncoder reference, string kind)
    {
        using var file = new MemoryStream();
        TransformFit.Learn(paired, new(kind)).Write(file);
        file.Position = 0;
        var map = TransformFile.Read(file, "some.safetensors");
        return TransformEvaluation.Run(EvaluationData.Survey(paired, map.Card!), new ActivationView("map", map, reference), reference, null, Environment.ProcessorCount);
    }
}
