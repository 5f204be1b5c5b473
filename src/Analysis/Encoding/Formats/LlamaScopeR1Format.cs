namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Llama Scope R1-Distill: <c>config.json</c> and <c>sae_weights.safetensors</c> with encoder.weight.</summary>
/// <remarks>
/// As <see cref="LlamaScopeFormat"/>, but θ = exp(log_jumprelu_threshold), per feature, in the scale of the scaled rows, and the factor s is in no file: SAELens keeps it in its
/// list of releases, and computes without it, silently, for a folder that is not in there.
/// </remarks>
internal sealed class LlamaScopeR1Format : IDictionaryFormat
{
    private const string Configuration = "config.json";
    private const string Weights = "sae_weights.safetensors";

    public string Name => "Llama Scope R1-Distill";
    public string Files => $"{Configuration} and {Weights} with encoder.weight";

    public bool Fits(IWeightFiles files) => files.Offers(Configuration, Weights) && !LlamascopiumFormat.HoldsItsEncoder(files);

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var cfg = Settings.Read(files, Configuration);
        if (cfg.Text("act_fn") is { } activation && activation != "jumprelu") throw cfg.Refused($"act_fn in {Configuration} is '{activation}'; the releases of Llama Scope R1-Distill are jumprelu");
        using var tensors = new WeightTensors(files.Open(Weights));
        var d = cfg.Whole("d_model");
        // The number of features stands as d_model times a factor; the threshold's length is the same number without rounding.
        var features = tensors.Header.Tensors.TryGetValue("log_jumprelu_threshold", out var threshold) && threshold.Shape is [var length]
            ? length
            : throw cfg.Refused("the weights lack log_jumprelu_threshold [F]");
        if (cfg["expansion_factor"] is not null && cfg.Positive("expansion_factor") * d != features) throw cfg.Refused($"{Configuration} says {cfg.Positive("expansion_factor")} × {d} features and the weights hold {features}");
        hints.RefuseK(cfg, 0);
        var scale = cfg.Text("norm_activation") switch
        {
            "dataset-wise" => hints.Scale(cfg, "norm_activation is dataset-wise and its factor"),
            "inference" or null => 1,
            var other => throw cfg.Refused($"norm_activation in {Configuration} is '{other}'; dataset-wise and inference are known"),
        };
        return EncoderDecoder.Read(tensors, d, features) with
        {
            Kind = AutoencoderKind.JumpReLU,
            ThresholdF = [.. tensors.Read(threshold).Select(MathF.Exp)],
            Normalization = scale == 1 ? InputNormalization.None : InputNormalization.ExpectedAverageOnlyIn,
            InputScale = scale,
            Architecture = "jumprelu",
            Hook = cfg.Text("hook_point_in") ?? "",
            Notes = scale == 1 ? [] : [$"rows are multiplied with {scale}, which is in no file: as given"],
        };
    }
}
