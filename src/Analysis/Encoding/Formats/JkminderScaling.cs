namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>How a crosscoder of jkminder's scales rows: (x − mean)·g in, x̂/(g + 1e-8) + mean out; g is one number, or with keep_relative_variance off 1/(std + 1e-8) for each of the width.</summary>
internal sealed record JkminderScaling(float[] MeanD, float[] ScaleD, float[] UndoD)
{
    private const float Epsilon = 1e-8f;

    /// <summary>Null: rows stay as they are (older files have no such tensors; NaN stands for none).</summary>
    public static JkminderScaling? Read(IWeightFiles files, Settings? cfg, TensorFile tensors, string prefix, SparseAutoencoder sae)
    {
        if (!tensors.Has(prefix + "activation_mean") && !tensors.Has(prefix + "activation_std")) return null;
        var (mean, std) = (tensors.Read(prefix + "activation_mean", sae.Heads, sae.AtomWidth), tensors.Read(prefix + "activation_std", sae.Heads, sae.AtomWidth));
        if (mean.All(float.IsNaN) && std.All(float.IsNaN)) return null;
        if (!mean.All(float.IsFinite) || !std.All(deviation => deviation >= 0 && float.IsFinite(deviation))) throw Settings.Refused(files, "activation_mean or activation_std hold numbers that are not finite, or below 0; all of both are NaN where rows are not scaled");
        if (cfg?.Flag("keep_relative_variance", true) == false) return new(mean, [.. std.Select(deviation => 1 / (deviation + Epsilon))], [.. std.Select(deviation => deviation + Epsilon)]);
        var rms = tensors.Has(prefix + "target_rms") ? tensors.Read(prefix + "target_rms")[0] : 1;
        var scale = tensors.Has(prefix + "activation_global_scale") ? tensors.Read(prefix + "activation_global_scale")[0] : (float)(rms / Math.Sqrt(std.Sum(deviation => (double)deviation * deviation) + Epsilon));
        if (!(scale > 0) || !float.IsFinite(scale)) throw Settings.Refused(files, $"rows are scaled with {scale} (activation_global_scale); it is a positive number");
        return new(mean, [.. Enumerable.Repeat(scale, mean.Length)], [.. Enumerable.Repeat(1 / (scale + Epsilon), mean.Length)]);
    }

    public SparseAutoencoder TakenInto(SparseAutoencoder sae)
    {
        var shift = new double[sae.Latents];
        for (var i = 0; i < sae.Width; i++)
        {
            var weights = sae.EncoderDF.AsSpan(i * sae.Latents, sae.Latents);
            Matrices.Scale(weights, ScaleD[i]);
            for (var f = 0; f < shift.Length; f++) shift[f] += (double)MeanD[i] * weights[f];
        }
        for (var f = 0; f < shift.Length; f++) sae.EncoderBiasF[f] = (float)(sae.EncoderBiasF[f] - shift[f]);
        for (var at = 0; at < sae.DecoderFD.Length; at++) sae.DecoderFD[at] *= UndoD[at / (sae.Latents * sae.AtomWidth) * sae.AtomWidth + at % sae.AtomWidth];
        for (var i = 0; i < sae.Width; i++) sae.DecoderBiasD[i] = sae.DecoderBiasD[i] * UndoD[i] + MeanD[i];
        var isOne = ScaleD.All(scale => scale == ScaleD[0]);
        return sae with
        {
            HeadScales = isOne ? [.. Enumerable.Repeat(ScaleD[0], sae.Heads)] : [],
            Notes = [.. sae.Notes, $"rows are shifted by their mean in training and scaled{(isOne ? $" with {ScaleD[0]}" : " by their deviation")}; both are taken into the weights here"],
        };
    }
}
