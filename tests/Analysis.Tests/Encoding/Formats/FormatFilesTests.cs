using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Tests.Golden;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>What the golden files do not show: files that are damaged, lack something, hold too much or could be of two formats.</summary>
public sealed class FormatFilesTests
{
    private const int D = 2;
    private const int F = 3;
    private static readonly float[] six = [1, 2, 3, 4, 5, 6];

    /// <summary>Cases of every format, and the file of weights in each.</summary>
    public static TheoryData<string, string> Weights => new()
    {
        { "saelens-jumprelu", "sae_weights.safetensors" },
        { "llama_scope-jumprelu", "checkpoints/final.safetensors" },
        { "llama_scope_r1_distill-jumprelu", "sae_weights.safetensors" },
        { "llamascopium-jumprelu", "sae_weights.safetensors" },
        { "sparsify-groupmax", "sae.safetensors" },
        { "dictionary_learning-standard", "ae.pt" },
        { "dictionary_learning-matryoshka", "ae.pt" },
        { "gemma_scope-jumprelu", "params.npz" },
        { "gemma_scope_2-skip_transcoder", "params.safetensors" },
        { "gemma_scope_2-clt", "params_layer_0.safetensors" },
        { "goodfire-standard", "Llama-3.1-8B-Instruct-SAE-l19.pth" },
        { "deepseek_r1-standard-bfloat16", "DeepSeek-R1-Distill-Llama-8B-SAE-l19.pt" },
        { "qwen_scope-topk", "layer3.sae.pt" },
        { "connor_rob-hook_z", "gpt2-small_L5_Hcat_z.pt" },
        { "mwhanna-transcoder", "layer_7.safetensors" },
        { "mntss-clt", "W_enc_0.safetensors" },
    };

    [Theory, MemberData(nameof(Weights))]
    public void A_file_that_is_cut_anywhere_is_refused(string name, string weights)
    {
        var golden = GoldenCase.Shared(name);
        using var whole = new MemoryStream();
        using (var file = golden.Open(weights)) file.CopyTo(whole);
        var bytes = whole.ToArray();
        var random = new Random(3);

        foreach (var length in Enumerable.Range(0, 40).Select(_ => random.Next(bytes.Length)).Concat([0, 1, 8, bytes.Length - 1]))
        {
            var refusal = Assert.Throws<MalformedException>(() => DictionaryReader.Read(new Instead(golden, weights, bytes[..length]), new(golden.InputScale, golden.K)));
            Assert.Equal("dictionary", refusal.Reason);
            Assert.StartsWith(golden.Path, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Weights))]
    public void A_hint_that_nothing_would_use_is_refused(string name, string weights)
    {
        var golden = GoldenCase.Shared(name);
        Assert.NotEmpty(weights);
        if (golden.InputScale is null) Assert.Contains("input scale", Refusal(golden, new(InputScale: 0.5f, golden.K)), StringComparison.Ordinal);
        if (golden.K is null) Assert.Contains("k is given as 7", Refusal(golden, new(golden.InputScale, K: 7)), StringComparison.Ordinal);
    }

