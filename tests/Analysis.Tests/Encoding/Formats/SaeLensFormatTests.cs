using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>What the golden files do not show: configurations that are wrong, and what the reader keeps of right ones.</summary>
public sealed class SaeLensFormatTests
{
    private const int Width = 2;
    private const int Features = 3;

    [Fact]
    public void What_the_configuration_says_is_kept()
    {
        var sae = Read("""{"architecture":"topk","d_in":2,"d_sae":3,"k":2.0,"rescale_acts_by_decoder_norm":true,"apply_b_dec_to_input":false,"normalize_activations":"layer_norm","metadata":{"hook_name":"blocks.1.hook_resid_post","model_name":"m"}}""");

        Assert.Equal((AutoencoderKind.TopK, Width, Features, 2, true, false), (sae.Kind, sae.Width, sae.Features, sae.K, sae.RescaleByDecoderNorm, sae.SubtractDecoderBias));
        Assert.Equal((InputNormalization.LayerNorm, "blocks.1.hook_resid_post", "m", "SAELens", "topk"), (sae.Normalization, sae.Hook, sae.Model, sae.Format, sae.Architecture));
        Assert.Equal([1, 2, 3, 4, 5, 6], sae.EncoderDF);
        Assert.Equal([6, 5, 4, 3, 2, 1], sae.DecoderFD);
    }

    [Fact]
    public void The_hash_follows_what_decides_the_numbers_and_nothing_else()
    {
        const string plain = """{"architecture":"standard","d_in":2,"d_sae":3}""";
        var hash = Read(plain).Hash;

        Assert.Matches("^[0-9a-f]{64}$", hash);
        Assert.Equal(hash, Read("""{"d_in":2,"d_sae":3,"metadata":{"model_name":"other"},"device":"cuda"}""").Hash);
        Assert.NotEqual(hash, Read("""{"d_in":2,"d_sae":3,"apply_b_dec_to_input":false}""").Hash);
        Assert.NotEqual(hash, Read("""{"d_in":2,"d_sae":3,"normalize_activations":"layer_norm"}""").Hash);
        Assert.NotEqual(hash, Read(plain, weights: Weights(("b_dec", "F32", [Width], Some.Bytes(0, 1)))).Hash);
        Assert.NotEqual(
            Read("""{"d_in":2,"d_sae":3,"normalize_activations":true}""", new(InputScale: 0.5f)).Hash,
            Read("""{"d_in":2,"d_sae":3,"normalize_activations":true}""", new(InputScale: 0.25f)).Hash);
    }

    [Theory]
    [InlineData("not valid JSON", "{")]
    [InlineData("not a JSON object", "[]")]
    [InlineData("d_in in cfg.json is missing", """{"d_sae":3}""")]
    [InlineData("d_sae in cfg.json is \"3\"", """{"d_in":2,"d_sae":"3"}""")]
    [InlineData("d_in in cfg.json is 0", """{"d_in":0,"d_sae":3}""")]
    [InlineData("d_in in cfg.json is 1.5", """{"d_in":1.5,"d_sae":3}""")]
    [InlineData("W_enc F32 [2, 3] should be [3, 2]", """{"d_in":3,"d_sae":2}""")]
    [InlineData("architecture 'crosscoder' is not supported", """{"d_in":2,"d_sae":3,"architecture":"crosscoder"}""")]
    [InlineData("save_inference_model", """{"d_in":2,"d_sae":3,"architecture":"batchtopk"}""")]
    [InlineData("save_inference_model", """{"d_in":2,"d_sae":3,"architecture":"matryoshka_batchtopk"}""")]
    [InlineData("activation function 'tanh-relu'", """{"d_in":2,"d_sae":3,"activation_fn_str":"tanh-relu"}""")]
    [InlineData("topk without k", """{"d_in":2,"d_sae":3,"architecture":"topk"}""")]
    [InlineData("k is 4 but the dictionary has only 3 features", """{"d_in":2,"d_sae":3,"architecture":"topk","k":4}""")]
    [InlineData("normalize_activations is 'covariance_whitening'", """{"d_in":2,"d_sae":3,"normalize_activations":"covariance_whitening"}""")]
    [InlineData("normalize_activations is '7'", """{"d_in":2,"d_sae":3,"normalize_activations":7}""")]
    [InlineData("apply_b_dec_to_input in cfg.json is \"yes\"", """{"d_in":2,"d_sae":3,"apply_b_dec_to_input":"yes"}""")]
    [InlineData("factor", """{"d_in":2,"d_sae":3,"normalize_activations":true}""")]
    [InlineData("lack the tensor threshold", """{"d_in":2,"d_sae":3,"architecture":"jumprelu"}""")]
    [InlineData("lack the tensor b_gate", """{"d_in":2,"d_sae":3,"architecture":"gated"}""")]
    public void A_wrong_configuration_is_refused_with_the_folder_and_what_was_found(string mentions, string cfg) => Refused(mentions, cfg, new());

