namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Crosscoders of jkminder's dictionary_learning (Minder et al.'s model diffing): <c>model.safetensors</c> and <c>config.json</c> as on the hub, or one <c>.pt</c>; CrossCoder and BatchTopKCrossCoder.</summary>
/// <remarks>
/// encoder.weight [L, d, F], encoder.bias [F], decoder.weight [L, F, d], decoder.bias [L, d]; each of the L models is a head. f = ReLU(Σ xW + b); with a threshold f counts where f·c is above it. Features are f·c, as
/// get_activations gives them; c is the sum of a latent's decoder norms, or what code_normalization names. Rows are brought to (x − mean)·g first, with one g for all models. c and g are taken into the weights here,
/// so values are equal up to rounding. Source: the library's dictionary.py and numbers computed by PyTorch from its formulas; there is no package.
/// </remarks>
internal sealed class JkminderFormat : IDictionaryFormat
{
    private const string Configuration = "config.json";
    private const string Hub = "model.safetensors";
    private const string Compiled = "_orig_mod.";
    private const int HeadsMaximum = 64;

    private static readonly string[] tensorNames =
        ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias", "code_normalization_id", "k", "threshold", "target_rms", "activation_mean", "activation_std", "activation_global_scale"];

    public string Name => "jkminder crosscoder";
    public string Files => $"{Hub} and {Configuration}, or one .pt, with encoder.weight [models, d, F]";

    public bool Fits(IWeightFiles files) => HoldsCrosscoder(files);

    /// <summary>The seven classes that it shares files' names with have matrices there.</summary>
    public static bool HoldsCrosscoder(IWeightFiles files)
    {
        if (Weights(files) is not { } tensors) return false;
        using (tensors) return tensors.Stored.TryGetValue(Prefix(tensors) + "decoder.weight", out var decoder) && decoder.Shape.Length == 3;
    }

    private static TensorFile? Weights(IWeightFiles files) =>
        files.Offers(Hub) ? new WeightTensors(files.Open(Hub)) : files.OnlyTorchFile() is { } name ? new TorchFile(files.Open(name)) : null;

