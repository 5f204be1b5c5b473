using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Screening;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>The fast encoder against the plain one: the same features and the same bits, on every kernel (in software where the processor has no such registers).</summary>
public sealed class CpuEncoderTests
{
    private static readonly AutoencoderKind[] fast = [.. Enum.GetValues<AutoencoderKind>().Where(kind => kind != AutoencoderKind.MatchingPursuit)];
    // Screens are whole numbers and need instructions; without them the plain one says the same.
    private static readonly (PanelKernel Kernel, ScreenKernel? Screen)[] Paths =
        [.. PanelKernel.All.Select(kernel => (kernel, (ScreenKernel?)null)), .. ScreenKernel.All.Where(screen => screen.IsSupported).Select(screen => (PanelKernel.Best, (ScreenKernel?)screen))];
    private static readonly int[] Widths = [1, 3, 24, 33, 64, 257];
    private static readonly int[] FeatureCounts = [1, 31, 96, 137, 320, 1024];

    public static TheoryData<AutoencoderKind, InputNormalization, int> KindsAndNormalizations()
    {
        var data = new TheoryData<AutoencoderKind, InputNormalization, int>();
        var seed = 0;
        foreach (var kind in fast)
            foreach (var normalization in Enum.GetValues<InputNormalization>())
                data.Add(kind, normalization, ++seed);
        return data;
    }

    public static TheoryData<AutoencoderKind, int> Kinds()
    {
        var data = new TheoryData<AutoencoderKind, int>();
        foreach (var kind in fast) data.Add(kind, 100 + (int)kind);
        return data;
    }

