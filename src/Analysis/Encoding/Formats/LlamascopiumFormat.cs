using System.Text.Json.Nodes;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>llamascopium 2 (OpenMOSS' Language-Model-SAEs): <c>config.json</c> and <c>sae_weights.safetensors</c> with W_E; autoencoders, transcoders and crosscoders.</summary>
/// <remarks>
/// W_E [d, F], b_E [F], W_D [F, d], b_D [d] (where used), W_E_glu and b_E_glu like W_E and b_E; crosscoders [H, …] of each, b_E summed over heads.
/// dataset_average_activation_norm.HOOK counts only when norm_activation is dataset-wise and stays in the file after folding; features are in normalised units.
/// With sparsity_include_decoder_norm the activation function sees h·‖W_D‖ and its value is divided by ‖W_D‖ again, head by head: nothing to ReLU, θ/‖W_D‖ to JumpReLU.
/// b_D is not subtracted from the input. Source: golden cases, llamascopium 2.0.0b34, unfolded (its folding forgets θ).
/// </remarks>
internal sealed class LlamascopiumFormat : IDictionaryFormat
{
    private const string Configuration = "config.json";
    private const string Weights = "sae_weights.safetensors";
    private const int HeadsMaximum = 64;

    public string Name => "llamascopium";
    public string Files => $"{Configuration} and {Weights} with W_E";

    public bool Fits(IWeightFiles files) => files.Offers(Configuration, Weights) && HoldsItsEncoder(files);

    public static bool HoldsItsEncoder(IWeightFiles files)
    {
        using var tensors = new WeightTensors(files.Open(Weights));
        return tensors.Has("W_E");
    }

    public SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        var cfg = Settings.Read(files, Configuration);
        using var tensors = new WeightTensors(files.Open(Weights));
        var crosses = cfg.Text("sae_type") switch
        {
            "sae" => false,
            "crosscoder" => true,
            var other => throw cfg.Refused($"sae_type in {Configuration} is '{other ?? "missing"}'; sae and crosscoder are supported (clt, lorsa and molt read several layers or sequences)"),
        };
        var kind = cfg.Text("act_fn") switch
        {
            "relu" => AutoencoderKind.Standard,
            "jumprelu" => AutoencoderKind.JumpReLU,
            "topk" => AutoencoderKind.TopK,
            var other => throw cfg.Refused($"act_fn in {Configuration} is '{other ?? "missing"}'; relu, jumprelu and topk are supported{(other is "batchtopk" ? " (batchtopk depends on the batch; save it as jumprelu)" : "")}"),
        };
        var d = cfg.Whole("d_model");
        var exact = d * cfg.Positive("expansion_factor");
        if (exact != Math.Floor(exact) || exact > int.MaxValue / HeadsMaximum) throw cfg.Refused($"{Configuration} says {exact} features; a whole number of at most {int.MaxValue / HeadsMaximum} is possible");
        var features = (int)exact;
        var k = kind == AutoencoderKind.TopK ? cfg.K("top_k", features) : 0;
        hints.RefuseK(cfg, k);
        var sae = crosses ? Crosscoder(cfg, tensors, kind, d, features) : Autoencoder(cfg, tensors, kind, d, features);
        if (hints.InputScale is not null) hints.RefuseOtherScale(cfg, sae.InputScale);
        return sae with { K = k, SelectByDecoderNorm = kind == AutoencoderKind.TopK && IncludesNorm(cfg), Architecture = $"{(crosses ? "crosscoder" : sae.Transcodes ? "transcoder" : "sae")} {cfg.Text("act_fn")}" };
    }

    private static SparseAutoencoder Autoencoder(Settings cfg, WeightTensors tensors, AutoencoderKind kind, int d, int features)
    {
        var (hook, output) = (cfg.Text("hook_point_in") ?? throw cfg.Refused($"{Configuration} lacks hook_point_in"), cfg.Text("hook_point_out"));
        var glu = cfg.Flag("use_glu_encoder", false);
        var transcodes = output is not null && output != hook;
        var sae = new SparseAutoencoder
        {
            Kind = kind,
            Width = d,
            Features = features,
            EncoderDF = tensors.Read("W_E", d, features),
            EncoderBiasF = tensors.Read("b_E", features),
            DecoderFD = tensors.Read("W_D", features, d),
            DecoderBiasD = cfg.Flag("use_decoder_bias", true) ? tensors.Read("b_D", d) : new float[d],
            GluEncoderDF = glu ? tensors.Read("W_E_glu", d, features) : [],
            GluBiasF = glu ? tensors.Read("b_E_glu", features) : [],
            SubtractDecoderBias = false,
            Transcodes = transcodes,
            Hook = hook,
            OutputHook = transcodes ? output! : "",
        };
        sae = sae with { ThresholdF = Thresholds(cfg, tensors, sae) };
        var normalization = cfg.Text("norm_activation") ?? "dataset-wise";
        if (normalization == "inference") return sae;
        if (normalization == "token-wise")
            return transcodes ? throw cfg.Refused("norm_activation is token-wise for a transcoder, whose output is scaled by the target's own norm, which is not in the input") : sae with { Normalization = InputNormalization.ConstantNormRescale };
        if (normalization != "dataset-wise") throw Unknown(cfg, normalization);
        var scale = Scale(cfg, tensors, hook, d);
        return sae with
        {
            Normalization = InputNormalization.ExpectedAverageOnlyIn,
            InputScale = scale,
            OutputScale = transcodes ? Scale(cfg, tensors, output!, d) : 1,
            Notes = [$"rows are multiplied with {scale}, √{d} over the average norm in the weights; features are in that scale"],
        };
    }

    private static SparseAutoencoder Crosscoder(Settings cfg, WeightTensors tensors, AutoencoderKind kind, int d, int features)
    {
        if (cfg["hook_points"] is not JsonArray { Count: > 0 and <= HeadsMaximum } points) throw cfg.Refused($"hook_points in {Configuration} is {cfg["hook_points"]?.ToJsonString() ?? "missing"}; it names 1 to {HeadsMaximum} places");
        var hooks = points.Select(point => point is JsonValue value && value.TryGetValue(out string? name) ? name : throw cfg.Refused($"hook_points in {Configuration} holds {point?.ToJsonString() ?? "null"}; it is a list of names")).ToArray();
        var heads = hooks.Length;
        var biasesHF = tensors.Read("b_E", heads, features);
        var sae = new SparseAutoencoder
        {
            Kind = kind,
            Heads = heads,
            Width = heads * d,
            Features = heads * features,
            EncoderDF = tensors.Read("W_E", heads, d, features),
            EncoderBiasF = [.. Enumerable.Range(0, features).Select(f => (float)Enumerable.Range(0, heads).Sum(head => (double)biasesHF[head * features + f]))],
            DecoderFD = tensors.Read("W_D", heads, features, d),
            DecoderBiasD = cfg.Flag("use_decoder_bias", true) ? tensors.Read("b_D", heads, d) : new float[heads * d],
            SubtractDecoderBias = false,
            Hook = string.Join(",", hooks),
        };
        sae = sae with { ThresholdF = Thresholds(cfg, tensors, sae) };
        var normalization = cfg.Text("norm_activation") ?? "dataset-wise";
        if (normalization == "inference") return sae;
        if (normalization != "dataset-wise") throw Unknown(cfg, normalization);
        // Each head has a factor of its own: taken into the weights, after the thresholds and before the choice of the k largest, which a head's common factor does not change.
        float[] scales = [.. hooks.Select(hook => Scale(cfg, tensors, hook, d))];
        for (var head = 0; head < heads; head++)
        {
            var scale = scales[head];
            Matrices.Scale(sae.EncoderDF.AsSpan(head * d * features, d * features), scale);
            Matrices.Scale(sae.DecoderFD.AsSpan(head * features * d, features * d), 1 / scale);
            Matrices.Scale(sae.DecoderBiasD.AsSpan(head * d, d), 1 / scale);
        }
        return sae with { HeadScales = scales, Notes = ["each head's rows are scaled to norm √d on average; the factors are taken into the weights here"] };
    }

    /// <summary>θ/‖W_D‖ where the activation function sees h·‖W_D‖: per head, since the norms are.</summary>
    private static float[] Thresholds(Settings cfg, WeightTensors tensors, SparseAutoencoder sae)
    {
        if (sae.Kind != AutoencoderKind.JumpReLU) return [];
        var thresholdL = tensors.Read("activation_function.log_jumprelu_threshold", sae.Latents).Select(MathF.Exp).ToArray();
        var norms = IncludesNorm(cfg) ? sae.DecoderNorms() : [.. Enumerable.Repeat(1f, sae.Features)];
        return [.. norms.Select((norm, f) => Math.Min(thresholdL[f % sae.Latents] / norm, float.MaxValue))];   // A feature without a decoder row never fires.
    }

    private static bool IncludesNorm(Settings cfg) => cfg.Flag("sparsity_include_decoder_norm", true);

    private static float Scale(Settings cfg, WeightTensors tensors, string hook, int d)
    {
        var name = $"dataset_average_activation_norm.{hook}";
        if (!tensors.Header.Tensors.TryGetValue(name, out var tensor)) throw cfg.Refused($"norm_activation is dataset-wise and the weights lack {name}");
        return tensors.Read(tensor) is [var norm] && norm > 0 && float.IsFinite(norm) ? (float)(Math.Sqrt(d) / norm) : throw cfg.Refused($"{name} is not one positive number");
    }

    private static Exception Unknown(Settings cfg, string normalization) =>
        cfg.Refused($"norm_activation in {Configuration} is '{normalization}'{(normalization == "batch-wise" ? ", which depends on the batch" : "")}; dataset-wise, inference and, but for crosscoders, token-wise are supported");
}
