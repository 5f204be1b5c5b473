using System.Collections.Immutable;

namespace DriftWatch.Analysis.Windows;

/// <summary>How often something fired: a feature, or a set of features together.</summary>
/// <param name="Rows">Σc over sequences: rows in which it fired. For a set counted within a sequence: sequences.</param>
/// <param name="RowsSquared">Σc²: what a variance clustered by sequence needs beside Σc.</param>
/// <param name="RowsByLength">Σc·n, n the rows of the sequence.</param>
/// <param name="Sequences">Sequences in which it fired at all.</param>
public readonly record struct Firing(long Rows, long RowsSquared, long RowsByLength, long Sequences)
{
    public static Firing operator +(Firing a, Firing b) =>
        new(a.Rows + b.Rows, a.RowsSquared + b.RowsSquared, a.RowsByLength + b.RowsByLength, a.Sequences + b.Sequences);
}

/// <summary>Sums over sequences of a pair (y, n), for the ratio Σy/Σn with a variance clustered by sequence.</summary>
public readonly record struct RatioSums(ExactSum Y, ExactSum N, ExactSum YY, ExactSum YN, ExactSum NN)
{
    public static RatioSums Of(double y, double n) => new(ExactSum.Of(y), ExactSum.Of(n), ExactSum.Of(y * y), ExactSum.Of(y * n), ExactSum.Of(n * n));

    public static RatioSums operator +(RatioSums a, RatioSums b) => new(a.Y + b.Y, a.N + b.N, a.YY + b.YY, a.YN + b.YN, a.NN + b.NN);

    /// <summary>Σy/Σn; 0 where nothing was counted.</summary>
    public double Ratio => N.Units == 0 ? 0 : Y.Value / N.Value;
}

/// <summary>Of a feature that fired: Σc·n, and Σ of its activations over the rows in which it fired.</summary>
public readonly record struct FiredFeature(int Feature, long RowsByLength, ExactSum Magnitude);

/// <summary>In how many sequences a feature fired exactly <paramref name="Count"/> times.</summary>
public readonly record struct FiringCount(int Feature, int Count, long Sequences);

/// <summary>Everything later steps know of a window's rows: sums only, no row and no token. Mergeable in any order with the same bits.</summary>
/// <remarks>F features, D activation width. A sequence (prompt) is the unit: tokens of one prompt move together.</remarks>
public sealed record WindowSummary
{
    public required int Features { get; init; }
    public required int Width { get; init; }

    /// <summary>Rows that count in the statistics.</summary>
    public long Rows { get; init; }
    public long Sequences { get; init; }

    /// <summary>Σn² over sequences.</summary>
    public long LengthSquared { get; init; }

    /// <summary>Left out: NaN or ∞ in the row.</summary>
    public long RowsNotFinite { get; init; }

    /// <summary>Left out: all zero, where the dictionary's normalisation divides by the norm.</summary>
    public long RowsZero { get; init; }

    /// <summary>Left out: a norm far above the sequence's median (BOS and its like).</summary>
    public long RowsOutlier { get; init; }

    /// <summary>Per feature how many sequences fired it c times, ascending by feature and count; c = 0 is what remains. Each such feature is one of <see cref="Fired"/>.</summary>
    public ImmutableArray<FiringCount> FiringCounts { get; init => (field, firingF) = (value, null); } = [];

    /// <summary>Every feature that fired, ascending.</summary>
    public ImmutableArray<FiredFeature> Fired { get; init => (field, firingF) = (value, null); } = [];

    /// <summary>Firing of the sets of features that hazard rules name, by <see cref="FeatureSet.Key"/>.</summary>
    public ImmutableSortedDictionary<string, Firing> Sets { get; init; } = ImmutableSortedDictionary.Create<string, Firing>(StringComparer.Ordinal);

    /// <summary>Active features per row: y the sequence's total, n its rows.</summary>
    public RatioSums L0 { get; init; }

    /// <summary>Reconstruction: y the sequence's ‖x − x̂‖², n its ‖x‖², summed over rows.</summary>
    public RatioSums Residual { get; init; }

    /// <summary>Per width index: Σx and Σx² over rows; Σs² and Σs·n over sequences, with s the sequence's Σx.</summary>
    public ExactSum[] ActivationSumD { get; init; } = [];
    public ExactSum[] ActivationSquareD { get; init; } = [];
    public ExactSum[] SequenceSquareD { get; init; } = [];
    public ExactSum[] SequenceByLengthD { get; init; } = [];

    /// <summary>Scores of whole sequences by name (<see cref="ScoreNames"/>), one count per sequence: rare behaviour shows in their tails.</summary>
    public ImmutableSortedDictionary<string, LogHistogram> Scores { get; init; } = NoScores;

    /// <summary>How strongly those features fired.</summary>
    public MagnitudeBins Magnitudes { get; init; } = MagnitudeBins.None;

    /// <summary>Σy and Σyyᵀ over sequences of their <see cref="SequenceProfile"/>; the products' upper triangle by rows. Empty in summaries of format 1.</summary>
    public ExactSum[] ProfileSum { get; init; } = [];
    public ExactSum[] ProfileProducts { get; init; } = [];