    [Theory, MemberData(nameof(KindsAndNormalizations))]
    public void Every_kernel_and_number_of_threads_gives_the_bits_of_the_reference(AutoencoderKind kind, InputNormalization normalization, int seed)
    {
        var random = new Random(seed);
        foreach (var width in Widths)
        {
            // One number has no deviation from its own mean.
            if (width == 1 && normalization == InputNormalization.LayerNorm) continue;
            foreach (var features in FeatureCounts)
            {
                var sae = SomeAutoencoder.Of(random, kind, normalization, width, features);
                var rows = 1 + random.Next(50);
                SameAsReference(sae, SomeAutoencoder.Gaussians(random, rows * width, 1));
            }
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Every_number_of_rows_is_divided_without_loss(AutoencoderKind kind, int seed)
    {
        var random = new Random(seed);
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.None, width: 24, features: 137);
        for (var rows = 0; rows <= 50; rows++) SameAsReference(sae, SomeAutoencoder.Gaussians(random, rows * 24, 1));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Batches_of_several_blocks_and_more_threads_than_panels_or_processors_change_nothing(AutoencoderKind kind, int seed)
    {
        var random = new Random(seed);
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.ConstantNormRescale, width: 33, features: 96);
        foreach (var rows in new[] { 5, 100, 1000 })
        {
            var rowsBD = SomeAutoencoder.Gaussians(random, rows * 33, 1);
            var expected = SameCodes.Of(new ReferenceEncoder(sae), rowsBD);
            foreach (var (kernel, screen) in Paths)
                foreach (var threads in new[] { 1, 3, 7 })
                    SameCodes.Assert(expected, SameCodes.Of(new CpuEncoder(sae, threads, kernel, screen), rowsBD));
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_used_encoder_remembers_nothing_of_earlier_batches(AutoencoderKind kind, int seed)
    {
        var random = new Random(seed);
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.None, width: 33, features: 320);
        var used = new CpuEncoder(sae, threads: 2);
        var codes = new SparseCodes();
        foreach (var rows in new[] { 40, 200, 1, 13, 0, 100 })
        {
            var rowsBD = SomeAutoencoder.Gaussians(random, rows * 33, 10);
            used.Encode(rowsBD, codes);
            SameCodes.Assert(SameCodes.Of(new ReferenceEncoder(sae), rowsBD), codes);
        }
    }

    [Fact]
    public void A_value_at_its_threshold_is_silent_and_the_next_number_fires()
    {
        var random = new Random(11);
        var plain = SomeAutoencoder.Of(random, AutoencoderKind.Standard, InputNormalization.None, width: 33, features: 137);
        var rowD = SomeAutoencoder.Gaussians(random, 33, 1);
        var values = DenseOf(plain, rowD);

        var at = SomeAutoencoder.Of(random, AutoencoderKind.JumpReLU, InputNormalization.None, 33, 137) with
        {
            EncoderDF = plain.EncoderDF,
            EncoderBiasF = plain.EncoderBiasF,
            DecoderBiasD = plain.DecoderBiasD,
            SubtractDecoderBias = plain.SubtractDecoderBias,
            ThresholdF = values,
        };
        var below = at with { ThresholdF = [.. values.Select(MathF.BitDecrement)] };

        Assert.Equal(0, SameCodes.Of(new CpuEncoder(at, 1), rowD).Count);
        Assert.Equal(values.Count(value => value > 0), SameCodes.Of(new CpuEncoder(below, 1), rowD).Count);
        SameAsReference(at, rowD);
        SameAsReference(below, rowD);
    }

    [Fact]
    public void Gates_and_pre_activations_of_exactly_zero_are_silent()
    {
        foreach (var kind in fast)
        {
            var sae = SomeAutoencoder.Of(new Random(12), kind, InputNormalization.None, width: 3, features: 31) with
            {
                EncoderBiasF = new float[31],
                SubtractDecoderBias = false,
                ThresholdF = kind == AutoencoderKind.JumpReLU ? new float[31] : [],
            };
            Assert.Equal(0, SameCodes.Of(new CpuEncoder(sae, 1), new float[3]).Count);
            SameAsReference(sae, new float[2 * 3]);
        }
    }

    [Theory]
    [InlineData(21, 1)]
    [InlineData(22, 5)]
    [InlineData(23, 32)]
    [InlineData(24, 100)]
    [InlineData(25, 1000)]
    [InlineData(26, 1024)]
    [InlineData(27, 5000)]
    [InlineData(28, int.MaxValue)]
    public void Of_equal_values_the_lowest_features_are_kept(int seed, int k)
    {
        var random = new Random(seed);
        var sae = SomeAutoencoder.Of(random, AutoencoderKind.TopK, InputNormalization.None, width: 24, features: 1024) with { K = k, RescaleByDecoderNorm = false };
        // Eight different features, 128 copies of each, so that the k-th is nearly always tied.
        for (var i = 0; i < 24; i++)
            for (var f = 0; f < 1024; f++)
                sae.EncoderDF[i * 1024 + f] = sae.EncoderDF[i * 1024 + f % 8];
        for (var f = 0; f < 1024; f++) sae.EncoderBiasF[f] = sae.EncoderBiasF[f % 8];

        SameAsReference(sae, SomeAutoencoder.Gaussians(random, 30 * 24, 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Values_that_arrive_in_order_are_kept_right(bool rising)
    {
        // One input of 1: the weights are the values. Rising is the most work, as every feature beats all before it.
        var sae = SomeAutoencoder.Of(new Random(31), AutoencoderKind.TopK, InputNormalization.None, width: 1, features: 1024) with
        {
            K = 7,
            RescaleByDecoderNorm = false,
            SubtractDecoderBias = false,
            EncoderBiasF = new float[1024],
            EncoderDF = [.. Enumerable.Range(1, 1024).Select(f => (float)(rising ? f : 1025 - f))],
        };
        SameAsReference(sae, [1f, 2f, -1f, 1e-42f]);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Huge_tiny_and_denormal_numbers_give_the_same_bits(AutoencoderKind kind, int seed)
    {
        var random = new Random(seed);
        foreach (var normalization in Enum.GetValues<InputNormalization>())
            foreach (var scale in new[] { 1e-44, 1e-40, 1e-30, 1e-12, 1e12, 1e30 })
            {
                var sae = SomeAutoencoder.Of(random, kind, normalization, width: 33, features: 137);
                SameAsReference(sae, SomeAutoencoder.Gaussians(random, 9 * 33, scale), nearZero: scale < 1e-38);
                var tiny = sae with
                {
                    EncoderDF = [.. sae.EncoderDF.Select(w => w * 1e-30f)],
                    EncoderBiasF = [.. sae.EncoderBiasF.Select(b => b * 1e-42f)],
                    DecoderBiasD = new float[33],
                    ThresholdF = [.. sae.ThresholdF.Select(t => t * 1e-42f)],
                };
                SameAsReference(tiny, SomeAutoencoder.Gaussians(random, 9 * 33, scale), nearZero: scale < 1e-38);
            }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Rows_in_which_nothing_fires_are_empty(AutoencoderKind kind, int seed)
    {
        var random = new Random(seed);
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.LayerNorm, width: 24, features: 96);
        Array.Fill(sae.EncoderBiasF, kind == AutoencoderKind.AbsTopK ? 0 : -1e6f);
        if (kind == AutoencoderKind.AbsTopK) Array.Clear(sae.EncoderDF);   // Negative is no less than positive.
        var rowsBD = SomeAutoencoder.Gaussians(random, 20 * 24, 1);

        var codes = SameCodes.Of(new CpuEncoder(sae, 2), rowsBD);

        Assert.Equal(20, codes.Rows);
        Assert.Equal(0, codes.Count);
        SameAsReference(sae, rowsBD);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Overflow_to_infinity_does_not_make_padding_fire(AutoencoderKind kind, int seed)
    {
        var sae = SomeAutoencoder.Of(new Random(seed), kind, InputNormalization.None, width: 3, features: 17) with { SubtractDecoderBias = false };
        // The first weight of each feature: products overflow, and no other term can cancel them.
        for (var f = 0; f < 17; f++) sae.EncoderDF[f] = f % 2 == 0 ? 100 : -100;
        SameAsReference(sae, [float.MaxValue, 0, 0, float.MinValue, 0, 0]);
    }

    [Theory]
    [InlineData(AutoencoderKind.Standard)]
    [InlineData(AutoencoderKind.JumpReLU)]
    [InlineData(AutoencoderKind.TopK)]
    public void The_heads_of_a_crosscoder_judge_one_pre_activation_each_for_itself(AutoencoderKind kind)
    {
        var random = new Random(55);
        foreach (var heads in new[] { 2, 3 })
            foreach (var latents in new[] { 7, 64, 137 })
            {
                var sae = SomeAutoencoder.Crosscoder(random, kind, heads, width: 11, latents);
                foreach (var rows in new[] { 1, 5, 60 }) SameAsReference(sae, SomeAutoencoder.Gaussians(random, rows * heads * 11, 1));
            }
    }

    public static TheoryData<AutoencoderKind, int> KindsBehindAGate()
    {
        var data = new TheoryData<AutoencoderKind, int>();
        foreach (var kind in fast.Where(kind => kind != AutoencoderKind.Gated)) data.Add(kind, 200 + (int)kind);
        return data;
    }

    [Theory, MemberData(nameof(KindsBehindAGate))]
    public void A_GLU_encoder_gives_the_bits_of_the_reference_whether_its_gates_are_open_or_shut(AutoencoderKind kind, int seed)
    {
        var random = new Random(seed);
        foreach (var width in Widths)
            foreach (var features in FeatureCounts)
                SameAsReference(SomeAutoencoder.Of(random, kind, InputNormalization.None, width, features).WithGlu(random), SomeAutoencoder.Gaussians(random, (1 + random.Next(50)) * width, 1));
        foreach (var scale in new[] { 1e-44, 1e-30, 1e12, 1e30 })
            SameAsReference(SomeAutoencoder.Of(random, kind, InputNormalization.None, 33, 137).WithGlu(random), SomeAutoencoder.Gaussians(random, 9 * 33, scale));
        if (kind is AutoencoderKind.Standard or AutoencoderKind.JumpReLU) SameAsReference(SomeAutoencoder.Crosscoder(random, kind, heads: 2, width: 11, latents: 64).WithGlu(random), SomeAutoencoder.Gaussians(random, 60 * 22, 1));
    }

    /// <summary>The gate shuts after the test without it is passed: h · σ at the threshold is silent, the next number above fires.</summary>
    [Fact]
    public void A_value_behind_its_gate_is_tested_again()
    {
        var sae = SomeAutoencoder.Of(new Random(5), AutoencoderKind.JumpReLU, InputNormalization.None, width: 1, features: 2) with
        {
            EncoderDF = [2, 2],
            EncoderBiasF = [0, 0],
            GluEncoderDF = [0, 0],
            GluBiasF = [0, 0],
            SubtractDecoderBias = false,
            ThresholdF = [1, MathF.BitDecrement(1)],
        };

        Assert.Equal([0, 1f], DenseOf(sae, [1]));   // 2 · ½ = 1.
        SameAsReference(sae, [1, 1.5f, -1]);
    }

    [Fact]
    public void A_row_longer_than_a_block_is_encoded()
    {
        const int Width = 524_289;
        var random = new Random(15);
        SameAsReference(SomeAutoencoder.Of(random, AutoencoderKind.Standard, InputNormalization.None, Width, features: 3), SomeAutoencoder.Gaussians(random, 2 * Width, 1));
    }

    [Fact]
    public void What_has_no_fast_path_is_told_apart_and_gets_the_reference()
    {
        var pursuit = SomeAutoencoder.Of(new Random(1), AutoencoderKind.MatchingPursuit, InputNormalization.None, width: 3, features: 5);
        var other = SomeAutoencoder.Of(new Random(1), AutoencoderKind.TopK, InputNormalization.None, width: 3, features: 5);

        Assert.Throws<ArgumentException>(() => new CpuEncoder(pursuit, 1));
        Assert.IsType<ReferenceEncoder>(FastestEncoder.For(pursuit, 1));
        Assert.IsType<CpuEncoder>(FastestEncoder.For(other, 1));
        Assert.IsType<CpuEncoder>(FastestEncoder.For(other.WithGlu(new Random(2)), 1));
    }

    [Fact]
    public void The_description_says_what_does_the_work()
    {
        var sae = SomeAutoencoder.Of(new Random(1), AutoencoderKind.Standard, InputNormalization.None, width: 1, features: 1);
        Assert.Equal("cpu (portable, 2 threads)", new CpuEncoder(sae, 2, PanelKernel.All[2], null).Description);
        Assert.Equal("cpu (Vector512, 1 thread)", new CpuEncoder(sae, 1, PanelKernel.All[0], null).Description);
        Assert.Equal("cpu (Vector512, screened by plain, 1 thread)", new CpuEncoder(sae, 1, PanelKernel.All[0], ScreenKernel.All[^1]).Description);
    }

    private static void SameAsReference(SparseAutoencoder sae, float[] rowsBD, bool nearZero = false)
    {
        // Rows so near zero that normalisation has no finite scale are left out before the encoder sees them.
        if (nearZero)
            rowsBD = [.. rowsBD.Chunk(sae.Width).Where(row => HasFiniteScale(RowNormalization.Of(row, sae))).SelectMany(row => row)];

        var expected = SameCodes.Of(new ReferenceEncoder(sae), rowsBD);
        foreach (var (kernel, screen) in Paths)
            foreach (var threads in new[] { 1, 2 })
                SameCodes.Assert(expected, SameCodes.Of(new CpuEncoder(sae, threads, kernel, screen), rowsBD));
    }

    private static bool HasFiniteScale(RowNormalization normalization) => normalization.CanEncode && float.IsFinite(normalization.Scale);

    private static float[] DenseOf(SparseAutoencoder sae, float[] rowD)
    {
        var codes = SameCodes.Of(new ReferenceEncoder(sae), rowD);
        var dense = new float[sae.Features];
        for (var i = 0; i < codes.Count; i++) dense[codes.FeaturesOf(0)[i]] = codes.ValuesOf(0)[i];
        return dense;
    }
}
