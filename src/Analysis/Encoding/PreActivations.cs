namespace DriftWatch.Analysis.Encoding;

/// <summary>h = x̃ W_enc + b_enc, with x̃ the row after <see cref="RowNormalization"/>; with a GLU encoder h · sigmoid(x̃ W_glu + b_glu).</summary>
/// <remarks>D activation width, L latents (the features of one head). Source of GLU: llamascopium, SparseAutoEncoder.encode.</remarks>
internal static class PreActivations
{
    public static void Of(ReadOnlySpan<float> inputD, SparseAutoencoder sae, Span<float> hL)
    {
        for (var f = 0; f < hL.Length; f++) hL[f] = DotProduct.Of(inputD, sae.EncoderDF, f, hL.Length) + sae.EncoderBiasF[f];
        if (sae.GluEncoderDF.Length == 0) return;
        for (var f = 0; f < hL.Length; f++) hL[f] *= Gate(DotProduct.Of(inputD, sae.GluEncoderDF, f, hL.Length) + sae.GluBiasF[f]);
    }

    /// <summary>sigmoid, from 0 to 1.</summary>
    /// <remarks>In double precision, so that the rounding of a system's exponential rarely shows in float32.</remarks>
    public static float Gate(float x) => (float)(1 / (1 + Math.Exp(-x)));
}
