using System.Runtime.InteropServices;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Tests.Canonical.Fitting;
using DriftWatch.Analysis.Tests.Golden;
using DriftWatch.Support;
using TorchSharp;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>libtorch's path against the plain one. Sums are taken in another order, so values agree to rounding; whole numbers have none and agree to the bit.</summary>
[Collection(nameof(EveryEncoder))]   // TF32 is a switch of the whole process.
public sealed class TorchEncoderTests(ITestOutputHelper output)
{
    public static TheoryData<AutoencoderKind> Kinds => new(Enum.GetValues<AutoencoderKind>().Where(kind => kind != AutoencoderKind.MatchingPursuit));

    [Theory, MemberData(nameof(Kinds))]
    public void Every_kind_and_normalisation_gives_the_features_of_the_reference(AutoencoderKind kind)
    {
        var random = new Random(700 + (int)kind);
        var support = new SupportAgreement();
        foreach (var normalization in Enum.GetValues<InputNormalization>())
            foreach (var (width, features) in new[] { (3, 31), (33, 137), (64, 1024) })
                foreach (var rows in new[] { 0, 1, 50 })
                {
                    var sae = SomeAutoencoder.Of(random, kind, normalization, width, features);
                    Compare(sae, SomeAutoencoder.Gaussians(random, rows * width, 1), support);
                }

        Same(support);
    }

    [Fact]
    public void Each_head_of_a_crosscoder_has_thresholds_and_norms_of_its_own()
    {
        var random = new Random(55);
        var support = new SupportAgreement();
        foreach (var kind in new[] { AutoencoderKind.Standard, AutoencoderKind.JumpReLU, AutoencoderKind.TopK })
            foreach (var heads in new[] { 2, 3 }) Compare(SomeAutoencoder.Crosscoder(random, kind, heads, 11, 137), SomeAutoencoder.Gaussians(random, 60 * heads * 11, 1), support);

        Same(support);
    }

    [Theory]
    [InlineData(AutoencoderKind.TopK, 1)]
    [InlineData(AutoencoderKind.TopK, 32)]
    [InlineData(AutoencoderKind.TopK, 1000)]
    [InlineData(AutoencoderKind.TopK, 1024)]
    [InlineData(AutoencoderKind.TopK, 5000)]
    [InlineData(AutoencoderKind.AbsTopK, 32)]
    [InlineData(AutoencoderKind.GroupMax, 64)]
    public void Of_equal_values_the_lowest_features_are_kept(AutoencoderKind kind, int k)
    {
        var random = new Random(k);
        // Small whole numbers: no sum is rounded, and the k-th is nearly always tied.
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.None, 8, 1024) with
        {
            K = k,
            RescaleByDecoderNorm = false,
            SelectByDecoderNorm = false,
            EncoderDF = Whole(random, 8 * 1024),
            EncoderBiasF = Whole(random, 1024),
            DecoderBiasD = Whole(random, 8),
        };