    /// <summary>Those farthest out; null: there was nothing to measure that with, or it was stored by an old version.</summary>
    public UnusualSequences? Unusual { get; init; }

    /// <summary>Profiles of a sample of all sequences, where what later windows are compared with is learned: in a baseline's windows and in a version's first. Elsewhere empty.</summary>
    public ProfileSet ProfileSample { get; init; } = ProfileSet.Empty;

    /// <summary>Sums of a sample of the sequences, with sets that were not counted while the window was open; not stored with it.</summary>
    public WindowSummary? Sampled { get; init; }

    /// <summary>The sums that tell how often the set fired: these, or those of the sample if only it can.</summary>
    public WindowSummary Counting(FeatureSet set) => set.MustBeCounted && !Sets.ContainsKey(set.Key) && Sampled is { } sampled && sampled.Sets.ContainsKey(set.Key) ? sampled : this;

    /// <summary>Kept in a window, and in the sum of many.</summary>
    public const int SampleMaximum = 1024, MergedSampleMaximum = 8192;

    private static readonly ImmutableSortedDictionary<string, LogHistogram> NoScores = ImmutableSortedDictionary.Create<string, LogHistogram>(StringComparer.Ordinal);

    /// <summary>The histogram of a score; empty where it was not taken.</summary>
    public LogHistogram Score(string name) => Scores.GetValueOrDefault(name, LogHistogram.Empty);

    public static WindowSummary Empty(int features, int width) => new()
    {
        Features = features,
        Width = width,
        ActivationSumD = new ExactSum[width],
        ActivationSquareD = new ExactSum[width],
        SequenceSquareD = new ExactSum[width],
        SequenceByLengthD = new ExactSum[width],
        ProfileSum = new ExactSum[SequenceProfile.Length],
        ProfileProducts = new ExactSum[SequenceProfile.Products],
    };

    /// <summary>Fraction of variance unexplained: E‖x − x̂‖² / (E‖x‖² − ‖E x‖²).</summary>
    public double Fvu
    {
        get
        {
            if (Rows == 0) return 0;
            var meanSquare = 0.0;
            foreach (var sum in ActivationSumD) meanSquare += sum.Value / Rows * (sum.Value / Rows);
            var variance = Residual.N.Value / Rows - meanSquare;
            return variance > 0 ? Residual.Y.Value / Rows / variance : 0;
        }
    }

    /// <summary>With these features alone, and without the scores of sequences: what compares with another model's windows that are seen through a feature map.</summary>
    public WindowSummary Only(bool[] featureF) => this with
    {
        FiringCounts = [.. FiringCounts.Where(count => featureF[count.Feature])],
        Fired = [.. Fired.Where(fired => featureF[fired.Feature])],
        Magnitudes = MagnitudesOnly(featureF),
        Scores = NoScores,
    };

    private MagnitudeBins MagnitudesOnly(bool[] featureF)
    {
        var only = new MagnitudeBins.Builder(Fired.Length, Magnitudes.Count);
        for (var place = 0; place < Fired.Length; place++)
            if (featureF[Fired[place].Feature]) only.AddFeature(Magnitudes.Of(place), []);
        return only.Build();
    }

    // Every detector asks for it. A copy with other counts must not keep it.
    private Firing[]? firingF;

    /// <summary>Firing of every feature, dense: O(features + non-zeros), the first time. Not to be written to.</summary>
    public Firing[] FiringF() => firingF ??= Dense();

    private Firing[] Dense()
    {
        var firing = new Firing[Features];
        var at = 0;
        foreach (ref readonly var fired in Fired.AsSpan())
        {
            var (rows, squared, sequences) = (0L, 0L, 0L);
            for (; at < FiringCounts.Length && FiringCounts[at].Feature == fired.Feature; at++)
            {
                ref readonly var count = ref FiringCounts.ItemRef(at);
                (rows, squared, sequences) = (rows + count.Count * count.Sequences, squared + (long)count.Count * count.Count * count.Sequences, sequences + count.Sequences);
            }
            firing[fired.Feature] = new(rows, squared, fired.RowsByLength, sequences);
        }
        return firing;
    }

    /// <summary>Firing of one feature.</summary>
    public Firing FiringOf(int feature)
    {
        var firing = new Firing(0, 0, FiredOf(feature)?.RowsByLength ?? 0, 0);
        foreach (var (_, count, sequences) in FiringCounts.Where(count => count.Feature == feature))
            firing += new Firing(count * sequences, (long)count * count * sequences, 0, sequences);
        return firing;
    }

    /// <summary>Null where it did not fire.</summary>
    public FiredFeature? FiredOf(int feature)
    {
        var (low, high) = (0, Fired.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (Fired[middle].Feature == feature) return Fired[middle];
            if (Fired[middle].Feature < feature) low = middle + 1;
            else high = middle - 1;
        }
        return null;
    }

