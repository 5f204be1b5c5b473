using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Tests.Encoding;

namespace DriftWatch.Analysis.Tests.Golden;

/// <summary>The numbers of the field's libraries: support exactly, values to 1e-5 · max(1, largest value of the row).</summary>
[Collection(nameof(EveryEncoder))]
public sealed class GoldenTests
{
    private const double Tolerance = 1e-5;

    public static TheoryData<string> Committed => new(
        "saelens-standard-square",
        "saelens-standard-layer_norm",
        "saelens-topk-no_b_dec_on_input",
        "saelens-jumprelu-edge",
        "saelens-jumprelu-bfloat16",
        "saelens-gated-no_b_dec_on_input");

    public static TheoryData<string> Equal => new(
        "saelens-standard",
        "saelens-standard-no_b_dec_on_input",
        "saelens-standard-constant_norm_rescale",
        "saelens-standard-layer_norm",
        "saelens-standard-expected_average_only_in",
        "saelens-standard-expected_average_only_in-folded",
        "saelens-standard-square",
        "saelens-standard-hook_z",
        "saelens-standard-bfloat16",
        "saelens-standard-float16",
        "saelens-standard-legacy",
        "saelens-standard-legacy-false",
        "saelens-standard-legacy-hook_z",
        "saelens-topk",
        "saelens-topk-no_b_dec_on_input",
        "saelens-topk-layer_norm",
        "saelens-topk-rescale",
        "saelens-topk-spread_norms",
        "saelens-topk-few_positive",
        "saelens-topk-bfloat16",
        "saelens-topk-from_training",
        "saelens-topk-legacy",
        "saelens-jumprelu",
        "saelens-jumprelu-no_b_dec_on_input",
        "saelens-jumprelu-constant_norm_rescale",
        "saelens-jumprelu-layer_norm",
        "saelens-jumprelu-expected_average_only_in",
        "saelens-jumprelu-expected_average_only_in-folded",
        "saelens-jumprelu-edge",
        "saelens-jumprelu-bfloat16",
        "saelens-jumprelu-from_training",
        "saelens-jumprelu-legacy",
        "saelens-batchtopk-from_training",
        "saelens-batchtopk-from_training-no_rescale",
        "saelens-matryoshka-from_training",
        "saelens-gated",
        "saelens-gated-no_b_dec_on_input",
        "saelens-gated-constant_norm_rescale",
        "saelens-gated-expected_average_only_in",
        "saelens-gated-expected_average_only_in-folded",
        "saelens-gated-bfloat16",
        "saelens-gated-from_training",
        "saelens-abstopk",
        "saelens-matching_pursuit",
        "saelens-matching_pursuit-no_b_dec_on_input",
        "saelens-transcoder",
        "saelens-transcoder-layer_norm",
        "saelens-skip_transcoder",
        "saelens-skip_transcoder-layer_norm",
        "saelens-jumprelu_transcoder",
        "saelens-jumprelu_skip_transcoder",
        "llama_scope-jumprelu",
        "llama_scope-jumprelu-bfloat16",
        "llama_scope_r1_distill-jumprelu",
        "llamascopium-relu",
        "llamascopium-relu-no_decoder_bias",
        "llamascopium-jumprelu",
        "llamascopium-jumprelu-plain",
        "llamascopium-jumprelu-folded",
        "llamascopium-topk-transcoder",
        "llamascopium-topk-glu-token_wise",
        "llamascopium-crosscoder-relu",
        "llamascopium-crosscoder-jumprelu",
        "llamascopium-crosscoder-topk",
        "gemma_scope-jumprelu",
        "gemma_scope-jumprelu-lower_case",
        "gemma_scope-jumprelu-embedding",
        "gemma_scope-jumprelu_transcoder",
        "gemma_scope_2-jumprelu",
        "gemma_scope_2-transcoder",
        "gemma_scope_2-skip_transcoder",
        "connor_rob-hook_z",
        "goodfire-standard",
        "deepseek_r1-standard-bfloat16",
        "qwen_scope-topk",
        "mwhanna-transcoder",
        "dictionary_learning-standard",
        "dictionary_learning-standard-spread_norms",
        "dictionary_learning-standard_new",
        "dictionary_learning-gated",
        "dictionary_learning-jumprelu",
        "dictionary_learning-topk",
        "dictionary_learning-batchtopk",
        "dictionary_learning-matryoshka",
        "sparsify-topk",
        "sparsify-topk-num_latents",
        "sparsify-topk-free_decoder",
        "sparsify-topk-square",
        "sparsify-groupmax",
        "sparsify-transcoder-skip");

