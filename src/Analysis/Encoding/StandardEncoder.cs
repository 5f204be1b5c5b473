namespace DriftWatch.Analysis.Encoding;

/// <summary>f = ReLU(h), with h from <see cref="PreActivations"/>.</summary>
/// <remarks>The reference for every faster encoder. Source: SAELens, StandardSAE.encode.</remarks>
internal static class StandardEncoder
{
    public static void Encode(ReadOnlySpan<float> hF, Span<float> featuresF)
    {
        for (var f = 0; f < hF.Length; f++) featuresF[f] = hF[f] > 0 ? hF[f] : 0;   // NaN does not fire.
    }
}
