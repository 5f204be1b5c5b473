namespace DriftWatch.Analysis.Encoding;

/// <summary>f = ReLU(π e^r_mag + b_mag) where π + b_gate &gt; 0, else 0, with π = x̃ W_enc.</summary>
/// <remarks>
/// The reference for every faster encoder. D activation width, F features. Source: SAELens, GatedSAE.encode, which multiplies W_enc
/// by e^r_mag before the product; here the product is taken once and scaled, equal up to rounding.
/// </remarks>
internal static class GatedEncoder
{
    public static void Encode(ReadOnlySpan<float> inputD, SparseAutoencoder sae, Span<float> featuresF)
    {
        for (var f = 0; f < sae.Features; f++)
        {
            var product = DotProduct.Of(inputD, sae.EncoderDF, f, sae.Features);
            featuresF[f] = product + sae.EncoderBiasF[f] > 0 ? Magnitude(product, sae, f) : 0;
        }
    }

    public static float Magnitude(float product, SparseAutoencoder sae, int feature) =>
        MathF.Max(0, product * sae.MagnitudeScaleF[feature] + sae.MagnitudeBiasF[feature]);
}
