using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Diffing;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Canonical.Fitting;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Diffing;

public sealed class ModelDiffTests
{
    [Fact]
    public void Which_latents_are_a_models_own_is_told_from_those_that_only_look_so()
    {
        var (a, b) = SomeModels.Rows(seed: 1, rows: 2_000);

        var diff = ModelDiffPass.Over(new SomePairs(SomeModels.Width, SomeModels.Width, a, b), new CpuEncoder(SomeModels.Crosscoder(), 2));

        Assert.Equal(
            [
                (LatentSide.Shared, null),
                (LatentSide.BOnly, LatentOrigin.Specific),
                (LatentSide.AOnly, LatentOrigin.Specific),
                (LatentSide.BOnly, LatentOrigin.CompleteShrinkage),
                (LatentSide.BOnly, LatentOrigin.LatentDecoupling),
                (LatentSide.AOnly, LatentOrigin.LatentDecoupling),
                (LatentSide.BOnly, LatentOrigin.Unknown),   // It fires in 20 rows.
                (LatentSide.Dead, null),
            ],
            Enumerable.Range(0, diff.Latents).Select(diff.Of).Select(latent => (latent.Side, latent.Origin)));
        Assert.Equal(1, diff.Of(SomeModels.Shrunk).InB.Error!.Value, 0.05);
        Assert.Equal(1, diff.Of(SomeModels.Decoupled).InB.Reconstruction!.Value, 0.05);
        Assert.InRange(diff.Of(SomeModels.Gained).InB.Error!.Value, -0.05, 0.05);
        // A's error is what was shrunk; B is described wholly.
        Assert.InRange(diff.A.Fvu!.Value, 0.1, 0.5);
        Assert.InRange(diff.B.Fvu!.Value, 0, 0.01);
    }

