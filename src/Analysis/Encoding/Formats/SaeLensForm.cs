using System.Text.Json;
using System.Text.Json.Nodes;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A dictionary as SAELens 6 would save it: <c>cfg.json</c> and the tensors of <c>sae_weights.safetensors</c>. Same features, same reconstruction, up to rounding.</summary>
/// <remarks>
/// Factors that SAELens has no place for are folded: W_enc·s, W_dec/s, b_dec/s, and for a transcoder W_enc·s_in, W_dec/s_out, b_dec/s_out; thresholds and b_enc stay.
/// What SAELens cannot say is refused: an approximation would give other features in silence.
/// </remarks>
public sealed record SaeLensForm(string Configuration, IReadOnlyList<(string Name, int[] Shape, float[] Data)> Tensors)
{
    public const string ConfigurationFile = SaeLensFormat.Configuration;
    public const string WeightsFile = SaeLensFormat.Weights;

    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true };

    /// <exception cref="MalformedException">What stands in the way; reason <c>dictionary</c>.</exception>
    public static SaeLensForm Of(SparseAutoencoder sae)
    {
        var architecture = Architecture(sae);
        var folded = Folded(sae);
        var (d, output, features) = (sae.Width, sae.OutputWidth, sae.Features);
        var tensors = new List<(string, int[], float[])> { ("W_dec", [features, output], folded.DecoderFD), ("b_dec", [output], folded.DecoderBiasD) };
        if (architecture.Kind != AutoencoderKind.MatchingPursuit) tensors.AddRange([("W_enc", [d, features], folded.EncoderDF), (architecture.Kind == AutoencoderKind.Gated ? "b_gate" : "b_enc", [features], sae.EncoderBiasF)]);
        if (architecture.Kind == AutoencoderKind.JumpReLU) tensors.Add(("threshold", [features], sae.ThresholdF));
        if (architecture.Kind == AutoencoderKind.Gated) tensors.AddRange([("r_mag", [features], [.. sae.MagnitudeScaleF.Select(scale => MathF.Log(scale))]), ("b_mag", [features], sae.MagnitudeBiasF)]);
        if (architecture.Skips) tensors.Add(("W_skip", [output, d], Transposed(sae.SkipDO, d, output)));
        return new(Written(sae, architecture).ToJsonString(indented), tensors);
    }

    private static SaeLensArchitecture Architecture(SparseAutoencoder sae)
    {
        if (sae.EncodesOnly) throw Refused("there is no decoder that could be used alone");
        if (sae.Heads > 1) throw Refused($"a crosscoder of {sae.Heads} models: SAELens reads one");
        if (sae.GluEncoderDF.Length > 0) throw Refused("an encoder with a gate (GLU): SAELens has none");
        if (sae.SelectByDecoderNorm && sae.DecoderNorms() is var norms && norms.Max() > norms.Min() * (1 + 1e-6f))
            throw Refused("TopK by pre-activation times decoder norm with the pre-activation as the value: SAELens keeps the product as the value (rescale_acts_by_decoder_norm) or chooses without the norm");
        // Thresholds that decide nothing: SAELens reads them as never trained.
        var kind = sae.Kind == AutoencoderKind.JumpReLU && sae.ThresholdF.All(threshold => threshold <= 0) ? AutoencoderKind.Standard : sae.Kind;
        return SaeLensArchitecture.All.FirstOrDefault(architecture => architecture.Kind == kind && architecture.Transcodes == sae.Transcodes && architecture.Skips == sae.SkipDO.Length > 0)
            ?? throw Refused($"{kind}{(sae.Transcodes ? " as a transcoder" : "")}{(sae.SkipDO.Length > 0 ? " with a skip path" : "")}: SAELens has {string.Join(", ", SaeLensArchitecture.All.Select(known => known.Name))}");
    }

    private static SparseAutoencoder Folded(SparseAutoencoder sae)
    {
        if (sae.Normalization != InputNormalization.ExpectedAverageOnlyIn) return Output(sae, sae.OutputScale);
        return Output(sae with { EncoderDF = Matrices.Scaled(sae.EncoderDF, sae.InputScale) }, sae.Transcodes ? sae.OutputScale : sae.InputScale);

        static SparseAutoencoder Output(SparseAutoencoder sae, float scale) =>
            scale == 1 ? sae : sae with { DecoderFD = Matrices.Scaled(sae.DecoderFD, 1 / scale), DecoderBiasD = Matrices.Scaled(sae.DecoderBiasD, 1 / scale) };
    }

    private static JsonObject Written(SparseAutoencoder sae, SaeLensArchitecture architecture)
    {
        var metadata = new JsonObject { ["model_name"] = sae.Model, ["hook_name"] = sae.Hook, ["converted_by"] = "DriftWatch", ["converted_from"] = sae.Format, ["converted_hash"] = sae.Hash };
        if (sae.OutputHook.Length > 0) metadata["hook_name_out"] = sae.OutputHook;
        if (sae.PrefixWidths.Length > 0)
        {
            metadata["training_architecture"] = "matryoshka_batchtopk";
            metadata["training_architecture_details"] = new JsonObject { ["matryoshka_widths"] = new JsonArray([.. sae.PrefixWidths.Select(width => (JsonNode)width)]) };
        }
        var cfg = new JsonObject
        {
            ["architecture"] = architecture.Name,
            ["d_in"] = sae.Width,
            ["d_sae"] = sae.Features,
            ["dtype"] = "float32",
            ["device"] = "cpu",
            ["apply_b_dec_to_input"] = sae.SubtractDecoderBias && !sae.Transcodes,
            ["normalize_activations"] = sae.Normalization switch
            {
                InputNormalization.ConstantNormRescale => "constant_norm_rescale",
                InputNormalization.LayerNorm => "layer_norm",
                _ => "none",   // A factor is folded.
            },
            ["reshape_activations"] = sae.Hook.EndsWith("hook_z", StringComparison.Ordinal) ? "hook_z" : "none",
        };
        if (architecture.Transcodes) cfg["d_out"] = sae.OutputWidth;
        if (architecture.Kind is AutoencoderKind.TopK or AutoencoderKind.AbsTopK) (cfg["k"], cfg["rescale_acts_by_decoder_norm"]) = (sae.K, sae.RescaleByDecoderNorm);
        if (architecture.Kind == AutoencoderKind.MatchingPursuit)
            (cfg["residual_threshold"], cfg["max_iterations"], cfg["stop_on_duplicate_support"]) = (sae.ResidualThreshold, sae.IterationsMaximum, sae.StopOnDuplicateSupport);
        cfg["metadata"] = metadata;
        return cfg;
    }

    /// <summary>[rows, columns] → [columns, rows].</summary>
    private static float[] Transposed(float[] matrixRC, int rows, int columns)
    {
        var transposedCR = new float[matrixRC.Length];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) transposedCR[column * rows + row] = matrixRC[row * columns + column];
        return transposedCR;
    }

    private static Exception Refused(string what) => DictionaryReader.Refused($"This dictionary cannot be written as SAELens': {what}. Keep it as it is; DriftWatch reads it.");
}