    [Fact]
    public void Hints_that_nothing_would_use_are_refused()
    {
        Refused("nothing would use it", """{"d_in":2,"d_sae":3}""", new(InputScale: 2));
        Refused("the input scale is -1", """{"d_in":2,"d_sae":3,"normalize_activations":"expected_average_only_in"}""", new(InputScale: -1));
        Refused("the input scale is NaN", """{"d_in":2,"d_sae":3,"normalize_activations":"expected_average_only_in"}""", new(InputScale: float.NaN));
        Refused("which has none", """{"d_in":2,"d_sae":3}""", new(K: 2));
        Refused("k is given as 1", """{"d_in":2,"d_sae":3,"architecture":"topk","k":2}""", new(K: 1));
        Assert.Equal(2, Read("""{"d_in":2,"d_sae":3,"architecture":"topk","k":2}""", new(K: 2)).K);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    public void Thresholds_that_were_never_trained_are_refused(float threshold) =>
        Refused("never trained", """{"d_in":2,"d_sae":3,"architecture":"jumprelu"}""", new(), Weights(("threshold", "F32", [Features], Some.Bytes(threshold, threshold, threshold))));

    [Fact]
    public void Weights_that_are_not_finite_are_refused() =>
        Refused("the decoder bias holds NaN at index 1", """{"d_in":2,"d_sae":3}""", new(), Weights(("b_dec", "F32", [Width], Some.Bytes(0, float.NaN))));

    [Fact]
    public void A_folder_of_no_known_format_is_refused_with_the_files_that_would_do()
    {
        var refusal = Assert.Throws<MalformedException>(() => DictionaryReader.Read(new MemoryFiles(("weights.bin", [])), new()));

        Assert.Contains("some/dictionary", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("cfg.json and sae_weights.safetensors", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(AutoencoderKind.Standard, false)]
    [InlineData(AutoencoderKind.JumpReLU, false)]
    [InlineData(AutoencoderKind.Gated, false)]
    [InlineData(AutoencoderKind.TopK, false)]
    [InlineData(AutoencoderKind.TopK, true)]
    public void A_scale_that_is_said_equals_a_scale_that_was_folded(AutoencoderKind kind, bool rescale)
    {
        // As SAELens folds: W_enc · s, W_dec / s, b_dec / s. No golden case has TopK with a scale.
        var random = new Random(17);
        var said = SomeAutoencoder.Of(random, kind, InputNormalization.ExpectedAverageOnlyIn, width: 20, features: 60) with
        {
            RescaleByDecoderNorm = rescale,
            InputScale = 0.25f,   // A power of two, so that folding rounds nothing.
            SubtractDecoderBias = true,
        };
        var folded = said with
        {
            Normalization = InputNormalization.None,
            InputScale = 1,
            EncoderDF = [.. said.EncoderDF.Select(w => w * 0.25f)],
            DecoderFD = [.. said.DecoderFD.Select(w => w / 0.25f)],
            DecoderBiasD = [.. said.DecoderBiasD.Select(b => b / 0.25f)],
        };
        var rows = SomeAutoencoder.Gaussians(random, 10 * 20, 3);
        var (codes, expected) = (new SparseCodes(), new SparseCodes());
        new ReferenceEncoder(said).Encode(rows, codes);
        new ReferenceEncoder(folded).Encode(rows, expected);

        Assert.True(expected.Count > 20);
        for (var row = 0; row < 10; row++)
        {
            var rowD = rows.AsSpan(row * 20, 20);
            Assert.Equal(expected.FeaturesOf(row), codes.FeaturesOf(row));
            Close(expected.ValuesOf(row).ToArray(), codes.ValuesOf(row).ToArray());
            var (a, b) = (new float[20], new float[20]);
            new Reconstruction(said).Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), a);
            new Reconstruction(folded).Decode(rowD, expected.FeaturesOf(row), expected.ValuesOf(row), b);
            Close(b, a);
        }

        static void Close(float[] expected, float[] actual)
        {
            Assert.Equal(expected.Length, actual.Length);
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f * Math.Max(1, expected.Max(Math.Abs)));
        }
    }

    private static SparseAutoencoder Read(string cfg, DictionaryHints? hints = null, byte[]? weights = null) =>
        DictionaryReader.Read(new MemoryFiles(("cfg.json", System.Text.Encoding.UTF8.GetBytes(cfg)), ("sae_weights.safetensors", weights ?? Weights())), hints ?? new());

    private static void Refused(string mentions, string cfg, DictionaryHints hints, byte[]? weights = null)
    {
        var refusal = Assert.Throws<MalformedException>(() => Read(cfg, hints, weights));
        Assert.Equal("dictionary", refusal.Reason);
        Assert.StartsWith("some/dictionary: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>A right file, with some tensors in place of its own or besides.</summary>
    private static byte[] Weights(params (string Name, string DType, int[] Shape, byte[] Data)[] others)
    {
        (string Name, string DType, int[] Shape, byte[] Data)[] usual =
        [
            ("W_enc", "F32", [Width, Features], Some.Bytes(1, 2, 3, 4, 5, 6)),
            ("W_dec", "F32", [Features, Width], Some.Bytes(6, 5, 4, 3, 2, 1)),
            ("b_enc", "F32", [Features], Some.Bytes(0, 0, 0)),
            ("b_dec", "F32", [Width], Some.Bytes(0, 0)),
        ];
        return Some.Safetensors(null, [.. usual.Where(tensor => others.All(other => other.Name != tensor.Name)), .. others]);
    }
}
