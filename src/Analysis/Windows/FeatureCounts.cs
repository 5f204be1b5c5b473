using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Windows;

/// <summary>What each feature did in a window's sequences: how often it fired in them, and how strongly.</summary>
/// <remarks>
/// A feature's counts are kept ascending in a run of their own, which moves to the end of all runs when it must grow: a window that closes has its half a million of counts in order, without
/// hashing and sorting them. Most runs are short; the longest have as many counts as a sequence has rows, or magnitudes have quarter octaves.
/// </remarks>
internal sealed class FeatureCounts(int features)
{
    /// <summary>So many features lie between asking for memory and reading it.</summary>
    private const int Ahead = 16;

    // 1 and more: its place among those that fired.
    private readonly int[] placeF = new int[features];
    private readonly List<Fired> fired = [];
    private readonly Runs firings = new(), magnitudes = new();

    /// <summary>Takes in one sequence in which the feature fired.</summary>
    /// <param name="count">In so many rows.</param>
    /// <param name="rows">Of the sequence.</param>
    /// <param name="magnitude">Σ of its activations.</param>
    public void Add(int feature, int count, int rows, ExactSum magnitude)
    {
        ref var place = ref placeF[feature];
        if (place == 0)
        {
            fired.Add(default);
            place = fired.Count;
        }
        ref var entry = ref CollectionsMarshal.AsSpan(fired)[place - 1];
        entry.RowsByLength += (long)count * rows;
        entry.Magnitude += magnitude;
        firings.Count(ref entry.Firings, count);
        magnitudes.Count(ref entry.Magnitudes, MagnitudeBins.BinOf(magnitude.Value / count));
    }

    public (ImmutableArray<FiringCount> FiringCounts, ImmutableArray<FiredFeature> Fired, MagnitudeBins Magnitudes) Build()
    {
        var counts = GC.AllocateUninitializedArray<FiringCount>(firings.Counts);
        var firedFeatures = GC.AllocateUninitializedArray<FiredFeature>(fired.Count);
        var bins = new (int, int)[fired.Count];
        var entries = CollectionsMarshal.AsSpan(fired);
        var (ascending, f, c) = (new int[fired.Count], 0, 0);
        for (var feature = 0; feature < placeF.Length; feature++)
            if (placeF[feature] > 0) ascending[f++] = feature;
        for (f = 0; f < ascending.Length; f++)
        {
            // They lie in the order in which features first fired: each is a miss of the cache, and so are its runs.
            if (f + 2 * Ahead < ascending.Length) Prefetch.Soon<Fired>(entries.Slice(placeF[ascending[f + 2 * Ahead]] - 1, 1));
            if (f + Ahead < ascending.Length) Prefetch.Soon(firings.Of(entries[placeF[ascending[f + Ahead]] - 1].Firings));
            var feature = ascending[f];
            ref readonly var entry = ref entries[placeF[feature] - 1];
            firedFeatures[f] = new(feature, entry.RowsByLength, entry.Magnitude);
            foreach (var (key, sequences) in firings.Of(entry.Firings)) counts[c++] = new(feature, key, sequences);
            bins[f] = (entry.Magnitudes.Start, entry.Magnitudes.Length);
        }
        return (ImmutableCollectionsMarshal.AsImmutableArray(counts), ImmutableCollectionsMarshal.AsImmutableArray(firedFeatures), new(magnitudes.Lend(), bins, magnitudes.Counts));
    }

    private struct Fired
    {
        public long RowsByLength;
        public ExactSum Magnitude;
        public Run Firings, Magnitudes;
    }

    /// <summary>Where a feature's counts lie.</summary>
    private struct Run
    {
        public int Start, Length, Room;
    }

    private sealed class Runs
    {
        private const int RoomMinimum = 2;

        private Tally[] all = new Tally[1024];
        private int end;
        private bool lent;

        public int Counts { get; private set; }

        /// <summary>What holds all runs as they are now: without copying, until something is counted again.</summary>
        public Tally[] Lend()
        {
            lent = true;
            return all;
        }

        public ReadOnlySpan<Tally> Of(in Run run) => all.AsSpan(run.Start, run.Length);

        public void Count(ref Run run, int key)
        {
            if (lent) (all, lent) = ([.. all], false);
            var counts = all.AsSpan(run.Start, run.Length);
            var at = 0;
            while (at < counts.Length && counts[at].Key < key) at++;
            if (at < counts.Length && counts[at].Key == key)
            {
                counts[at] = counts[at].OneMore();
                return;
            }
            if (run.Length == run.Room) Move(ref run);
            counts = all.AsSpan(run.Start, ++run.Length);
            counts[at..^1].CopyTo(counts[(at + 1)..]);
            counts[at] = new(key, 1);
            Counts++;
        }

        private void Move(ref Run run)
        {
            var room = Math.Max(RoomMinimum, 2 * run.Room);
            if (all.Length - end < room) Array.Resize(ref all, Math.Max(2 * all.Length, end + room));
            Of(run).CopyTo(all.AsSpan(end));
            (run.Start, run.Room) = (end, room);
            end += room;
        }
    }
}
