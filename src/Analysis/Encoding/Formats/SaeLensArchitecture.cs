namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>What SAELens' names of architectures stand for.</summary>
internal sealed record SaeLensArchitecture(string Name, AutoencoderKind Kind, bool Transcodes = false, bool Skips = false)
{
    public static readonly IReadOnlyList<SaeLensArchitecture> All =
    [
        new("standard", AutoencoderKind.Standard),
        new("topk", AutoencoderKind.TopK),
        new("abstopk", AutoencoderKind.AbsTopK),
        new("jumprelu", AutoencoderKind.JumpReLU),
        new("gated", AutoencoderKind.Gated),
        new("matching_pursuit", AutoencoderKind.MatchingPursuit),
        new("transcoder", AutoencoderKind.Standard, Transcodes: true),
        new("skip_transcoder", AutoencoderKind.Standard, Transcodes: true, Skips: true),
        new("jumprelu_transcoder", AutoencoderKind.JumpReLU, Transcodes: true),
        new("jumprelu_skip_transcoder", AutoencoderKind.JumpReLU, Transcodes: true, Skips: true),
    ];

    public static SaeLensArchitecture Of(Settings cfg)
    {
        var written = cfg.Text("architecture") ?? "standard";
        // Before 6.0 a TopK dictionary calls itself standard; loaded as ReLU it gives plausible, wrong numbers.
        var name = (written, cfg.Text("activation_fn_str") ?? cfg.Text("activation_fn")) switch
        {
            ("standard", "topk") => "topk",
            (_, null or "relu" or "topk") => written,
            var (_, activation) => throw cfg.Refused($"cfg.json names the activation function '{activation}'; relu and topk are known"),
        };
        return All.FirstOrDefault(architecture => architecture.Name == name) ?? throw cfg.Refused(name switch
        {
            "batchtopk" or "matryoshka_batchtopk" =>
                $"architecture {name} is a training form, whose features depend on the batch. Save it with SAELens' save_inference_model, which makes it jumprelu",
            "temporal" => "architecture temporal is a sequence model: a row's features need the rows before it, and decoding them is not its reconstruction. DriftWatch encodes row by row; use a dictionary of another architecture for this hook",
            _ => $"architecture '{name}' is not supported; {string.Join(", ", All.Select(architecture => architecture.Name))} are (batchtopk and matryoshka are saved as jumprelu)",
        });
    }

    /// <summary>A tensor that another architecture would use: the configuration or the weights are of something else.</summary>
    public void RefuseForeign(WeightTensors tensors, Settings cfg)
    {
        foreach (var (tensor, used) in new[]
                 {
                     ("W_enc", Kind != AutoencoderKind.MatchingPursuit), ("W_skip", Skips), ("threshold", Kind == AutoencoderKind.JumpReLU),
                     ("b_gate", Kind == AutoencoderKind.Gated), ("r_mag", Kind == AutoencoderKind.Gated), ("b_mag", Kind == AutoencoderKind.Gated),
                 })
            if (tensors.Has(tensor) && !used)
                throw cfg.Refused($"the weights hold {tensor}, which architecture {Name} does not use: cfg.json and the weights do not belong together");
    }
}
