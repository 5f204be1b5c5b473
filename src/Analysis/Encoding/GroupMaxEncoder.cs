namespace DriftWatch.Analysis.Encoding;

/// <summary>f = the largest of ReLU(h) in each of K groups of F/K consecutive features. h from <see cref="PreActivations"/>.</summary>
/// <remarks>The reference for every faster encoder. Ties go to the lowest index. Source: sparsify, SparseCoder.select_topk with groupmax.</remarks>
internal static class GroupMaxEncoder
{
    public static void Encode(ReadOnlySpan<float> hF, SparseAutoencoder sae, Span<float> featuresF)
    {
        featuresF.Clear();
        var size = GroupSize(sae);
        for (var first = 0; first < hF.Length; first += size)
        {
            var best = first;
            for (var f = first + 1; f < first + size; f++)
                if (hF[f] > hF[best] || float.IsNaN(hF[best])) best = f;
            if (hF[best] > 0) featuresF[best] = hF[best];
        }
    }

    /// <summary>How many features compete; for other kinds 0, none.</summary>
    public static int GroupSize(SparseAutoencoder sae) => sae.Kind == AutoencoderKind.GroupMax ? sae.Features / sae.K : 0;
}
