using System.Text.Json;
using System.Text.Json.Nodes;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>SAELens' own folder: <c>cfg.json</c> and <c>sae_weights.safetensors</c>, as version 6 writes it and as the flat one before it.</summary>
/// <remarks>
/// W_enc [d, F], W_dec [F, d], b_enc [F], b_dec [d]; jumprelu: threshold [F]; gated: b_gate, r_mag, b_mag [F] in place of b_enc.
/// batchtopk and matryoshka are saved as jumprelu. Before 6.0 the configuration is flat, TopK is named by activation_fn_str alone and
/// normalize_activations may be a boolean. Source: shared formats sheet and the golden cases, SAELens 6.54.
/// </remarks>
internal sealed class SaeLensFormat : IDictionaryFormat
{
    private const string Configuration = "cfg.json";
    private const string Weights = "sae_weights.safetensors";
    private const int ConfigurationBytesMaximum = 4 << 20;

    public string Name => "SAELens";
    public string Files => $"{Configuration} and {Weights}";

    public bool Fits(IWeightFiles files) => files.Has(Configuration) && files.Has(Weights);

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var cfg = ReadConfiguration(files);
        var architecture = Architecture(cfg, files);
        using var tensors = new WeightTensors(files.Open(Weights));
        if (tensors.Has("topk_threshold"))
            throw Refused(files, "the weights hold topk_threshold, so this is the training form of a BatchTopK dictionary, whose features depend on the batch. Save it with SAELens' save_inference_model and use that folder");
        RefuseScalingFactor(tensors, files);

