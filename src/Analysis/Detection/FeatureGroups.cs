using System.Collections.Immutable;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Detection;

/// <summary>Which of a finding's features are one concept that the dictionary has split over several latents.</summary>
/// <remarks>
/// Splitting and absorption leave latents whose decoder rows point nearly the same way and which move together (Chanin et al., A is for Absorption, 2024). Features that changed in the same direction
/// and whose decoder rows have a cosine of <see cref="CosineMinimum"/> or more with the group's first, most telling one are one group: a person reads one cause, not five.
/// </remarks>
public static class FeatureGroups
{
    private const double CosineMinimum = 0.7;

    /// <summary>For each feature the first one of its group; null where it stands alone.</summary>
    public static int?[] Of(ImmutableArray<FeatureEvidence> features, SparseAutoencoder sae) =>
        Of([.. features.Select(feature => feature.Feature)], (i, j) => Together(features[i], features[j], sae));

    /// <summary>The same for features that all changed in one direction. O(features² · width): for what a person reads.</summary>
    public static int?[] OfAlike(IReadOnlyList<int> features, SparseAutoencoder sae) =>
        sae.DecoderFD.Length == 0 ? new int?[features.Count] : Of(features, (i, j) => Cosine(features[i], features[j], sae) >= CosineMinimum);

    private static int?[] Of(IReadOnlyList<int> features, Func<int, int, bool> together)
    {
        var leader = Enumerable.Range(0, features.Count).ToArray();
        for (var i = 1; i < leader.Length; i++)
            for (var j = 0; j < i && leader[i] == i; j++)
                if (leader[j] == j && together(i, j)) leader[i] = j;
        return [.. leader.Select((first, i) => leader.Count(other => other == first) > 1 ? features[first] : (int?)null)];
    }

    private static bool Together(in FeatureEvidence a, in FeatureEvidence b, SparseAutoencoder sae) =>
        a.Set is null && b.Set is null && (a.Rate > a.BaselineRate) == (b.Rate > b.BaselineRate) && sae.DecoderFD.Length > 0 && Cosine(a.Feature, b.Feature, sae) >= CosineMinimum;

    private static double Cosine(int a, int b, SparseAutoencoder sae)
    {
        var rowA = sae.DecoderFD.AsSpan(a * sae.AtomWidth, sae.AtomWidth);
        var rowB = sae.DecoderFD.AsSpan(b * sae.AtomWidth, sae.AtomWidth);
        var (dot, squareA, squareB) = (0.0, 0.0, 0.0);
        for (var i = 0; i < rowA.Length; i++)
        {
            dot += (double)rowA[i] * rowB[i];
            squareA += (double)rowA[i] * rowA[i];
            squareB += (double)rowB[i] * rowB[i];
        }
        return squareA > 0 && squareB > 0 ? dot / Math.Sqrt(squareA * squareB) : 0;
    }
}
