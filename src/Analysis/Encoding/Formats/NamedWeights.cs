namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Weights by the names W_enc, W_dec, b_enc, b_dec (or w_enc, w_dec), each format with its own orientation.</summary>
internal static class NamedWeights
{
    /// <summary>W_enc [d, F], W_dec [F, d_out]: a ReLU dictionary that does not subtract b_dec; the format says what else it is.</summary>
    public static SparseAutoencoder Read(TensorFile tensors, string encoder = "W_enc", string decoder = "W_dec")
    {
        if (tensors.ShapeOf(encoder, 2) is not [var d, var features] || tensors.ShapeOf(decoder, 2) is not [_, var output]) throw new InvalidOperationException("two dimensions were asked for");
        return new()
        {
            Kind = AutoencoderKind.Standard,
            Width = d,
            OutputWidth = output,
            Features = features,
            EncoderDF = tensors.Read(encoder, d, features),
            DecoderFD = tensors.Read(decoder, features, output),
            EncoderBiasF = tensors.Read("b_enc", features),
            DecoderBiasD = tensors.Read("b_dec", output),
            SubtractDecoderBias = false,
            Architecture = "standard",
        };
    }

    /// <summary>The same with a threshold for each feature.</summary>
    public static SparseAutoencoder WithThreshold(this SparseAutoencoder sae, TensorFile tensors) => sae with
    {
        Kind = AutoencoderKind.JumpReLU,
        ThresholdF = tensors.Read("threshold", sae.Features),
        Architecture = "jumprelu",
    };
}
