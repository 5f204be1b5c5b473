namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>One layer of a cross-layer transcoder: its features write into all later layers, so nothing can be reconstructed from it alone.</summary>
internal static class CrossLayerTranscoder
{
    /// <summary>With ReLU; the decoder is not read.</summary>
    public static SparseAutoencoder EncodeOnly(int d, int features, float[] encoderDF, float[] encoderBiasF, int layer) => new()
    {
        Kind = AutoencoderKind.Standard,
        Width = d,
        Features = features,
        EncoderDF = encoderDF,
        DecoderFD = [],
        EncoderBiasF = encoderBiasF,
        DecoderBiasD = [],
        SubtractDecoderBias = false,
        Transcodes = true,
        Architecture = "cross-layer transcoder",
        Notes = [$"layer {layer} of a cross-layer transcoder: encode only, what it writes adds up with other layers"],
    };
}