    [Fact]
    public void Qwen_Scope_needs_k_and_says_where_it_stands()
    {
        var golden = GoldenCase.Shared("qwen_scope-topk");

        Assert.Contains("--k on the command line", Refusal(golden, new()), StringComparison.Ordinal);
        Assert.Contains("from 1 to 176", Refusal(golden, new(K: 0)), StringComparison.Ordinal);
        Assert.Contains("from 1 to 176", Refusal(golden, new(K: 177)), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_a_folder_holds_several_a_file_is_named()
    {
        (string, byte[])[] layers = [("config.yaml", "model_name: some/model\nfeature_input_hook: hook_resid_mid\n"u8.ToArray()), ("layer_1.safetensors", Transcoder(1)), ("layer_2.safetensors", Transcoder(2))];

        Assert.Contains("no dictionary that DriftWatch reads", Refusal(new MemoryFiles(layers), new()), StringComparison.Ordinal);
        var second = DictionaryReader.Read(new Named(new MemoryFiles(layers), "layer_2.safetensors"), new());
        Assert.Equal(("some/model", "blocks.2.hook_resid_mid", 2f), (second.Model, second.Hook, second.DecoderBiasD[0]));
        // A folder's own dictionary is not taken for a file that is named beside it.
        var sae = new MemoryFiles([("cfg.json", "{}"u8.ToArray()), ("sae_weights.safetensors", []), .. layers]);
        Assert.Equal("mwhanna transcoder", DictionaryReader.Read(new Named(sae, "layer_1.safetensors"), new()).Format);

        static byte[] Transcoder(float bias) => Some.Safetensors(null,
            ("W_enc", "F32", [F, D], Some.Bytes(six)), ("W_dec", "F32", [F, D], Some.Bytes(six)), ("b_enc", "F32", [F], Some.Bytes(0, 0, 0)), ("b_dec", "F32", [D], Some.Bytes(bias, bias)));
    }

    [Fact]
    public void Sizes_that_the_files_say_twice_have_to_agree()
    {
        (string, byte[])[] files =
        [
            ("config.yaml", "model_name: some/model\n"u8.ToArray()), ("wanb-config.yaml", "d_feature:\n  value: 4\nd_model:\n  desc: null\n  value: 2\n"u8.ToArray()),
            ("layer_1.safetensors", Some.Safetensors(null, ("W_enc", "F32", [F, D], Some.Bytes(six)), ("W_dec", "F32", [F, D], Some.Bytes(six)), ("b_enc", "F32", [F], new byte[12]), ("b_dec", "F32", [D], new byte[8]))),
        ];
        Assert.Contains("wanb-config.yaml says d_feature 4 and d_model 2", Refusal(new MemoryFiles(files), new()), StringComparison.Ordinal);
        Assert.Contains("but config.json says [3, 2]", DictionaryLearning("JumpReluAutoEncoder", Plain(("threshold", [F])), """ "activation_dim":3,"dict_size":2 """), StringComparison.Ordinal);
        Assert.Contains("encoder.weight F32 [3, 2] should be [2, 3]", DictionaryLearning("AutoEncoderNew", Layers("decoder.bias"), """ "activation_dim":3,"dict_size":2 """), StringComparison.Ordinal);
    }

    [Fact]
    public void Decoder_norms_are_folded_for_the_first_class_only()
    {
        var plain = Read("AutoEncoderNew", Layers("decoder.bias"));
        var folded = Read("AutoEncoder", Layers("bias"));

        Assert.Equal([1, 3, 5, 2, 4, 6], plain.EncoderDF);
        Assert.Equal([1, 4, 2, 5, 3, 6], plain.DecoderFD);
        Assert.False(plain.SubtractDecoderBias);
        Assert.True(folded.SubtractDecoderBias);
        Assert.All(folded.DecoderNorms(), norm => Assert.Equal(1, norm, 1e-6f));
        var norms = plain.DecoderNorms();
        for (var f = 0; f < F; f++) Assert.Equal(plain.EncoderDF[f] * norms[f], folded.EncoderDF[f], 1e-6f);
    }

    [Theory]
    [InlineData("CrossCoder", "trainer.dict_class in config.json is 'CrossCoder'")]
    [InlineData("AutoEncoder", "lack the tensor bias")]
    [InlineData("BatchTopKSAE", "hold decoder.bias, which this format does not have", "decoder.bias")]
    public void A_class_that_the_weights_are_not_of_is_refused(string name, string mentions, params string[] biases) =>
        Assert.Contains(mentions, DictionaryLearning(name, Layers(biases)), StringComparison.Ordinal);

    [Fact]
    public void Weights_without_their_class_are_refused() =>
        Assert.Contains("config.json is missing beside ae.pt", Refusal(new MemoryFiles(("ae.pt", SomeTorch.File(Layers("bias")))), new()), StringComparison.Ordinal);

    [Fact]
    public void The_embedding_is_known_by_its_folder_alone()
    {
        var npz = Npz();
        var plain = DictionaryReader.Read(new MemoryFiles(("params.npz", npz)), new());
        var embedding = DictionaryReader.Read(new MemoryFiles("release/embedding/width_4k/average_l0_6", ("params.npz", npz)), new());
        var other = DictionaryReader.Read(new MemoryFiles("embedding/models/layer_1/width_4k/average_l0_6", ("params.npz", npz)), new());

        Assert.Equal(six, plain.EncoderDF);
        Assert.Equal(6 / MathF.Sqrt(2), embedding.EncoderDF[5], 1e-6f);
        Assert.Equal(6 * MathF.Sqrt(2), embedding.DecoderFD[5], 1e-6f);
        Assert.Equal(plain.Hash, other.Hash);
    }

    [Fact]
    public void A_factor_that_the_library_drops_is_refused() =>
        Assert.Contains("scaling_factor is not 1", Refusal(new MemoryFiles(("params.npz", Npz(("scaling_factor", "(3,)", [1, 1, 2])))), new()), StringComparison.Ordinal);

    [Fact]
    public void A_tensor_that_would_change_the_numbers_is_refused() =>
        Assert.Contains("hold W_skip, which this format does not have", Refusal(new MemoryFiles(("params.npz", Npz(("W_skip", "(2, 2)", [1, 0, 0, 1])))), new()), StringComparison.Ordinal);

    [Theory]
    [InlineData("activation in cfg.json is 'relu'", """{"d_in":2,"k":1,"num_latents":3,"activation":"relu"}""")]
    [InlineData("k is 4 but the dictionary has only 3", """{"d_in":2,"k":4,"num_latents":3}""")]
    [InlineData("do not fall into 2 groups", """{"d_in":2,"k":2,"num_latents":3,"activation":"groupmax"}""")]
    [InlineData("says 3.4 features", """{"d_in":2,"k":2,"num_latents":0,"expansion_factor":1.7}""")]
    [InlineData("expansion_factor in cfg.json is missing", """{"d_in":2,"k":2}""")]
    [InlineData("signed", """{"d_in":2,"k":2,"num_latents":3,"signed":true}""")]
    [InlineData("W_skip, which this format does not have", """{"d_in":2,"k":2,"num_latents":3}""")]
    public void A_wrong_configuration_of_sparsify_is_refused(string mentions, string cfg)
    {
        var weights = Some.Safetensors(null,
            ("encoder.weight", "F32", [F, D], Some.Bytes(six)), ("encoder.bias", "F32", [F], new byte[12]), ("W_dec", "F32", [F, D], Some.Bytes(six)), ("b_dec", "F32", [D], new byte[8]), ("W_skip", "F32", [D, D], new byte[16]));

        Assert.Contains(mentions, Refusal(new MemoryFiles(("cfg.json", System.Text.Encoding.UTF8.GetBytes(cfg)), ("sae.safetensors", weights)), new()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_hostile_pickle_is_refused_whatever_format_it_claims()
    {
        var pickle = SomeTorch.File(SomeTorch.Pickle([.. SomeTorch.Name("os", "system"), .. SomeTorch.Text("id"), 0x85, .. "R"u8]));
        foreach (var files in new MemoryFiles[]
                 {
                     new(("x.pth", pickle)), new(("x.sae.pt", pickle)), new(("x.pt", pickle), ("x_cfg.json", "{\"act_size\":2,\"dict_size\":3}"u8.ToArray())),
                     new(("ae.pt", pickle), ("config.json", "{\"trainer\":{\"dict_class\":\"AutoEncoder\",\"activation_dim\":2,\"dict_size\":3}}"u8.ToArray())),
                 })
            Assert.Contains("'os.system'", Refusal(files, new(K: 1)), StringComparison.Ordinal);
    }

    private static SomeTorch.View[] Layers(params string[] biases) =>
    [
        SomeTorch.View.Plain("encoder.weight", [F, D], six), SomeTorch.View.Plain("encoder.bias", [F], 0, 0, 0), SomeTorch.View.Plain("decoder.weight", [D, F], six),
        .. biases.Select(bias => SomeTorch.View.Plain(bias, [D], 0, 0)),
    ];

    private static SomeTorch.View[] Plain(params (string Name, int[] Shape)[] others) =>
    [
        SomeTorch.View.Plain("W_enc", [D, F], six), SomeTorch.View.Plain("W_dec", [F, D], six), SomeTorch.View.Plain("b_enc", [F], 0, 0, 0), SomeTorch.View.Plain("b_dec", [D], 0, 0),
        .. others.Select(other => SomeTorch.View.Plain(other.Name, other.Shape, new float[other.Shape.Aggregate(1, (count, size) => count * size)])),
    ];

    private static MemoryFiles DictionaryLearningFiles(string name, SomeTorch.View[] views, string sizes) =>
        new(("config.json", System.Text.Encoding.UTF8.GetBytes($$$"""{"trainer":{"dict_class":"{{{name}}}",{{{sizes}}} } }""")), ("ae.pt", SomeTorch.File(views)));

    private static SparseAutoencoder Read(string name, SomeTorch.View[] views) => DictionaryReader.Read(DictionaryLearningFiles(name, views, """ "activation_dim":2,"dict_size":3 """), new());

    private static string DictionaryLearning(string name, SomeTorch.View[] views, string sizes = """ "activation_dim":2,"dict_size":3 """) => Refusal(DictionaryLearningFiles(name, views, sizes), new());

    private static byte[] Npz(params (string Name, string Shape, float[] Values)[] others)
    {
        (string Name, string Shape, float[] Values)[] arrays =
            [("W_enc", "(2, 3)", six), ("W_dec", "(3, 2)", six), ("b_enc", "(3,)", [0, 0, 0]), ("b_dec", "(2,)", [0, 0]), ("threshold", "(3,)", [1, 1, 1]), .. others];
        return SomeZip.Of([.. arrays.Select(array => new SomeEntry($"{array.Name}.npy", NpzFileTests.Npy($"{{'descr': '<f4', 'fortran_order': False, 'shape': {array.Shape}, }}", Some.Bytes(array.Values))))]);
    }

    private static string Refusal(IWeightFiles files, DictionaryHints hints)
    {
        var refusal = Assert.Throws<MalformedException>(() => DictionaryReader.Read(files, hints));
        Assert.Equal("dictionary", refusal.Reason);
        return refusal.Message;
    }

    /// <summary>One file in place of another.</summary>
    private sealed class Instead(IWeightFiles files, string name, byte[] bytes) : IWeightFiles
    {
        public string Path => files.Path;
        public string Location => files.Location;
        public IReadOnlyList<string> Names => files.Names;
        public bool Has(string file) => files.Has(file);
        public Stream Open(string file) => file == name ? new MemoryStream(bytes) : files.Open(file);
    }

    /// <summary>One file named by the operator.</summary>
    private sealed class Named(IWeightFiles files, string name) : IWeightFiles
    {
        public string Path => files.Path;
        public IReadOnlyList<string> Names => [name];
        public bool Has(string file) => files.Has(file);
        public Stream Open(string file) => files.Open(file);
    }
}
