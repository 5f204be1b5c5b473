using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Tests.Golden;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

/// <summary>On recorded activations of the shared folder: what its READMEs say a map can reach.</summary>
public sealed class SharedModelsTests
{
    [Fact]
    public void A_small_model_is_mapped_to_its_larger_sibling_as_well_as_the_test_bed_says()
    {
        var paired = Open("testbed/activations/main-small.safetensors", "testbed/activations/main-base.safetensors");

        Assert.True(Learn(paired, "affine").HeldOutR2 >= 0.678);   // testbed/README.md, small->base (all)
        Assert.True(Learn(paired, "low-rank").HeldOutR2 >= 0.678);
        Assert.InRange(Learn(paired, "orthogonal").HeldOutR2!.Value, 0.6, 0.678);
        Assert.Equal(0, paired.LeftOut.All);
        Assert.Equal(288, Learn(paired, "affine").Data is var data ? data.Sequences + data.HeldOutSequences : 0);
    }

    [Fact]
    public void Turned_features_are_turned_back_and_unrelated_ones_are_not_found()
    {
        LearnedTransform FromSynthetic(string model, string kind) => Learn(Open($"synthetic/activations-{model}.safetensors", "synthetic/activations-reference.safetensors"), kind);

        var rotated = FromSynthetic("rotated", "orthogonal");
        Assert.True(rotated.HeldOutR2 > 0.99);
        Assert.Equal(1, rotated.Choices["scale"]!.GetValue<double>(), 1e-3);
        Assert.InRange(FromSynthetic("independent", "affine").HeldOutR2!.Value, 0.4, 0.6);   // maps.json: 0.49
        Assert.InRange(FromSynthetic("unrelated", "affine").HeldOutR2!.Value, -0.02, 0.02);
    }

    [Fact]
    public void An_autoencoder_maps_the_small_model_better_than_any_linear_map()
    {
        var paired = Open("testbed/activations/main-small.safetensors", "testbed/activations/main-base.safetensors");

        Assert.True(TransformFit.Learn(paired, new("mlp") { Epochs = 3, Latent = 128 }).HeldOutR2 > Learn(paired, "affine").HeldOutR2 + 0.01);
    }

    private static LearnedTransform Learn(PairedFiles paired, string kind) => TransformFit.Learn(paired, new(kind));

    private static PairedFiles Open(string source, string target)
    {
        Assert.SkipWhen(GoldenCase.SharedFolder is null, "the recorded activations are not on this machine: no folder shared above the tests; DRIFTWATCH_SHARED can name it");
        var shared = Path.GetDirectoryName(GoldenCase.SharedFolder)!;
        return PairedFiles.Open([Path.Combine(shared, source)], [Path.Combine(shared, target)]);
    }
}
