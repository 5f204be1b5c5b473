namespace DriftWatch.Analysis.Encoding;

/// <summary>f = the k largest of h · g, those of them above 0; for AbsTopK the k largest of |h · g|, sign kept. h from <see cref="PreActivations"/>.</summary>
/// <remarks>
/// g is ‖W_dec‖ where the dictionary rescales (features keep it) or selects by decoder norm (they lose it again), else 1.
/// The reference for every faster encoder. Ties go to the lowest index (the libraries leave them open). F features of one head.
/// Source: SAELens, TopKSAE.encode and AbsTopKSAE.encode; llamascopium, sparsity_include_decoder_norm.
/// </remarks>
internal static class TopKEncoder
{
    /// <param name="gainF">From <see cref="Gain"/>.</param>
    public static void Encode(ReadOnlySpan<float> hF, SparseAutoencoder sae, ReadOnlySpan<float> gainF, Span<float> featuresF)
    {
        var signed = sae.Kind == AutoencoderKind.AbsTopK;
        var scores = new float[hF.Length];
        var order = new int[hF.Length];
        for (var f = 0; f < order.Length; f++) (order[f], scores[f]) = (f, hF[f] * gainF[f]);
        var sizes = signed ? [.. scores.Select(MathF.Abs)] : scores;
        Array.Sort(order, (a, b) => sizes[b] != sizes[a] ? sizes[b].CompareTo(sizes[a]) : a.CompareTo(b));
        featuresF.Clear();
        foreach (var f in order.AsSpan(0, Math.Min(sae.K, order.Length)))
            if (sizes[f] > 0) featuresF[f] = sae.SelectByDecoderNorm ? scores[f] / gainF[f] : scores[f];
    }

    /// <summary>Is it the k largest that fire?</summary>
    public static bool Encodes(SparseAutoencoder sae) => sae.Kind is AutoencoderKind.TopK or AutoencoderKind.AbsTopK;

    /// <summary>What a pre-activation is multiplied with. SAELens folds the input scale s into the decoder, so its norms, and with them the features, shrink by s.</summary>
    public static float[] Gain(SparseAutoencoder sae)
    {
        var gain = new float[sae.Features];
        if (!sae.RescaleByDecoderNorm && !sae.SelectByDecoderNorm) Array.Fill(gain, 1f);
        else
        {
            sae.DecoderNorms().CopyTo(gain, 0);
            if (sae.RescaleByDecoderNorm)
                for (var f = 0; f < gain.Length; f++) gain[f] /= sae.InputScale;
        }
        return gain;
    }
}
