using System.Text.Json.Nodes;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>SAELens' own folder: <c>cfg.json</c> and <c>sae_weights.safetensors</c>, as version 6 writes it and as the flat one before it.</summary>
/// <remarks>
/// W_enc [d, F], W_dec [F, d_out], b_enc [F], b_dec [d_out]; jumprelu: threshold [F]; gated: b_gate, r_mag, b_mag [F] in place of b_enc; skip transcoders: W_skip [d_out, d];
/// matching pursuit: W_dec and b_dec alone. batchtopk and matryoshka are saved as jumprelu. Before 6.0 the configuration is flat, TopK is named by activation_fn_str alone and
/// normalize_activations may be a boolean. Source: shared formats sheet and the golden cases, SAELens 6.54.
/// </remarks>
internal sealed class SaeLensFormat : IDictionaryFormat
{
    public const string Configuration = "cfg.json";
    public const string Weights = "sae_weights.safetensors";

    public string Name => "SAELens";
    public string Files => $"{Configuration} and {Weights}";

    public bool Fits(IWeightFiles files) => files.Offers(Configuration, Weights);

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var cfg = Settings.Read(files, Configuration);
        var architecture = SaeLensArchitecture.Of(cfg);
        using var tensors = new WeightTensors(files.Open(Weights));
        if (tensors.Has("topk_threshold"))
            throw cfg.Refused("the weights hold topk_threshold, so this is the training form of a BatchTopK dictionary, whose features depend on the batch. Save it with SAELens' save_inference_model and use that folder");
        RefuseScalingFactor(tensors, cfg);
        architecture.RefuseForeign(tensors, cfg);

