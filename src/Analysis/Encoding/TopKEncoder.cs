namespace DriftWatch.Analysis.Encoding;

/// <summary>f = the k largest of h = (x̃ W_enc + b_enc) · g, those of them above 0; g is ‖W_dec‖ where the dictionary rescales, else 1.</summary>
/// <remarks>
/// The reference for every faster encoder. Ties go to the lowest index (the libraries leave them open).
/// D activation width, F features. Source: SAELens, TopKSAE.encode.
/// </remarks>
internal static class TopKEncoder
{
    /// <param name="gainF">From <see cref="Gain"/>.</param>
    public static void Encode(ReadOnlySpan<float> inputD, SparseAutoencoder sae, ReadOnlySpan<float> gainF, Span<float> featuresF)
    {
        for (var f = 0; f < sae.Features; f++)
            featuresF[f] = (DotProduct.Of(inputD, sae.EncoderDF, f, sae.Features) + sae.EncoderBiasF[f]) * gainF[f];

        var order = new int[sae.Features];
        for (var f = 0; f < order.Length; f++) order[f] = f;
        var values = featuresF.ToArray();
        Array.Sort(order, (a, b) => values[b] != values[a] ? values[b].CompareTo(values[a]) : a.CompareTo(b));
        featuresF.Clear();
        foreach (var f in order.AsSpan(0, Math.Min(sae.K, order.Length)))
            if (values[f] > 0) featuresF[f] = values[f];
    }

    /// <summary>What a pre-activation is multiplied with. SAELens folds the input scale s into the decoder, so its norms, and with them the features, shrink by s.</summary>
    public static float[] Gain(SparseAutoencoder sae)
    {
        var gain = new float[sae.Features];
        if (!sae.RescaleByDecoderNorm) Array.Fill(gain, 1f);
        else
        {
            sae.DecoderNorms().CopyTo(gain, 0);
            for (var f = 0; f < gain.Length; f++) gain[f] /= sae.InputScale;
        }
        return gain;
    }
}
