namespace DriftWatch.Analysis.Encoding;

/// <summary>f = ReLU(x̃ W_enc + b_enc), with x̃ the row after <see cref="RowNormalization"/>.</summary>
/// <remarks>The reference for every faster encoder. D activation width, F features. Source: SAELens, StandardSAE.encode.</remarks>
internal static class StandardEncoder
{
    public static void Encode(ReadOnlySpan<float> inputD, SparseAutoencoder sae, Span<float> featuresF)
    {
        for (var f = 0; f < sae.Features; f++)
            featuresF[f] = DotProduct.Of(inputD, sae.EncoderDF, f, sae.Features) + sae.EncoderBiasF[f] is var h and > 0 ? h : 0;   // NaN does not fire.
    }
}