    /// <summary>What torch.compile puts before each name.</summary>
    private static string Prefix(TensorFile tensors) => tensors.Has(Compiled + "decoder.weight") ? Compiled : "";

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        hints.RefuseOthers(files);
        using var tensors = Weights(files)!;
        var prefix = Prefix(tensors);
        tensors.RefuseOthers([.. tensorNames.Select(name => prefix + name)]);
        // Configurations of training runs keep theirs in trainer.
        var cfg = files.Has(Configuration) ? Settings.Read(files, Configuration) is var whole && whole.Section("trainer") is { } trainer ? trainer : whole : null;
        if (tensors.ShapeOf(prefix + "encoder.weight", 3) is not [var heads, var d, var features]) throw new InvalidOperationException("three dimensions were asked for");
        if (heads > HeadsMaximum || (long)heads * features > int.MaxValue || (long)heads * d > int.MaxValue) throw Settings.Refused(files, $"encoder.weight is [{heads}, {d}, {features}]; at most {HeadsMaximum} models are read");
        var sae = new SparseAutoencoder
        {
            Kind = AutoencoderKind.Standard,
            Heads = heads,
            Width = heads * d,
            Features = heads * features,
            EncoderDF = tensors.Read(prefix + "encoder.weight", heads, d, features),
            EncoderBiasF = tensors.Read(prefix + "encoder.bias", features),
            DecoderFD = tensors.Read(prefix + "decoder.weight", heads, features, d),
            DecoderBiasD = tensors.Read(prefix + "decoder.bias", heads, d),
            SubtractDecoderBias = false,
            Architecture = "crosscoder relu",
        };
        var code = CodeNormalization.Read(files, cfg, tensors, prefix);
        var norms = sae.DecoderNorms();
        var gains = code.Gains(norms, features);
        sae = sae with { Notes = [$"features are multiplied with {code.Meaning}; models come in the order of training, the base first by custom"] };
        if (tensors.Has(prefix + "threshold"))
        {
            var thresholds = tensors.Read(prefix + "threshold", code.Decoupled ? [heads] : []);
            if (Array.Exists(thresholds, threshold => !(threshold > 0))) throw Settings.Refused(files, $"the threshold is {thresholds.Min()}: it was never trained (training starts from -1), and every positive pre-activation would fire. Save a checkpoint from after threshold_start_step");
            sae = sae with
            {
                Kind = AutoencoderKind.JumpReLU,
                Architecture = "crosscoder batchtopk",
                // Decoupled, each model compares with its own norm, and the feature is in the sum of all.
                ThresholdF = [.. Enumerable.Range(0, sae.Features).Select(f => code.Decoupled ? Math.Min(thresholds[f / features] * gains[f % features] / norms[f], float.MaxValue) : thresholds[0])],
            };
        }
        for (var f = 0; f < features; f++) sae.EncoderBiasF[f] *= gains[f];
        for (var f = 0; f < sae.Features; f++) Matrices.Scale(sae.DecoderFD.AsSpan(f * d, d), gains[f % features] > 0 ? 1 / gains[f % features] : 0);
        for (var i = 0; i < heads * d; i++)
            for (var f = 0; f < features; f++) sae.EncoderDF[i * features + f] *= gains[f];
        return JkminderScaling.Read(files, cfg, tensors, prefix, sae) is { } scaling ? scaling.TakenInto(sae) : sae;
    }

    /// <summary>What a latent's value is multiplied with: c.</summary>
    private sealed record CodeNormalization(string Name, float AlphaSae, float AlphaCrosscoder)
    {
        private static readonly string[] names = ["CROSSCODER", "SAE", "MIXED", "NONE", "DECOUPLED"];

        public bool Decoupled => Name == "DECOUPLED";

        public string Meaning => Name switch
        {
            "CROSSCODER" or "DECOUPLED" => "the sum of their decoder norms over the models",
            "SAE" => "the norm of their decoder rows of all models together",
            "MIXED" => $"{AlphaSae} times the norm of their decoder rows together and {AlphaCrosscoder} times the sum of their norms",
            _ => "1 (no code normalisation)",
        };

        public static CodeNormalization Read(IWeightFiles files, Settings? cfg, TensorFile tensors, string prefix)
        {
            var said = cfg?.Text("code_normalization")?.ToUpperInvariant();
            if (said is not null && !names.Contains(said)) throw cfg!.Refused($"code_normalization in {Configuration} is '{said}'; {string.Join(", ", names)} are known");
            var id = tensors.Has(prefix + "code_normalization_id") ? tensors.ReadWhole(prefix + "code_normalization_id")[0] : (long?)null;
            if (id is < 1 or > 5) throw Settings.Refused(files, $"code_normalization_id is {id}; 1 to 5 are known ({string.Join(", ", names)})");
            var stored = id is { } known ? names[known - 1] : null;
            if (said is not null && stored is not null && said != stored) throw cfg!.Refused($"code_normalization in {Configuration} is {said}, the weights say {stored}. Keep the files of one crosscoder together");
            return new(stored ?? said ?? "CROSSCODER", Alpha("code_normalization_alpha_sae", 1), Alpha("code_normalization_alpha_cc", 0.1f));

            float Alpha(string key, float usual) => cfg?[key] is null ? usual : (float)cfg.Positive(key);
        }

        public float[] Gains(float[] norms, int features) => [.. Enumerable.Range(0, features).Select(feature =>
        {
            var (sum, squares) = (0.0, 0.0);
            for (var f = feature; f < norms.Length; f += features) (sum, squares) = (sum + norms[f], squares + (double)norms[f] * norms[f]);
            return (float)(Name switch { "CROSSCODER" or "DECOUPLED" => sum, "SAE" => Math.Sqrt(squares), "MIXED" => AlphaSae * Math.Sqrt(squares) + AlphaCrosscoder * sum, _ => 1 });
        })];
    }
}
