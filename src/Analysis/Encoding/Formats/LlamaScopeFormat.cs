namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Llama Scope: <c>hyperparams.json</c> and <c>checkpoints/final.safetensors</c>.</summary>
/// <remarks>
/// encoder.weight [F, d], encoder.bias [F], decoder.weight [d, F], decoder.bias [d]; one threshold θ for all features. Rows are multiplied with s = √d over the average norm
/// in the file, the threshold is θ·s, b_dec is not subtracted and the output is divided by s. Source: SAELens 6.54, which reads the releases; trap: θ without s.
/// </remarks>
internal sealed class LlamaScopeFormat : IDictionaryFormat
{
    private const string Configuration = "hyperparams.json";
    private const string Weights = "checkpoints/final.safetensors";

    public string Name => "Llama Scope";
    public string Files => $"{Configuration} and {Weights}";

    public bool Fits(IWeightFiles files) => files.Offers(Configuration, Weights);

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var cfg = Settings.Read(files, Configuration);
        if (cfg.Text("act_fn") is { } activation && activation != "jumprelu") throw cfg.Refused($"act_fn in {Configuration} is '{activation}'; Llama Scope's releases are jumprelu");
        if (cfg.Flag("apply_decoder_bias_to_pre_encoder", false)) throw cfg.Refused("apply_decoder_bias_to_pre_encoder is true, which no release of Llama Scope is");
        var (d, features) = (cfg.Whole("d_model"), cfg.Whole("d_sae"));
        var norms = cfg.Section("dataset_average_activation_norm") ?? throw cfg.Refused($"{Configuration} lacks dataset_average_activation_norm, which rows are scaled by");
        var scale = (float)(Math.Sqrt(d) / norms.Positive("in"));
        hints.RefuseOtherScale(cfg, scale);
        hints.RefuseK(cfg, 0);
        var threshold = (float)cfg.Positive("jump_relu_threshold") * scale;
        using var tensors = new WeightTensors(files.Open(Weights));
        return EncoderDecoder.Read(tensors, d, features) with
        {
            Kind = AutoencoderKind.JumpReLU,
            ThresholdF = [.. Enumerable.Repeat(threshold, features)],
            Normalization = InputNormalization.ExpectedAverageOnlyIn,
            InputScale = scale,
            Architecture = "jumprelu",
            Hook = cfg.Text("hook_point_in") ?? "",
            Notes = [$"rows are multiplied with {scale}, √{d} over the average norm in {Configuration}, and the threshold too"],
        };
    }
}
