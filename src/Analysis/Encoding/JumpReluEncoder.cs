namespace DriftWatch.Analysis.Encoding;

/// <summary>f = ReLU(h) where h &gt; θ, else 0, with h from <see cref="PreActivations"/>. h = θ is silent; a negative θ does not make negative features.</summary>
/// <remarks>The reference for every faster encoder. Source: SAELens, JumpReLUSAE.encode.</remarks>
internal static class JumpReluEncoder
{
    public static void Encode(ReadOnlySpan<float> hF, ReadOnlySpan<float> thresholdF, Span<float> featuresF)
    {
        for (var f = 0; f < hF.Length; f++) featuresF[f] = hF[f] > thresholdF[f] ? MathF.Max(0, hF[f]) : 0;
    }
}
