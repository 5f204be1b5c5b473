namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Weights as two linear layers of PyTorch: encoder.weight [F, d], encoder.bias [F], decoder.weight [d, F] and a bias [d] of the output.</summary>
internal static class EncoderDecoder
{
    /// <summary>A ReLU dictionary that does not subtract b_dec; the format says what else it is.</summary>
    public static SparseAutoencoder Read(TensorFile tensors, int d, int features, string encoder = "encoder", string decoder = "decoder", string bias = "decoder.bias") => new()
    {
        Kind = AutoencoderKind.Standard,
        Width = d,
        Features = features,
        EncoderDF = tensors.ReadTransposed($"{encoder}.weight", features, d),
        DecoderFD = tensors.ReadTransposed($"{decoder}.weight", d, features),
        EncoderBiasF = tensors.Read($"{encoder}.bias", features),
        DecoderBiasD = tensors.Read(bias, d),
        SubtractDecoderBias = false,
        Architecture = "standard",
    };
}