        var sae = Weighed(cfg, architecture, tensors);
        sae = Described(cfg, sae with { SubtractDecoderBias = SubtractsDecoderBias(cfg, architecture) });
        sae = Normalized(cfg, hints, sae);
        RefuseUntrained(sae, cfg);
        if (hints.K is { } k && k != sae.K) throw cfg.Refused($"k is given as {k} but cfg.json says {(sae.K == 0 ? $"architecture {architecture.Name}, which has none" : $"{sae.K}")}. Leave k out");
        return sae;
    }

    private static SparseAutoencoder Weighed(Settings cfg, SaeLensArchitecture architecture, WeightTensors tensors)
    {
        var (d, features) = (cfg.Whole("d_in"), cfg.Whole("d_sae"));
        var output = architecture.Transcodes ? cfg.Whole("d_out") : d;
        var (kind, pursues) = (architecture.Kind, architecture.Kind == AutoencoderKind.MatchingPursuit);
        var topK = kind is AutoencoderKind.TopK or AutoencoderKind.AbsTopK;
        return new()
        {
            Kind = kind,
            Width = d,
            OutputWidth = output,
            Features = features,
            EncoderDF = pursues ? [] : tensors.Read("W_enc", d, features),
            DecoderFD = tensors.Read("W_dec", features, output),
            EncoderBiasF = pursues ? [] : tensors.Read(kind == AutoencoderKind.Gated ? "b_gate" : "b_enc", features),
            DecoderBiasD = tensors.Read("b_dec", output),
            ThresholdF = kind == AutoencoderKind.JumpReLU ? tensors.Read("threshold", features) : [],
            MagnitudeScaleF = kind == AutoencoderKind.Gated ? [.. tensors.Read("r_mag", features).Select(MathF.Exp)] : [],
            MagnitudeBiasF = kind == AutoencoderKind.Gated ? tensors.Read("b_mag", features) : [],
            SkipDO = architecture.Skips ? tensors.ReadTransposed("W_skip", output, d) : [],
            K = topK ? TopK(cfg, features) : 0,
            RescaleByDecoderNorm = topK && cfg.Flag("rescale_acts_by_decoder_norm", false),
            Transcodes = architecture.Transcodes,
            Architecture = architecture.Name,
            ResidualThreshold = pursues ? NotNegative(cfg, "residual_threshold", 1e-2f) : 0,
            IterationsMaximum = !pursues ? 0 : cfg["max_iterations"] is null ? d : cfg.Whole("max_iterations"),
            StopOnDuplicateSupport = pursues && cfg.Flag("stop_on_duplicate_support", true),
        };
    }

    private static SparseAutoencoder Described(Settings cfg, SparseAutoencoder sae)
    {
        var metadata = cfg.Section("metadata") ?? cfg;
        var hook = metadata.Text("hook_name") ?? metadata.Text("hook_point") ?? "";
        var widths = metadata.Section("training_architecture_details")?["matryoshka_widths"] as JsonArray;
        var notes = new List<string>();
        if (cfg.Text("architecture") is null) notes.Add("cfg.json names no architecture: taken as standard, as before SAELens 6");
        if (cfg.Text("architecture") is "standard" && sae.Kind == AutoencoderKind.TopK) notes.Add("cfg.json says standard and the activation function topk: TopK");
        if (cfg.Text("reshape_activations") == "hook_z" || hook.EndsWith("hook_z", StringComparison.Ordinal)) notes.Add("rows [heads, d_head] are flattened, head after head");
        return sae with
        {
            Hook = hook,
            OutputHook = sae.Transcodes ? metadata.Text("hook_name_out") ?? "" : "",
            Model = metadata.Text("model_name") ?? "",
            PrefixWidths = PrefixWidths(widths, sae.Features, cfg),
            Notes = [.. notes],
        };
    }

    private static bool SubtractsDecoderBias(Settings cfg, SaeLensArchitecture architecture)
    {
        var said = cfg.Flag("apply_b_dec_to_input", !architecture.Transcodes);
        return said && architecture.Transcodes ? throw cfg.Refused("apply_b_dec_to_input is true for a transcoder, whose b_dec belongs to the output. Set it to false") : said;
    }

    /// <summary>How rows are scaled; matching pursuit takes b_dec neither in nor out where it is not subtracted.</summary>
    private static SparseAutoencoder Normalized(Settings cfg, DictionaryHints hints, SparseAutoencoder sae)
    {
        var (normalization, scale) = Normalization(cfg, hints);
        if (sae.Kind == AutoencoderKind.MatchingPursuit && !sae.SubtractDecoderBias) sae = sae with { DecoderBiasD = new float[sae.OutputWidth] };
        if (normalization != InputNormalization.ExpectedAverageOnlyIn) return sae with { Normalization = normalization };
        if (sae.Transcodes) throw cfg.Refused("normalize_activations is expected_average_only_in, and for a transcoder no file says what that makes of the output. Use it folded, or another normalisation");
        var noted = sae with { Notes = [.. sae.Notes, $"the factor {scale} of expected_average_only_in is in no file: as given"] };
        return sae.Kind != AutoencoderKind.MatchingPursuit
            ? noted with { Normalization = normalization, InputScale = scale }
            // As SAELens folds it: the decoder stays, so features are in the row's own scale and the residual's threshold is too.
            : noted with { DecoderBiasD = Matrices.Scaled(sae.DecoderBiasD, 1 / scale), ResidualThreshold = sae.ResidualThreshold / scale };
    }

    private static (InputNormalization, float Scale) Normalization(Settings cfg, DictionaryHints hints)
    {
        var written = cfg["normalize_activations"] switch
        {
            null => "none",
            JsonValue value when value.TryGetValue(out bool yes) => yes ? "expected_average_only_in" : "none",
            JsonValue value when value.TryGetValue(out string? name) => name,
            var other => other.ToJsonString(),
        };
        var normalization = written switch
        {
            "none" => InputNormalization.None,
            "constant_norm_rescale" => InputNormalization.ConstantNormRescale,
            "layer_norm" => InputNormalization.LayerNorm,
            "expected_average_only_in" => InputNormalization.ExpectedAverageOnlyIn,
            _ => throw cfg.Refused($"normalize_activations is '{written}', which the files alone cannot reproduce or DriftWatch does not know; none, constant_norm_rescale, layer_norm and expected_average_only_in are supported"),
        };
        if (normalization == InputNormalization.ExpectedAverageOnlyIn)
            return (normalization, hints.Scale(cfg, "normalize_activations is expected_average_only_in and its factor", "; or fold it into the weights with SAELens' fold_activation_norm_scaling_factor and save again"));
        return hints.InputScale is null ? (normalization, 1)
            : throw cfg.Refused($"an input scale is given but normalize_activations is '{written}': nothing would use it. Leave it out");
    }

    private static void RefuseScalingFactor(WeightTensors tensors, Settings cfg)
    {
        if (tensors.Header.Tensors.TryGetValue("scaling_factor", out var tensor) && tensors.Read(tensor).Any(factor => factor != 1))
            throw cfg.Refused("the weights hold a scaling_factor that is not 1 (a fine-tuned dictionary from before SAELens 6, which SAELens 6 does not load either). Fold it into W_dec and save again");
    }

    private static void RefuseUntrained(SparseAutoencoder sae, Settings cfg)
    {
        if (sae.Kind != AutoencoderKind.JumpReLU) return;
        if (sae.ThresholdF.All(threshold => threshold == 0)) throw cfg.Refused("every threshold is 0: it was never trained. A dictionary without thresholds has architecture standard");
        if (sae.ThresholdF.All(threshold => threshold == -1)) throw cfg.Refused("every threshold is -1: it was never trained (the value that training starts from)");
    }

    private static int TopK(Settings cfg, int features) =>
        cfg["k"] is not null ? cfg.K("k", features)
        : cfg.Section("activation_fn_kwargs") is { } kwargs ? kwargs.K("k", features)
        : throw cfg.Refused("architecture topk without k in cfg.json");

    private static int[] PrefixWidths(JsonArray? written, int features, Settings cfg)
    {
        if (written is null) return [];
        var widths = written.Select(width => width is JsonValue value && value.TryGetValue(out int number) ? number : 0).ToArray();
        // The trainer adds the whole width where the configuration ends below it.
        if (widths is [.., var last] && last < features) widths = [.. widths, features];
        return widths.Zip([0, .. widths]).All(pair => pair.First > pair.Second) && widths is [.., var end] && end == features
            ? widths
            : throw cfg.Refused($"matryoshka_widths in cfg.json is {written.ToJsonString()}; it is ascending and ends at d_sae, {features}");
    }

    private static float NotNegative(Settings cfg, string key, float otherwise) => cfg[key] switch
    {
        null => otherwise,
        JsonValue value when value.TryGetValue(out double number) && number >= 0 && float.IsFinite((float)number) => (float)number,
        var other => throw cfg.Refused($"{key} in cfg.json is {other.ToJsonString()}; it is 0 or more"),
    };
}