    /// <summary>Golden/model_diff.py.</summary>
    [Fact]
    public void Norms_cosines_betas_and_FVU_are_NumPys_from_the_definitions()
    {
        var golden = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "model_diff.json")))!;
        var (sae, paired) = Of(golden);

        var diff = ModelDiffPass.Over(paired, new ReferenceEncoder(sae));

        foreach (var j in Enumerable.Range(0, diff.Latents))
        {
            var (expected, latent) = (golden["latents"]![j]!, diff.Of(j));
            Assert.Equal((double)expected["normA"]!, latent.Decoders!.NormA, 1e-6);
            Assert.Equal((double)expected["normB"]!, latent.Decoders.NormB, 1e-6);
            Assert.Equal((double)expected["relative"]!, latent.Decoders.RelativeNorm!.Value, 1e-6);
            Assert.Equal((double?)expected["cosine"] is null, latent.Decoders.Cosine is null);
            if (latent.Decoders.Cosine is { } cosine) Assert.Equal((double)expected["cosine"]!, cosine, 1e-6);
            Same(expected["inB"]!, latent.InB);
            Same(expected["inA"]!, latent.InA);
        }
        Assert.Equal([(double)golden["fvu"]![0]!, (double)golden["fvu"]![1]!], [diff.A.Fvu!.Value, diff.B.Fvu!.Value], Near);
        Assert.Equal([(double)golden["l0"]![0]!, (double)golden["l0"]![1]!], [diff.A.L0, diff.B.L0], Near);
        Assert.Equal([LatentSide.BOnly, LatentSide.AOnly, LatentSide.Shared, LatentSide.BOnly], Enumerable.Range(0, 4).Select(j => diff.Of(j).Side));
    }

    [Fact]
    public void Sums_of_parts_merge_to_the_sums_of_the_whole_however_the_stream_is_cut()
    {
        var (a, b) = SomeModels.Rows(seed: 2, rows: 900);
        var encoder = new CpuEncoder(SomeModels.Crosscoder(), 1);
        const int half = 300 * SomeModels.Width;

        var whole = Over(a, b, blockSequences: 1_000);
        var pieces = Over(a, b, blockSequences: 7);
        var merged = Over(a[half..], b[half..], 1_000);
        merged.Merge(Over(a[..half], b[..half], 1_000));

        foreach (var other in new[] { pieces, merged })
        {
            Assert.Equal(Enumerable.Range(0, whole.Latents).Select(whole.Of), Enumerable.Range(0, other.Latents).Select(other.Of));
            Assert.Equal((whole.Rows, whole.A.Fvu, whole.B.Fvu, whole.A.L0, whole.B.L0), (other.Rows, other.A.Fvu, other.B.Fvu, other.A.L0, other.B.L0));
        }

        ModelDiff Over(float[] rowsA, float[] rowsB, int blockSequences) => ModelDiffPass.Over(new SomePairs(SomeModels.Width, SomeModels.Width, rowsA, rowsB, blockSequences: blockSequences), encoder);
    }

    /// <summary>One dictionary for both models has no decoder rows to go by: firing decides what looks specific.</summary>
    [Fact]
    public void One_dictionary_for_both_models_tells_gained_from_lost_by_firing()
    {
        var (a, b) = SomeModels.Rows(seed: 3, rows: 1_000);
        var crosscoder = SomeModels.Crosscoder();
        var (encoder, decoder) = (new float[SomeModels.Width * SomeModels.Latents], new float[SomeModels.Latents * SomeModels.Width]);
        for (var concept = 0; concept < SomeModels.Latents; concept++) (encoder[concept * SomeModels.Latents + concept], decoder[concept * SomeModels.Width + concept]) = (1, 1);
        var sae = crosscoder with { Heads = 1, Width = SomeModels.Width, Features = SomeModels.Latents, EncoderDF = encoder, DecoderFD = decoder, DecoderBiasD = new float[SomeModels.Width], ThresholdF = crosscoder.ThresholdF[..SomeModels.Latents] };

        var diff = ModelDiffPass.Over(new SomePairs(SomeModels.Width, SomeModels.Width, a, b), new CpuEncoder(sae, 1));

        Assert.Equal([LatentSide.Shared, LatentSide.BOnly, LatentSide.AOnly, LatentSide.Shared], Enumerable.Range(0, 4).Select(j => diff.Of(j).Side));
        Assert.Equal((LatentOrigin.Specific, LatentOrigin.Specific, null), (diff.Of(SomeModels.Gained).Origin!.Value, diff.Of(SomeModels.Lost).Origin!.Value, diff.Of(SomeModels.Shared).Origin));
        Assert.Null(diff.Of(SomeModels.Shared).Decoders);
    }

    /// <summary>Decoder rows of what never fires are as training began with them.</summary>
    [Fact]
    public void A_latent_that_never_fires_is_dead_whatever_its_decoder_rows()
    {
        var (a, b) = SomeModels.Rows(seed: 6, rows: 100);
        var sae = SomeModels.Crosscoder();

        var diff = ModelDiffPass.Over(new SomePairs(SomeModels.Width, SomeModels.Width, a, b), new CpuEncoder(sae with { ThresholdF = [.. sae.ThresholdF.Select((threshold, f) => f % SomeModels.Latents == SomeModels.Shared ? 100 : threshold)] }, 1));

        Assert.Equal((LatentSide.Dead, LatentSide.Shared), (diff.Of(SomeModels.Shared).Side, diff.Of(SomeModels.Shared).Decoders!.Side));
    }

    [Theory]
    [InlineData(1, 0.21, LatentSide.Other)]
    [InlineData(1, 0.19, LatentSide.AOnly)]
    [InlineData(0.19, 1, LatentSide.BOnly)]
    [InlineData(1, 0.81, LatentSide.Shared)]
    [InlineData(0.79, 1, LatentSide.Other)]
    [InlineData(0, 0, LatentSide.Dead)]
    public void Decoder_norms_say_whose_a_latent_looks(double normA, double normB, LatentSide side) => Assert.Equal(side, new DecoderPair(normA, normB, null).Side);

    [Fact]
    public void What_does_not_describe_two_models_is_refused_with_what_to_use()
    {
        var (a, b) = SomeModels.Rows(seed: 4, rows: 10);
        var paired = new SomePairs(SomeModels.Width, SomeModels.Width, a, b);
        var random = new Random(5);

        Assert.Contains("reads 3 models", Refused(SomeAutoencoder.Crosscoder(random, AutoencoderKind.Standard, heads: 3, SomeModels.Width, latents: 5)), StringComparison.Ordinal);
        Assert.Contains("each head of the crosscoder 5", Refused(SomeAutoencoder.Crosscoder(random, AutoencoderKind.Standard, heads: 2, width: 5, latents: 5)), StringComparison.Ordinal);
        Assert.Contains("does not reconstruct", Refused(SomeModels.Crosscoder() with { Heads = 1, Transcodes = true }), StringComparison.Ordinal);

        string Refused(SparseAutoencoder sae) => Assert.Throws<MalformedException>(() => ModelDiffPass.Over(paired, new ReferenceEncoder(sae))).Message;
    }

    private static bool Near(double expected, double actual) => Math.Abs(expected - actual) < 1e-6 * expected;

    private static void Same(JsonNode expected, ScaledLatent latent)
    {
        Assert.Equal((long)expected["rows"]!, latent.Rows);
        if (expected["betas"] is not { } betas) return;
        foreach (var (name, target) in new[] { ("error", latent.ErrorBeta), ("reconstruction", latent.ReconstructionBeta), ("activation", latent.ActivationBeta) })
        {
            // Sums are whole units of 2⁻³² in front of a decoder row of a hundredth of the length.
            var tolerance = 1e-5 * Math.Max(1, Math.Abs((double)betas["other"]![name]!));
            Assert.Equal((double)betas["other"]![name]!, target.A, tolerance);
            Assert.Equal((double)betas["own"]![name]!, target.B, 1e-5 * Math.Max(1, Math.Abs((double)betas["own"]![name]!)));
        }
    }

    private static (SparseAutoencoder Sae, SomePairs Paired) Of(JsonNode golden)
    {
        var width = (int)golden["width"]!;
        var latents = golden["latents"]!.AsArray().Count;
        var sae = new SparseAutoencoder
        {
            Kind = AutoencoderKind.JumpReLU,
            Heads = 2,
            Width = 2 * width,
            Features = 2 * latents,
            EncoderDF = Floats(golden, "encoder"),
            EncoderBiasF = Floats(golden, "bias"),
            DecoderFD = Floats(golden, "decoder"),
            DecoderBiasD = Floats(golden, "decoderBias"),
            ThresholdF = Floats(golden, "threshold"),
            HeadScales = Floats(golden, "scales"),
            SubtractDecoderBias = false,
        };
        return (sae, new(width, width, Floats(golden, "rowsA"), Floats(golden, "rowsB")));
    }

    private static float[] Floats(JsonNode golden, string name) => [.. golden[name]!.AsArray().Select(value => (float)value!)];
}