    /// <summary>One layer of a cross-layer transcoder: the library's reconstruction means nothing.</summary>
    public static TheoryData<string> FeaturesOnly => new("gemma_scope_2-clt", "mntss-clt");

    /// <summary>Name, and what the refusal has to tell the operator.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "saelens-batchtopk-training_form", "save_inference_model" },
        { "saelens-standard-legacy-finetuned", "Fold it into W_dec" },
        { "saelens-temporal", "is a sequence model" },
        { "dictionary_learning-batchtopk-untrained", "never trained" },
    };

    private const string Ties = "saelens-topk-ties";

    [Theory, MemberData(nameof(Committed))]
    public void The_committed_sample_gives_SAELens_numbers(string name) => SameNumbers(GoldenCase.Committed(name));

    [Theory, MemberData(nameof(Equal))]
    public void Every_case_gives_its_librarys_numbers(string name) => SameNumbers(GoldenCase.Shared(name));

    [Theory, MemberData(nameof(FeaturesOnly))]
    public void A_layer_of_a_cross_layer_transcoder_gives_its_librarys_features(string name)
    {
        var golden = GoldenCase.Shared(name);
        Assert.Equal("features", golden.Expect);

        Assert.True(golden.Dictionary().EncodesOnly);
        SameNumbers(golden);
    }

    [Fact]
    public void The_committed_training_form_is_refused_with_what_to_do() => IsRefused(GoldenCase.Committed("saelens-batchtopk-training_form"), "save_inference_model");

    [Theory, MemberData(nameof(Refused))]
    public void What_cannot_be_computed_is_refused_with_what_to_do(string name, string mentions)
    {
        var golden = GoldenCase.Shared(name);

        IsRefused(golden, mentions);
    }

    [Theory]
    [InlineData("saelens-standard-expected_average_only_in")]
    [InlineData("saelens-jumprelu-expected_average_only_in")]
    [InlineData("saelens-gated-expected_average_only_in")]
    [InlineData("llama_scope_r1_distill-jumprelu")]
    public void A_scale_that_is_in_no_file_must_be_said(string name)
    {
        var golden = GoldenCase.Shared(name);

        var refusal = Assert.Throws<MalformedException>(() => DictionaryReader.Read(golden, new()));

        Assert.Contains("inputScale in the catalog", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("--input-scale", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Between_equal_values_the_lowest_index_is_kept()
    {
        var golden = GoldenCase.Shared(Ties);
        Assert.Equal("values", golden.Expect);
        var sae = golden.Dictionary();
        var expectedF = golden.Rows("features");
        var (actualF, _) = Compute(golden, sae, new ReferenceEncoder(sae), "x");
        var (allF, _) = Compute(golden, sae, new ReferenceEncoder(sae with { K = sae.Features }), "x");

        for (var row = 0; row < expectedF.Length; row++)
        {
            Same(Sorted(expectedF[row]), Sorted(actualF[row]!), $"row {row}");
            for (var f = 0; f < sae.Features; f++)
                for (var lower = 0; lower < f; lower++)
                    Assert.False(actualF[row]![f] != 0 && actualF[row]![lower] == 0 && allF[row]![lower] == allF[row]![f], $"row {row}: {f} is kept and {lower}, equal, is not");
        }

        static float[] Sorted(float[] values) => [.. values.Order()];
    }

    [Fact]
    public void No_case_is_forgotten()
    {
        GoldenCase.Shared(Ties);
        var named = Equal.Select(row => row.Data).Concat(Refused.Select(row => row.Data.Item1)).Concat(FeaturesOnly.Select(row => row.Data)).Append(Ties);
        var there = new DirectoryInfo(GoldenCase.SharedFolder!).GetDirectories().Select(folder => folder.Name).Where(name => name != "make");

        Assert.Equal(there.Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    private static void IsRefused(GoldenCase golden, string mentions)
    {
        var refusal = Assert.Throws<MalformedException>(golden.Dictionary);

        Assert.Equal("dictionary", refusal.Reason);
        Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
    }

    private static void SameNumbers(GoldenCase golden)
    {
        Assert.Contains(golden.Expect, new[] { "equal", "features" });
        var sae = golden.Dictionary();
        foreach (var encoder in EveryEncoder.For(sae))
            foreach (var suffix in new[] { "", "_x_low" })
                if (golden.HasTensor("features" + suffix)) SameNumbers(golden, sae, encoder, suffix);
    }

    private static void SameNumbers(GoldenCase golden, SparseAutoencoder sae, IEncoder encoder, string suffix)
    {
        var (expectedF, expectedD) = (golden.Rows("features" + suffix), golden.Rows("reconstruction" + suffix));
        var (actualF, actualD) = Compute(golden, sae, encoder, suffix.Length == 0 ? "x" : "x_low");

        for (var row = 0; row < expectedF.Length; row++)
        {
            var where = $"{encoder.Description}, x{suffix}, row {row}";
            if (actualF[row] is not { } featuresF)
            {
                // The libraries divide by the norm 0 there; it is not a number to copy.
                Assert.All(expectedF[row], value => Assert.True(float.IsNaN(value)));
                Assert.Equal((31, InputNormalization.ConstantNormRescale), (row, sae.Normalization));
                continue;
            }
            for (var f = 0; f < featuresF.Length; f++)
                Assert.True(featuresF[f] != 0 == (expectedF[row][f] != 0), $"{where}: feature {f} is {featuresF[f]}, golden {expectedF[row][f]}");
            Same(expectedF[row], featuresF, where);
            if (!sae.EncodesOnly) Same(expectedD[row], actualD[row]!, where);
        }
    }

    private static void Same(float[] expected, float[] actual, string where)
    {
        Assert.Equal(expected.Length, actual.Length);
        var tolerance = Tolerance * Math.Max(1, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= tolerance, $"{where}: index {i} is {actual[i]}, golden {expected[i]}, tolerance {tolerance}");
    }

    /// <summary>Features and reconstruction, dense, of each row; null for a row that cannot be encoded and is left out.</summary>
    private static (float[]?[] FeaturesF, float[]?[] ReconstructionD) Compute(GoldenCase golden, SparseAutoencoder sae, IEncoder encoder, string input)
    {
        var rows = golden.Rows(input);
        var can = rows.Select(row => RowNormalization.Of(row, sae).CanEncode).ToArray();
        var codes = new SparseCodes();
        encoder.Encode(rows.Where((_, row) => can[row]).SelectMany(row => row).ToArray(), codes);
        var reconstruction = sae.EncodesOnly ? null : new Reconstruction(sae);
        var (featuresF, reconstructionD) = (new float[]?[rows.Length], new float[]?[rows.Length]);
        for (int row = 0, encoded = 0; row < rows.Length; row++)
        {
            if (!can[row]) continue;
            var (dense, estimateD) = (new float[sae.Features], new float[sae.OutputWidth]);
            for (var i = 0; i < codes.FeaturesOf(encoded).Length; i++) dense[codes.FeaturesOf(encoded)[i]] = codes.ValuesOf(encoded)[i];
            reconstruction?.Decode(rows[row], codes.FeaturesOf(encoded), codes.ValuesOf(encoded), estimateD);
            (featuresF[row], reconstructionD[row]) = (dense, estimateD);
            encoded++;
        }
        return (featuresF, reconstructionD);
    }
}
