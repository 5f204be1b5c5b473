using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Screening;

namespace DriftWatch.Analysis.Tests.Encoding.Screening;

/// <summary>Sizes at which screening leaves most features out, and inputs made to mislead it: every bit as without. (Small sizes and all kinds: CpuEncoderTests.)</summary>
public sealed class ScreenedEncoderTests
{
    private const int Width = 300, Features = 2100, Rows = 40;

    // The plain one is slow and stands in where the processor has no other.
    private static readonly ScreenKernel[] Screens = [.. ScreenKernel.All.Where((screen, i) => screen.IsSupported && (i < ScreenKernel.All.Length - 1 || ScreenKernel.Best is null))];

    public static TheoryData<AutoencoderKind> Kinds() => [AutoencoderKind.Standard, AutoencoderKind.TopK, AutoencoderKind.JumpReLU, AutoencoderKind.Gated, AutoencoderKind.AbsTopK];

    [Theory, MemberData(nameof(Kinds))]
    public void Sparse_rows_are_those_of_the_dense_path(AutoencoderKind kind)
    {
        foreach (var seed in Enumerable.Range(1, 3))
        {
            var random = new Random(seed);
            SameAsDense(Sparse(random, kind), SomeAutoencoder.Gaussians(random, Rows * Width, 1));
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Rows_wider_than_a_piece_are_those_of_the_dense_path(AutoencoderKind kind)
    {
        foreach (var width in new[] { PieceLength.Exact, PieceLength.Exact + 1, 2 * PieceLength.Exact + 70 })
        {
            var random = new Random(width);
            SameAsDense(Sparse(random, kind, width, features: 700), SomeAutoencoder.Gaussians(random, Rows * width, 1));
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Few_rows_against_parts_of_the_features_are_those_of_the_dense_path(AutoencoderKind kind)
    {
        const int Narrow = 70;
        var random = new Random(13);
        SameAsDense(Sparse(random, kind, Narrow, 4 * ScreenedWeights.StripFeatures + 50), SomeAutoencoder.Gaussians(random, Rows * Narrow, 1));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_few_huge_dimensions_change_nothing(AutoencoderKind kind)
    {
        var random = new Random(4);
        foreach (var huge in new[] { 1, 3, 40 })
            foreach (var factor in new[] { 30f, 1e4f, 1e12f })
            {
                var rowsBD = SomeAutoencoder.Gaussians(random, Rows * Width, 1);
                for (var row = 0; row < Rows; row++)
                    for (var i = 0; i < huge; i++) rowsBD[row * Width + i * 7] *= row % 3 == 0 ? factor : 1;
                SameAsDense(Sparse(random, kind), rowsBD);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Rows_and_features_of_every_size_beside_each_other_change_nothing(AutoencoderKind kind)
    {
        var random = new Random(5);
        var sae = Sparse(random, kind);
        float[] sizes = [0, 1e-44f, 1e-30f, 1e-24f, 1e-12f, 1, 1, 1e6f, 1e15f, 1e18f, 1e24f, 1e30f];
        var rowsBD = SomeAutoencoder.Gaussians(random, Rows * Width, 1);
        for (var row = 0; row < Rows; row++)
            foreach (ref var x in rowsBD.AsSpan(row * Width, Width)) x *= sizes[row % sizes.Length];
        for (var f = 0; f < Features; f++)
        {
            var size = sizes[random.Next(sizes.Length)];
            for (var i = 0; i < Width; i++) sae.EncoderDF[i * Features + f] *= size;
        }
        SameAsDense(sae, rowsBD);
    }

    [Fact]
    public void A_sum_that_overflows_on_its_way_fires_though_its_end_would_be_far_below()
    {
        var sae = Sparse(new Random(14), AutoencoderKind.JumpReLU) with { SubtractDecoderBias = false, EncoderBiasF = new float[Features], ThresholdF = new float[Features] };
        for (var i = 0; i < Width; i++) sae.EncoderDF.AsSpan(i * Features, Features).Fill(i < 4 ? 1.2e19f : -1.2e19f);
        var rowD = new float[Width];
        rowD.AsSpan().Fill(1e19f);

        foreach (var screen in Screens) Assert.Equal(Features, SameCodes.Of(new CpuEncoder(sae, 1, PanelKernel.Best, screen), rowD).Count);
    }

    [Fact]
    public void Values_at_their_thresholds_and_the_next_numbers_are_told_apart()
    {
        var random = new Random(6);
        var sae = Sparse(random, AutoencoderKind.JumpReLU);
        var rowsBD = SomeAutoencoder.Gaussians(random, Rows * Width, 1);
        // Of some row each: the value itself, a number below it and one above.
        for (var f = 0; f < Features; f++)
        {
            var value = DotProduct.Of(rowsBD.AsSpan(f % Rows * Width, Width), sae.EncoderDF, f, Features) + sae.EncoderBiasF[f];
            sae.ThresholdF[f] = Math.Abs((f % 3) switch { 0 => value, 1 => MathF.BitDecrement(value), _ => MathF.BitIncrement(value) });
        }
        SameAsDense(sae, rowsBD);
    }

    /// <summary>What 8 bits lose points where it hurts most: the bound is reached, and all of the value is what was lost.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void An_error_as_large_as_the_bound_does_not_hide_a_feature(bool ofRows, bool afterRefining)
    {
        var random = new Random(11);
        var (rough, plain) = (new float[Width], new float[Width]);
        for (var i = 0; i < Width; i++)
        {
            // Twenty numbers of 1 set the scale; the others are less than half a step, and are 0 in 8 bits. Or twenty more set that of the next 8 bits, in which the others are 0 as well.
            var sign = random.Next(2) == 0 ? -1 : 1;
            (rough[i], plain[i]) = i < 20 ? (1, 0) : !afterRefining ? (sign * 0.49f / 127, sign) : i < 40 ? (0.49f / 127, 0) : (sign * 0.24f / 127 / 127, sign);
        }
        var (rowD, weightD) = ofRows ? (rough, plain) : (plain, rough);
        var sae = Sparse(random, AutoencoderKind.JumpReLU) with { SubtractDecoderBias = false, EncoderBiasF = new float[Features] };
        for (var i = 0; i < Width; i++) sae.EncoderDF.AsSpan(i * Features, Features).Fill(weightD[i]);
        sae.ThresholdF.AsSpan().Fill(MathF.BitDecrement(DotProduct.Of(rowD, sae.EncoderDF, 0, Features)));

        foreach (var screen in Screens) Assert.Equal(Features, SameCodes.Of(new CpuEncoder(sae, 1, PanelKernel.Best, screen), rowD).Count);
    }

    [Fact]
    public void Equal_features_and_equal_rows_change_nothing()
    {
        var random = new Random(7);
        foreach (var kind in new[] { AutoencoderKind.TopK, AutoencoderKind.AbsTopK, AutoencoderKind.JumpReLU })
        {
            var sae = Sparse(random, kind);
            // 700 different features three times each, so that the k-th is nearly always tied.
            for (var i = 0; i < Width; i++)
                for (var f = 700; f < Features; f++) sae.EncoderDF[i * Features + f] = sae.EncoderDF[i * Features + f % 700];
            for (var f = 700; f < Features; f++) sae.EncoderBiasF[f] = sae.EncoderBiasF[f % 700];
            var rowD = SomeAutoencoder.Gaussians(random, Width, 1);
            SameAsDense(sae, [.. Enumerable.Range(0, Rows).SelectMany(_ => rowD)]);
        }
    }

    [Fact]
    public void Where_most_features_fire_the_dense_way_is_taken_and_screening_tried_again_later()
    {
        var random = new Random(8);
        var sae = Sparse(random, AutoencoderKind.JumpReLU, features: 2 * ScreenedWeights.StripFeatures);
        sae = sae with { ThresholdF = new float[sae.Features] };
        var encoder = new CpuEncoder(sae, 1, PanelKernel.Best, ScreenKernel.All[^1]);
        var codes = new SparseCodes();
        for (var call = 0; call < 20; call++)
        {
            var rowsBD = SomeAutoencoder.Gaussians(random, 7 * Width, 1);
            encoder.Encode(rowsBD, codes);
            SameCodes.Assert(SameCodes.Of(new CpuEncoder(sae, 1, PanelKernel.Best, null), rowsBD), codes);
        }
    }

    [Fact]
    public void Weights_that_are_not_finite_are_summed_exactly()
    {
        var random = new Random(9);
        var sae = Sparse(random, AutoencoderKind.JumpReLU);
        sae.EncoderDF[17] = float.PositiveInfinity;
        sae.EncoderDF[18] = float.NaN;
        sae.EncoderBiasF[19] = float.PositiveInfinity;
        SameAsDense(sae, SomeAutoencoder.Gaussians(random, Rows * Width, 1));
    }

    [Theory]
    [InlineData(AutoencoderKind.TopK)]
    [InlineData(AutoencoderKind.AbsTopK)]
    public void Rows_that_come_to_less_than_the_last_block_let_expect_change_nothing(AutoencoderKind kind)
    {
        var random = new Random(12);
        var sae = Sparse(random, kind) with { K = 20, Normalization = InputNormalization.None, RescaleByDecoderNorm = false, SelectByDecoderNorm = false };
        sae.EncoderDF[Features + 5] = float.NaN;
        sae.EncoderDF[Features + 6] = float.PositiveInfinity;
        // Of the norm, and of no score: such rows come to a little less, or to much less.
        sae.EncoderDF.AsSpan(0, Features).Clear();
        float[] silent = [0, 7, 10, 100, 1e4f];
        foreach (var screen in Screens)
        {
            var (encoder, dense) = (new CpuEncoder(sae, 1, PanelKernel.Best, screen), new CpuEncoder(sae, 1, PanelKernel.Best, null));
            foreach (var spread in new[] { 1f, 0, 0.5f, 0, 1, 1e-3f, 0 })
            {
                var rowsBD = SomeAutoencoder.Gaussians(random, 2 * Rows * Width, 1);
                for (var row = 0; row < 2 * Rows; row++)
                    if (random.NextSingle() >= spread) rowsBD[row * Width] = silent[row % silent.Length];
                SameCodes.Assert(SameCodes.Of(dense, rowsBD), SameCodes.Of(encoder, rowsBD));
            }
        }
    }

    [Fact]
    public void More_rows_than_a_block_are_encoded_by_any_number_of_threads()
    {
        var random = new Random(10);
        var sae = SomeAutoencoder.Of(random, AutoencoderKind.TopK, InputNormalization.None, width: 20, features: 2100) with { K = 9 };
        var rowsBD = SomeAutoencoder.Gaussians(random, 2500 * 20, 1);
        var expected = SameCodes.Of(new CpuEncoder(sae, 1, PanelKernel.Best, null), rowsBD);
        foreach (var threads in new[] { 1, 2, 3, 5 }) SameCodes.Assert(expected, SameCodes.Of(new CpuEncoder(sae, threads, PanelKernel.Best, ScreenKernel.Best ?? ScreenKernel.All[^1]), rowsBD));
    }

    private static SparseAutoencoder Sparse(Random random, AutoencoderKind kind, int width = Width, int features = Features)
    {
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.None, width, features);
        if (kind is AutoencoderKind.Standard or AutoencoderKind.Gated)
            foreach (ref var bias in sae.EncoderBiasF.AsSpan()) bias -= 2.5f;
        foreach (ref var threshold in sae.ThresholdF.AsSpan()) threshold = 2.5f + 0.1f * threshold;
        return sae;
    }

    private static void SameAsDense(SparseAutoencoder sae, float[] rowsBD)
    {
        var expected = SameCodes.Of(new CpuEncoder(sae, 1, PanelKernel.Best, null), rowsBD);
        foreach (var screen in Screens)
            foreach (var threads in new[] { 1, 3 }) SameCodes.Assert(expected, SameCodes.Of(new CpuEncoder(sae, threads, PanelKernel.Best, screen), rowsBD));
    }
}
