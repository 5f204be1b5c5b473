namespace DriftWatch.Analysis.Encoding;

/// <summary>f = ReLU(h) where h &gt; θ, else 0, with h = x̃ W_enc + b_enc. h = θ is silent; a negative θ does not make negative features.</summary>
/// <remarks>The reference for every faster encoder. D activation width, F features. Source: SAELens, JumpReLUSAE.encode.</remarks>
internal static class JumpReluEncoder
{
    public static void Encode(ReadOnlySpan<float> inputD, SparseAutoencoder sae, Span<float> featuresF)
    {
        for (var f = 0; f < sae.Features; f++)
        {
            var h = DotProduct.Of(inputD, sae.EncoderDF, f, sae.Features) + sae.EncoderBiasF[f];
            featuresF[f] = h > sae.ThresholdF[f] ? MathF.Max(0, h) : 0;
        }
    }
}
