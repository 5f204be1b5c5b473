namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Weights as two linear layers of PyTorch: encoder.weight [F, d], encoder.bias [F], decoder.weight [d, F], decoder.bias [d].</summary>
internal static class EncoderDecoder
{
    /// <summary>A ReLU dictionary that does not subtract b_dec; the format says what else it is.</summary>
    public static SparseAutoencoder Read(WeightTensors tensors, int d, int features) => new()
    {
        Kind = AutoencoderKind.Standard,
        Width = d,
        Features = features,
        EncoderDF = Matrices.Transposed(tensors.Read("encoder.weight", features, d), features, d),
        DecoderFD = Matrices.Transposed(tensors.Read("decoder.weight", d, features), d, features),
        EncoderBiasF = tensors.Read("encoder.bias", features),
        DecoderBiasD = tensors.Read("decoder.bias", d),
        SubtractDecoderBias = false,
    };
}
