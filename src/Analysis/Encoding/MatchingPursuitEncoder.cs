using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Greedy: from the residual r = x̃ on, the feature with the largest ⟨r, d⟩ above 0 gains that much, and r loses it times d; a feature can be picked again.</summary>
/// <remarks>
/// Ends when a step leaves ‖r‖ below the threshold, after the largest number of steps, when nothing is above 0, or, where the dictionary says so, when a step adds no new feature.
/// There is no panel of weights to multiply once: each step depends on the one before, so this is the only encoder of the kind. Products are summed in 16 lanes of
/// float32, added up from the first to the last: the same bits on every processor. Source: SAELens, MatchingPursuitSAE.encode.
/// </remarks>
internal static class MatchingPursuitEncoder
{
    public static void Encode(ReadOnlySpan<float> inputD, SparseAutoencoder sae, Span<float> featuresF)
    {
        featuresF.Clear();
        var residualD = inputD.ToArray();
        for (var step = 0; step < sae.IterationsMaximum; step++)
        {
            var (best, product) = (-1, 0f);
            for (var f = 0; f < sae.Features; f++)
                if (Product(residualD, sae.DecoderFD.AsSpan(f * sae.Width, sae.Width)) is var with && with > product) (best, product) = (f, with);
            if (best < 0) return;

            var again = featuresF[best] != 0;
            featuresF[best] += product;
            var atomD = sae.DecoderFD.AsSpan(best * sae.Width, sae.Width);
            for (var i = 0; i < residualD.Length; i++) residualD[i] = MathF.FusedMultiplyAdd(-product, atomD[i], residualD[i]);
            if (again && sae.StopOnDuplicateSupport || Math.Sqrt(Energy.Of(residualD)) < sae.ResidualThreshold) return;
        }
    }

    private static float Product(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var lanes = Vector512<float>.Zero;
        var i = 0;
        for (; i + 16 <= x.Length; i += 16) lanes = Vector512.FusedMultiplyAdd(Vector512.Create(x.Slice(i, 16)), Vector512.Create(y.Slice(i, 16)), lanes);
        var sum = 0f;
        for (var lane = 0; lane < 16; lane++) sum += lanes[lane];
        for (; i < x.Length; i++) sum = MathF.FusedMultiplyAdd(x[i], y[i], sum);
        return sum;
    }
}
