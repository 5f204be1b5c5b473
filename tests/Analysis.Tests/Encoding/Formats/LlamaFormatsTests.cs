using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>Llama Scope, R1-Distill and llamascopium 2 beyond the golden files: what is refused, and what is kept.</summary>
public sealed class LlamaFormatsTests
{
    private const string Sae = """ "sae_type":"sae","d_model":2,"expansion_factor":1.5,"act_fn":"relu","hook_point_in":"a" """;

    [Theory]
    [InlineData("sae_type in config.json is 'clt'", """{"sae_type":"clt"}""")]
    [InlineData("act_fn in config.json is 'batchtopk'", """{"sae_type":"sae","d_model":2,"expansion_factor":1.5,"act_fn":"batchtopk"}""")]
    [InlineData("says 2.5 features", """{"sae_type":"sae","d_model":2,"expansion_factor":1.25,"act_fn":"relu"}""")]
    [InlineData("norm_activation in config.json is 'batch-wise', which depends on the batch", "{" + Sae + ""","norm_activation":"batch-wise"}""")]
    [InlineData("lack dataset_average_activation_norm.a", "{" + Sae + ""","norm_activation":"dataset-wise"}""")]
    [InlineData("scaled by the target's own norm", "{" + Sae + ""","norm_activation":"token-wise","hook_point_out":"b"}""")]
    [InlineData("hook_points in config.json is missing", """{"sae_type":"crosscoder","d_model":2,"expansion_factor":1.5,"act_fn":"relu"}""")]
    [InlineData("hook_points in config.json holds 7", """{"sae_type":"crosscoder","d_model":2,"expansion_factor":1.5,"act_fn":"relu","hook_points":[7]}""")]
    [InlineData("k is 9 but the dictionary has only 3", """{"sae_type":"sae","d_model":2,"expansion_factor":1.5,"act_fn":"topk","top_k":9}""")]
    [InlineData("holds a key twice", """{"sae_type":"sae","sae_type":"sae"}""")]
    public void A_configuration_of_llamascopium_that_would_be_computed_wrongly_is_refused(string mentions, string cfg)
    {
        var refusal = Assert.Throws<MalformedException>(() => Llamascopium(cfg));

        Assert.Equal("dictionary", refusal.Reason);
        Assert.StartsWith("some/dictionary: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_norm_that_is_still_in_the_file_after_folding_counts_for_nothing()
    {
        var (folded, unfolded) = (Llamascopium("{" + Sae + ""","norm_activation":"inference"}""", norm: 5), Llamascopium("{" + Sae + ""","norm_activation":"dataset-wise"}""", norm: 5));

        Assert.Equal((InputNormalization.None, 1f), (folded.Normalization, folded.InputScale));
        Assert.Equal((InputNormalization.ExpectedAverageOnlyIn, (float)(Math.Sqrt(2) / 5)), (unfolded.Normalization, unfolded.InputScale));
        Assert.False(unfolded.SubtractDecoderBias);
    }

    [Fact]
    public void Hints_that_contradict_the_files_are_refused()
    {
        Assert.Contains("k is given as 3", Assert.Throws<MalformedException>(() => Llamascopium("{" + Sae + ""","norm_activation":"inference"}""", hints: new(K: 3))).Message, StringComparison.Ordinal);
        Assert.Contains("the files say", Assert.Throws<MalformedException>(() => Llamascopium("{" + Sae + ""","norm_activation":"dataset-wise"}""", norm: 5, hints: new(InputScale: 0.5f))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_two_formats_is_refused()
    {
        var weights = Some.Safetensors(null, ("W_E", "F32", [1], Some.Bytes(1)));
        var refusal = Assert.Throws<MalformedException>(() => DictionaryReader.Read(new MemoryFiles(("cfg.json", "{}"u8.ToArray()), ("config.json", "{}"u8.ToArray()), ("sae_weights.safetensors", weights)), new()));

        Assert.Contains("could be SAELens or llamascopium", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lacks dataset_average_activation_norm", """{"d_model":2,"d_sae":3}""")]
    [InlineData("in in hyperparams.json is 0", """{"d_model":2,"d_sae":3,"dataset_average_activation_norm":{"in":0}}""")]
    [InlineData("jump_relu_threshold in hyperparams.json is missing", """{"d_model":2,"d_sae":3,"dataset_average_activation_norm":{"in":4}}""")]
    [InlineData("act_fn in hyperparams.json is 'topk'", """{"d_model":2,"d_sae":3,"act_fn":"topk"}""")]
    public void A_configuration_of_Llama_Scope_that_lacks_something_is_refused(string mentions, string cfg)
    {
        var refusal = Assert.Throws<MalformedException>(() => DictionaryReader.Read(new MemoryFiles(("hyperparams.json", System.Text.Encoding.UTF8.GetBytes(cfg)), ("checkpoints/final.safetensors", Some.Safetensors(null))), new()));

        Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
    }

    private static SparseAutoencoder Llamascopium(string cfg, float? norm = null, DictionaryHints? hints = null)
    {
        (string, string, int[], byte[])[] tensors = [("W_E", "F32", [2, 3], Some.Bytes(1, 2, 3, 4, 5, 6)), ("b_E", "F32", [3], Some.Bytes(0, 0, 0)), ("W_D", "F32", [3, 2], Some.Bytes(1, 0, 0, 1, 1, 1)), ("b_D", "F32", [2], Some.Bytes(0, 0))];
        if (norm is { } average) tensors = [.. tensors, ("dataset_average_activation_norm.a", "F32", [], Some.Bytes(average))];
        return DictionaryReader.Read(new MemoryFiles(("config.json", System.Text.Encoding.UTF8.GetBytes(cfg)), ("sae_weights.safetensors", Some.Safetensors(null, tensors))), hints ?? new());
    }
}