        BitsOfReference(sae, Whole(random, 40 * 8));
    }

    [Fact]
    public void A_value_at_its_threshold_or_at_zero_is_silent()
    {
        var sae = SomeAutoencoder.Of(new Random(1), AutoencoderKind.JumpReLU, InputNormalization.None, 1, 4) with
        {
            EncoderDF = [1, 1, 1, 0],
            EncoderBiasF = new float[4],
            SubtractDecoderBias = false,
            ThresholdF = [2, MathF.BitDecrement(2), -1, -1],
        };
        using var encoder = Torch(sae);
        var codes = new SparseCodes();

        encoder.Encode([2f, -0.5f], codes);

        Assert.Equal([1, 2], codes.FeaturesOf(0));
        Assert.Empty(codes.FeaturesOf(1).ToArray());
    }

    [Theory]
    [InlineData(AutoencoderKind.Standard)]
    [InlineData(AutoencoderKind.TopK)]
    [InlineData(AutoencoderKind.AbsTopK)]
    [InlineData(AutoencoderKind.GroupMax)]
    public void What_is_not_a_number_does_not_fire_and_hides_nothing(AutoencoderKind kind)
    {
        var sae = SomeAutoencoder.Of(new Random(1), kind, InputNormalization.None, 2, 4) with
        {
            K = 2,
            RescaleByDecoderNorm = false,
            SelectByDecoderNorm = false,
            SubtractDecoderBias = false,
            EncoderDF = [1, 2, 3, 4, 0, 0, 0, 0],
            EncoderBiasF = [float.NaN, 0, 0, 0],
        };
        BitsOfReference(sae, [1, 1, -1, 0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Out_of_memory_halves_the_batch_and_loses_no_row(int firstRefused)
    {
        var random = new Random(9);
        var sae = Exact(random);
        var rowsBD = Whole(random, 50 * 8);
        using var encoder = Torch(sae);
        var launches = 0;
        encoder.Launching = rows =>
        {
            if (++launches >= firstRefused && rows > 6) throw new DeviceError("CUDA out of memory. Tried to allocate 2.00 GiB");
        };

        // Before the second is refused, a call has gone through whole.
        for (var call = 0; call < 3; call++) Assert.Equal(Bits(new ReferenceEncoder(sae), rowsBD), Bits(encoder, rowsBD));

        Assert.Equal(4, encoder.Status.BatchRows);
        Assert.Contains("4 rows at once", encoder.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_memory_for_one_row_it_says_what_to_do()
    {
        using var encoder = Torch(Exact(new Random(9)));
        encoder.Launching = _ => throw new DeviceError("CUDA out of memory. Tried to allocate 2.00 GiB");

        var error = Assert.Throws<GpuException>(() => encoder.Encode(new float[16], new()));

        Assert.Contains("encoder: cpu", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_error_of_the_device_is_not_taken_for_want_of_memory()
    {
        using var encoder = Torch(Exact(new Random(9)));
        encoder.Launching = _ => throw new DeviceError("CUDA error: an illegal memory access was encountered");

        Assert.Throws<DeviceError>(() => encoder.Encode(new float[16], new()));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void The_same_rows_give_the_same_bits_whatever_was_encoded_before(AutoencoderKind kind)
    {
        var random = new Random(77);
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.ConstantNormRescale, 64, 512);
        var rowsBD = SomeAutoencoder.Gaussians(random, 70 * 64, 1);
        using var used = Torch(sae);
        var before = new SparseCodes();
        used.Encode(SomeAutoencoder.Gaussians(random, 33 * 64, 1), before);

        using var unused = Torch(sae);
        Assert.Equal(Bits(unused, rowsBD), Bits(used, rowsBD));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_row_has_the_same_bits_alone_and_beside_others(AutoencoderKind kind)
    {
        var random = new Random(78);
        var sae = SomeAutoencoder.Of(random, kind, InputNormalization.None, 64, 512);
        var rowsBD = SomeAutoencoder.Gaussians(random, 70 * 64, 1);
        using var encoder = Torch(sae);
        Assert.SkipUnless(encoder.RowsAreIndependent, "this libtorch's products have other last bits in other rows (OpenBLAS's AVX2 kernels), and messages are encoded each by itself");

        (int First, int End)[] calls = [(0, 1), (1, 8), (8, 70)];
        var apart = calls.SelectMany(some => Bits(encoder, rowsBD[(some.First * 64)..(some.End * 64)]).Select(bit => bit with { Row = some.First + bit.Row }));

        Assert.Equal(Bits(encoder, rowsBD), apart);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Rows_that_are_copied_beside_the_product_before_are_all_there(int refused)
    {
        var random = new Random(79);
        var sae = Exact(random);
        var rowsBD = Whole(random, 1700 * 8);
        var uploads = new LateUploads();
        using var encoder = new TorchEncoder(sae, Precision.Fp32, 2, DeviceType.CPU, uploads);
        var launches = 0;
        encoder.Launching = rows =>
        {
            if (++launches == refused) throw new DeviceError("CUDA out of memory. Tried to allocate 2.00 GiB");
            uploads.Launched();
        };

        for (var call = 0; call < 3; call++)
        {
            Assert.Equal(Bits(new ReferenceEncoder(sae), rowsBD), Bits(encoder, rowsBD));
            uploads.Collected();
        }

        Assert.True(uploads.BesideProducts >= 9, $"of 12 batches or more {uploads.BesideProducts} were on their way before the one before was collected");
    }

    [Theory]
    [InlineData(Precision.Fp32, 0.99999)]
    [InlineData(Precision.Tf32, 0.997)]
    [InlineData(Precision.Bf16, 0.98)]
    public void Each_precision_fires_the_features_of_the_trained_models_as_far_as_the_docs_say(Precision precision, double least)
    {
        var folder = SharedFamily.Folder("testbed");
        using var activations = new WeightTensors(File.OpenRead(Path.Combine(folder, "activations", "main-base.safetensors")));
        var rowsBD = activations.Read(activations.Header.Tensors["activations"])[..(20_000 * 64)];
        foreach (var name in new[] { "base-batchtopk", "base-jumprelu", "base-topk", "base-matryoshka" })
        {
            var reference = SharedFamily.Encoder(folder, name);
            using var encoder = new TorchEncoder(reference.Dictionary, precision, 2, SomeTorchDevice.Type);
            var support = new SupportAgreement();
            support.Add(reference, encoder, rowsBD);
            output.WriteLine($"{precision}, {name}: {support}");
            Assert.InRange(support.Share, least, 1);
        }
    }

    [Theory]
    [InlineData(Precision.Fp32, 0.99999)]
    [InlineData(Precision.Tf32, 0.999)]
    [InlineData(Precision.Bf16, 0.99)]
    public void Each_precision_fires_the_features_of_the_golden_cases_as_far_as_the_docs_say(Precision precision, double least)
    {
        var support = new SupportAgreement();
        foreach (var golden in GoldenTests.Equal.Select(row => GoldenCase.Shared(row.Data)))
        {
            var sae = golden.Dictionary();
            if (!CpuEncoder.Encodes(sae)) continue;
            using var encoder = new TorchEncoder(sae, precision, 2, SomeTorchDevice.Type);
            support.Add(FastestEncoder.For(sae, 2), encoder, golden.Rows("x").Where(row => RowNormalization.Of(row, sae).CanEncode).SelectMany(row => row).ToArray());
        }
        output.WriteLine($"{precision}: {support}");

        Assert.InRange(support.Share, least, 1);
    }

    private static void Compare(SparseAutoencoder sae, float[] rowsBD, SupportAgreement support)
    {
        using var encoder = Torch(sae);
        support.Add(new ReferenceEncoder(sae), encoder, rowsBD);
    }

    /// <summary>A feature that stands within rounding of its threshold may fall on the other side.</summary>
    private static void Same(SupportAgreement support)
    {
        Assert.InRange(support.Share, 0.9999, 1);
        Assert.InRange(support.DifferenceMaximum, 0, 1e-5);
    }

    private static void BitsOfReference(SparseAutoencoder sae, float[] rowsBD)
    {
        using var encoder = Torch(sae);
        Assert.Equal(Bits(new ReferenceEncoder(sae), rowsBD), Bits(encoder, rowsBD));
    }

    private static SparseAutoencoder Exact(Random random) =>
        SomeAutoencoder.Of(random, AutoencoderKind.TopK, InputNormalization.None, 8, 64) with { K = 5, RescaleByDecoderNorm = false, SelectByDecoderNorm = false, EncoderDF = Whole(random, 8 * 64), EncoderBiasF = Whole(random, 64), DecoderBiasD = Whole(random, 8) };

    private static float[] Whole(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-3, 4))];

    private static TorchEncoder Torch(SparseAutoencoder sae) => new(sae, Precision.Fp32, 2, SomeTorchDevice.Type);

    private static IEnumerable<(int Row, int Feature, uint Value)> Bits(IEncoder encoder, float[] rowsBD)
    {
        var codes = new SparseCodes();
        encoder.Encode(rowsBD, codes);
        Assert.Equal(rowsBD.Length / encoder.Dictionary.Width, codes.Rows);
        var bits = new List<(int, int, uint)>();
        for (var row = 0; row < codes.Rows; row++)
            for (var i = 0; i < codes.FeaturesOf(row).Length; i++)
                bits.Add((row, codes.FeaturesOf(row)[i], BitConverter.SingleToUInt32Bits(codes.ValuesOf(row)[i])));
        return bits;
    }

    /// <summary>Copies come as late as they may; what they go to is not a number until then.</summary>
    private sealed unsafe class LateUploads : IUploads
    {
        private readonly Queue<(nint From, nint To, long Bytes)> begun = new();
        private nint last, inUse;

        public int BesideProducts { get; private set; }

        public void Begin(nint from, nint to, long bytes)
        {
            Assert.NotEqual(inUse, to);
            if (inUse != 0) BesideProducts++;
            new Span<byte>((void*)to, (int)bytes).Fill(255);
            begun.Enqueue((from, last = to, bytes));
        }

        public void Await()
        {
            while (begun.TryDequeue(out var copy)) Buffer.MemoryCopy((void*)copy.From, (void*)copy.To, copy.Bytes, copy.Bytes);
        }

        /// <summary>The batch that was begun last is on the device, and the one before is not any more.</summary>
        public void Launched() => inUse = last;

        public void Collected() => inUse = 0;
    }

    /// <summary>As TorchSharp throws it.</summary>
    private sealed class DeviceError(string message) : ExternalException(message);
}
