using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Windows;

/// <summary>What each feature did in a window's sequences: how often it fired in them, and how strongly.</summary>
/// <remarks>
/// A feature has two chains of counts, ascending: a window that closes has its half a million of counts in order, without hashing and sorting them. Most chains are a few links long; the longest have
/// as many as a sequence has rows, or magnitudes have quarter octaves.
/// </remarks>
internal sealed class FeatureCounts(int features)
{
    private const int None = -1;

    // 1 and more: its place among those that fired.
    private readonly int[] placeF = new int[features];
    private readonly List<Fired> fired = [];
    private readonly List<Link> firings = [], magnitudes = [];

    /// <summary>Takes in one sequence in which the feature fired.</summary>
    /// <param name="count">In so many rows.</param>
    /// <param name="rows">Of the sequence.</param>
    /// <param name="magnitude">Σ of its activations.</param>
    public void Add(int feature, int count, int rows, ExactSum magnitude)
    {
        ref var place = ref placeF[feature];
        if (place == 0)
        {
            fired.Add(new() { Firings = None, Magnitudes = None });
            place = fired.Count;
        }
        ref var entry = ref CollectionsMarshal.AsSpan(fired)[place - 1];
        entry.RowsByLength += (long)count * rows;
        entry.Magnitude += magnitude;
        Count(firings, ref entry.Firings, count);
        Count(magnitudes, ref entry.Magnitudes, MagnitudeCount.BinOf(magnitude.Value / count));
    }

    public (ImmutableArray<FiringCount> FiringCounts, ImmutableArray<FiredFeature> Fired, ImmutableArray<MagnitudeCount> Magnitudes) Build()
    {
        var (counts, features, bins) = (new FiringCount[firings.Count], new FiredFeature[fired.Count], new MagnitudeCount[magnitudes.Count]);
        ReadOnlySpan<Link> firingLinks = CollectionsMarshal.AsSpan(firings), magnitudeLinks = CollectionsMarshal.AsSpan(magnitudes);
        var (c, f, b) = (0, 0, 0);
        for (var feature = 0; feature < placeF.Length; feature++)
        {
            if (placeF[feature] == 0) continue;
            var entry = fired[placeF[feature] - 1];
            features[f++] = new(feature, entry.RowsByLength, entry.Magnitude);
            for (var at = entry.Firings; at != None; at = firingLinks[at].Next) counts[c++] = new(feature, firingLinks[at].Key, firingLinks[at].Sequences);
            for (var at = entry.Magnitudes; at != None; at = magnitudeLinks[at].Next) bins[b++] = new(feature, magnitudeLinks[at].Key, magnitudeLinks[at].Sequences);
        }
        return (ImmutableCollectionsMarshal.AsImmutableArray(counts), ImmutableCollectionsMarshal.AsImmutableArray(features), ImmutableCollectionsMarshal.AsImmutableArray(bins));
    }

    private static void Count(List<Link> links, ref int first, int key)
    {
        var span = CollectionsMarshal.AsSpan(links);
        ref var next = ref first;
        while (next != None && span[next].Key < key) next = ref span[next].Next;
        if (next != None && span[next].Key == key)
        {
            span[next].Sequences++;
            return;
        }
        var added = new Link { Key = key, Next = next, Sequences = 1 };
        // Before it is added: the list may move.
        next = links.Count;
        links.Add(added);
    }

    private struct Fired
    {
        public long RowsByLength;
        public ExactSum Magnitude;
        public int Firings, Magnitudes;
    }

    private struct Link
    {
        public int Key, Next;
        public long Sequences;
    }
}