        var kind = Kind(architecture, files);
        RefuseForeign(tensors, architecture, files);
        var d = Whole(cfg, "d_in", files);
        var features = Whole(cfg, "d_sae", files);
        var (normalization, scale) = Normalization(cfg, hints, files);
        var metadata = cfg["metadata"] as JsonObject ?? cfg;
        var sae = new SparseAutoencoder
        {
            Kind = kind,
            Width = d,
            Features = features,
            EncoderDF = tensors.Read("W_enc", d, features),
            DecoderFD = tensors.Read("W_dec", features, d),
            EncoderBiasF = tensors.Read(kind == AutoencoderKind.Gated ? "b_gate" : "b_enc", features),
            DecoderBiasD = tensors.Read("b_dec", d),
            ThresholdF = kind == AutoencoderKind.JumpReLU ? tensors.Read("threshold", features) : [],
            MagnitudeScaleF = kind == AutoencoderKind.Gated ? [.. tensors.Read("r_mag", features).Select(MathF.Exp)] : [],
            MagnitudeBiasF = kind == AutoencoderKind.Gated ? tensors.Read("b_mag", features) : [],
            K = kind == AutoencoderKind.TopK ? TopK(cfg, features, files) : 0,
            RescaleByDecoderNorm = kind == AutoencoderKind.TopK && Flag(cfg, "rescale_acts_by_decoder_norm", false, files),
            SubtractDecoderBias = Flag(cfg, "apply_b_dec_to_input", true, files),
            Normalization = normalization,
            InputScale = scale,
            Architecture = architecture,
            Hook = Text(metadata, "hook_name") ?? Text(metadata, "hook_point") ?? "",
            Model = Text(metadata, "model_name") ?? "",
        };
        RefuseUntrained(sae, files);
        if (hints.K is { } k && k != sae.K) throw Refused(files, $"k is given as {k} but cfg.json says {(sae.K == 0 ? $"architecture {architecture}, which has none" : $"{sae.K}")}. Leave k out");
        return sae;
    }

    private static Exception Refused(IWeightFiles files, string why) => DictionaryReader.Refused($"{files.Path}: {why}.");

    private static JsonObject ReadConfiguration(IWeightFiles files)
    {
        using var stream = files.Open(Configuration);
        if (stream.Length > ConfigurationBytesMaximum) throw Refused(files, $"cfg.json has {stream.Length} bytes; at most {ConfigurationBytesMaximum} are read");
        try
        {
            return JsonNode.Parse(stream) as JsonObject ?? throw Refused(files, "cfg.json is not a JSON object");
        }
        catch (JsonException error)
        {
            throw Refused(files, $"cfg.json is not valid JSON (line {error.LineNumber + 1})");
        }
    }

    private static string Architecture(JsonObject cfg, IWeightFiles files)
    {
        var architecture = Text(cfg, "architecture") ?? "standard";
        // Before 6.0 a TopK dictionary calls itself standard; loaded as ReLU it gives plausible, wrong numbers.
        return (architecture, Text(cfg, "activation_fn_str") ?? Text(cfg, "activation_fn")) switch
        {
            ("standard", "topk") => "topk",
            (_, null or "relu" or "topk") => architecture,
            var (_, activation) => throw Refused(files, $"cfg.json names the activation function '{activation}'; relu and topk are known"),
        };
    }

    private static AutoencoderKind Kind(string architecture, IWeightFiles files) => architecture switch
    {
        "standard" => AutoencoderKind.Standard,
        "topk" => AutoencoderKind.TopK,
        "jumprelu" => AutoencoderKind.JumpReLU,
        "gated" => AutoencoderKind.Gated,
        "batchtopk" or "matryoshka_batchtopk" =>
            throw Refused(files, $"architecture {architecture} is a training form, whose features depend on the batch. Save it with SAELens' save_inference_model, which makes it jumprelu"),
        _ => throw Refused(files, $"architecture '{architecture}' is not supported yet; standard, topk, jumprelu (also for batchtopk and matryoshka) and gated are"),
    };

    private static (InputNormalization, float Scale) Normalization(JsonObject cfg, DictionaryHints hints, IWeightFiles files)
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
            _ => throw Refused(files, $"normalize_activations is '{written}', which the files alone cannot reproduce or DriftWatch does not know; none, constant_norm_rescale, layer_norm and expected_average_only_in are supported"),
        };
        if (normalization != InputNormalization.ExpectedAverageOnlyIn)
            return hints.InputScale is null ? (normalization, 1)
                : throw Refused(files, $"an input scale is given but normalize_activations is '{written}': nothing would use it. Leave it out");
        if (hints.InputScale is not { } scale)
            throw Refused(files, "normalize_activations is expected_average_only_in and its factor (√d over the mean norm of the training activations) is in no file. " +
                "Say it: inputScale in the catalog, --input-scale on the command line; or fold it into the weights with SAELens' fold_activation_norm_scaling_factor and save again");
        return scale > 0 && float.IsFinite(scale) ? (normalization, scale) : throw Refused(files, $"the input scale is {scale}; it is a positive number, √d over the mean norm of the training activations");
    }

    private static void RefuseScalingFactor(WeightTensors tensors, IWeightFiles files)
    {
        if (tensors.Header.Tensors.TryGetValue("scaling_factor", out var tensor) && tensors.Read(tensor).Any(factor => factor != 1))
            throw Refused(files, "the weights hold a scaling_factor that is not 1 (a fine-tuned dictionary from before SAELens 6, which SAELens 6 does not load either). Fold it into W_dec and save again");
    }

    /// <summary>A tensor that another architecture would use: the configuration or the weights are of something else.</summary>
    private static void RefuseForeign(WeightTensors tensors, string architecture, IWeightFiles files)
    {
        foreach (var (name, used) in new[] { ("W_skip", ""), ("threshold", "jumprelu"), ("b_gate", "gated"), ("r_mag", "gated"), ("b_mag", "gated") })
            if (tensors.Has(name) && used != architecture)
                throw Refused(files, $"the weights hold {name}, which architecture {architecture} does not use: cfg.json and the weights do not belong together");
    }

    private static void RefuseUntrained(SparseAutoencoder sae, IWeightFiles files)
    {
        if (sae.Kind != AutoencoderKind.JumpReLU) return;
        if (sae.ThresholdF.All(threshold => threshold == 0)) throw Refused(files, "every threshold is 0: it was never trained. A dictionary without thresholds has architecture standard");
        if (sae.ThresholdF.All(threshold => threshold == -1)) throw Refused(files, "every threshold is -1: it was never trained (the value that training starts from)");
    }

    private static int TopK(JsonObject cfg, int features, IWeightFiles files)
    {
        var k = cfg["k"] is not null ? Whole(cfg, "k", files)
            : cfg["activation_fn_kwargs"] is JsonObject kwargs ? Whole(kwargs, "k", files)
            : throw Refused(files, "architecture topk without k in cfg.json");
        return k <= features ? k : throw Refused(files, $"k is {k} but the dictionary has only {features} features");
    }

    private static string? Text(JsonObject cfg, string key) => cfg[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static bool Flag(JsonObject cfg, string key, bool otherwise, IWeightFiles files) => cfg[key] switch
    {
        null => otherwise,
        JsonValue value when value.TryGetValue(out bool flag) => flag,
        var other => throw Refused(files, $"{key} in cfg.json is {other.ToJsonString()}; it is true or false"),
    };

    private static int Whole(JsonObject cfg, string key, IWeightFiles files) =>
        // Some versions write 12.0.
        cfg[key] is JsonValue value && value.TryGetValue(out double number) && number is >= 1 and <= int.MaxValue && number == Math.Floor(number)
            ? (int)number
            : throw Refused(files, $"{key} in cfg.json is {cfg[key]?.ToJsonString() ?? "missing"}; it is a whole number of 1 or more");
}
