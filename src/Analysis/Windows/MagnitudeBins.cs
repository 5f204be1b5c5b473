namespace DriftWatch.Analysis.Windows;

/// <summary>How strongly each feature fired: in how many sequences its mean magnitude given firing fell into which bin.</summary>
public sealed class MagnitudeBins
{
    /// <summary>Of no feature: summaries of format 1 have none.</summary>
    public static readonly MagnitudeBins None = new([], [], 0);

    // Of the bins of a 256th of an octave.
    private const int Shift = 6;

    private readonly Tally[] all;
    private readonly (int Start, int Length)[] runs;

    /// <param name="all">Holds the features' runs; what lies between them is nobody's.</param>
    /// <param name="runs">By the feature's place in <see cref="WindowSummary.Fired"/>.</param>
    /// <param name="count">Of all runs.</param>
    internal MagnitudeBins(Tally[] all, (int Start, int Length)[] runs, int count) => (this.all, this.runs, Count) = (all, runs, count);

    /// <summary>Bins of all features.</summary>
    public int Count { get; }

    /// <summary>Ascending by bin.</summary>
    /// <param name="place">Of the feature in <see cref="WindowSummary.Fired"/>.</param>
    public ReadOnlySpan<Tally> Of(int place) => runs.Length == 0 ? [] : all.AsSpan(runs[place].Start, runs[place].Length);

    /// <summary>A quarter of an octave: magnitudes a factor of 1.19 apart differ.</summary>
    public static int BinOf(double magnitude) => LogHistogram.BinOf(magnitude) >> Shift;

    /// <summary>log₂ of the magnitude at the middle of a bin, on that scale.</summary>
    public static double OctavesOf(int bin) => (Math.Log2(LogHistogram.EdgeOf(bin << Shift)) + Math.Log2(LogHistogram.EdgeOf((bin + 1) << Shift))) / 2;

    /// <summary>Takes features in in the order of <see cref="WindowSummary.Fired"/>: the bins of one, then its end.</summary>
    /// <param name="features">So many at most.</param>
    /// <param name="bins">Of all features, at most.</param>
    public sealed class Builder(int features, int bins)
    {
        private readonly Tally[] all = GC.AllocateUninitializedArray<Tally>(bins);
        private readonly (int Start, int Length)[] runs = new (int, int)[features];
        private int feature, start, end;

        public void Add(Tally bin) => all[end++] = bin;

        public void EndFeature()
        {
            runs[feature++] = (start, end - start);
            start = end;
        }

        /// <summary>A feature's bins on two sides, added up.</summary>
        public void AddFeature(ReadOnlySpan<Tally> a, ReadOnlySpan<Tally> b)
        {
            var (i, j) = (0, 0);
            while (i < a.Length && j < b.Length)
            {
                var order = a[i].Key.CompareTo(b[j].Key);
                Add(order < 0 ? a[i++] : order > 0 ? b[j++] : a[i++] + b[j++]);
            }
            foreach (var bin in a[i..]) Add(bin);
            foreach (var bin in b[j..]) Add(bin);
            EndFeature();
        }

        /// <summary>What was added; nothing may be added after.</summary>
        public MagnitudeBins Build() => new(end == all.Length ? all : all[..end], feature == features ? runs : runs[..feature], end);
    }
}