    public WindowSummary Merge(WindowSummary other)
    {
        if ((Features, Width) != (other.Features, other.Width))
            throw new ArgumentException($"a summary of {other.Features} features, width {other.Width}, cannot be merged into one of {Features}, width {Width}", nameof(other));
        return new()
        {
            Features = Features,
            Width = Width,
            Rows = Rows + other.Rows,
            Sequences = Sequences + other.Sequences,
            LengthSquared = LengthSquared + other.LengthSquared,
            RowsNotFinite = RowsNotFinite + other.RowsNotFinite,
            RowsZero = RowsZero + other.RowsZero,
            RowsOutlier = RowsOutlier + other.RowsOutlier,
            FiringCounts = Merge(FiringCounts, other.FiringCounts),
            Fired = MergeSorted(Fired, other.Fired, fired => (fired.Feature, 0), (a, b) => new(a.Feature, a.RowsByLength + b.RowsByLength, a.Magnitude + b.Magnitude)),
            Sets = MergeSets(this, other),
            L0 = L0 + other.L0,
            Residual = Residual + other.Residual,
            ActivationSumD = ExactSum.Add(ActivationSumD, other.ActivationSumD),
            ActivationSquareD = ExactSum.Add(ActivationSquareD, other.ActivationSquareD),
            SequenceSquareD = ExactSum.Add(SequenceSquareD, other.SequenceSquareD),
            SequenceByLengthD = ExactSum.Add(SequenceByLengthD, other.SequenceByLengthD),
            Scores = MergeKeyed(Scores, other.Scores, (a, b) => a.Merge(b)),
            Magnitudes = MergeMagnitudes(this, other),
            // A window of format 1 has no profiles; moments over half of the sequences would be passed off as those of all.
            ProfileSum = ProfileSum.Length == other.ProfileSum.Length ? ExactSum.Add(ProfileSum, other.ProfileSum) : [],
            ProfileProducts = ProfileProducts.Length == other.ProfileProducts.Length ? ExactSum.Add(ProfileProducts, other.ProfileProducts) : [],
            Unusual = Unusual is null ? other.Unusual : other.Unusual is null ? Unusual : Unusual.Merge(other.Unusual),
            ProfileSample = ProfileSample.Merge(other.ProfileSample, MergedSampleMaximum),
        };
    }

    internal static ImmutableArray<FiringCount> Merge(ImmutableArray<FiringCount> a, ImmutableArray<FiringCount> b) =>
        MergeSorted(a, b, count => (count.Feature, count.Count), (x, y) => x with { Sequences = x.Sequences + y.Sequences });

    private static MagnitudeBins MergeMagnitudes(WindowSummary a, WindowSummary b)
    {
        var merged = new MagnitudeBins.Builder(a.Fired.Length + b.Fired.Length, a.Magnitudes.Count + b.Magnitudes.Count);
        var (i, j) = (0, 0);
        while (i < a.Fired.Length || j < b.Fired.Length)
        {
            var order = i == a.Fired.Length ? 1 : j == b.Fired.Length ? -1 : a.Fired[i].Feature.CompareTo(b.Fired[j].Feature);
            merged.AddFeature(order <= 0 ? a.Magnitudes.Of(i++) : [], order >= 0 ? b.Magnitudes.Of(j++) : []);
        }
        return merged.Build();
    }

    private static ImmutableArray<T> MergeSorted<T>(ImmutableArray<T> a, ImmutableArray<T> b, Func<T, (int, int)> key, Func<T, T, T> add)
    {
        var merged = ImmutableArray.CreateBuilder<T>(a.Length + b.Length);
        var (i, j) = (0, 0);
        while (i < a.Length && j < b.Length)
        {
            var order = key(a[i]).CompareTo(key(b[j]));
            merged.Add(order < 0 ? a[i++] : order > 0 ? b[j++] : add(a[i++], b[j++]));
        }
        merged.AddRange(a.AsSpan()[i..]);
        merged.AddRange(b.AsSpan()[j..]);
        return merged.DrainToImmutable();
    }

    /// <summary>Only sets that both sides counted: the firings of one half over the rows of both would be a rate that never was. A side without sequences has no say.</summary>
    private static ImmutableSortedDictionary<string, Firing> MergeSets(WindowSummary a, WindowSummary b)
    {
        if (a.Sequences == 0 && b.Sequences > 0) return b.Sets;
        if (b.Sequences == 0 && a.Sequences > 0) return a.Sets;
        return a.Sets.Where(set => b.Sets.ContainsKey(set.Key)).ToImmutableSortedDictionary(set => set.Key, set => set.Value + b.Sets[set.Key], StringComparer.Ordinal);
    }

    private static ImmutableSortedDictionary<TKey, T> MergeKeyed<TKey, T>(ImmutableSortedDictionary<TKey, T> a, ImmutableSortedDictionary<TKey, T> b, Func<T, T, T> add)
        where TKey : notnull
    {
        var merged = a.ToBuilder();
        foreach (var (key, value) in b) merged[key] = merged.TryGetValue(key, out var mine) ? add(mine, value) : value;
        return merged.ToImmutable();
    }
}
