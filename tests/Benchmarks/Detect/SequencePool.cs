using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>What one dictionary made of a sequence: its rows' codes begin at <paramref name="FirstRow"/>.</summary>
/// <param name="Error">Σ‖x − x̂‖² over the rows.</param>
internal readonly record struct Encoded(SparseCodes Codes, int FirstRow, double Error);

/// <summary>Sequences, each read and encoded once and kept as what a window adds up of it; windows and baselines are drawn from them.</summary>
/// <remarks>
/// A window of 2,000 sequences then costs its distinct (sequence, feature) pairs and no encoding: some milliseconds. What a sequence adds is the product's own summary of it alone;
/// <see cref="SummaryFold"/> adds these up. The first sequences go through one <see cref="SummaryBuilder"/> too, and <see cref="SummaryFold.Verify"/> asks for the same bytes.
/// </remarks>
internal sealed class SequencePool
{
    private const int Checked = 200;

    private readonly List<int> lengths = [];
    private readonly List<(int NotFinite, int Zero, int Outlier)> leftOut = [];
    private float[] meanD = new float[1 << 14];

    public SequencePool(int width, params int[] features)
    {
        Width = width;
        Tables = [.. features.Select(count => new SummaryTable(count, width))];
        Checks = [.. features.Select(count => new SummaryBuilder(count, width, [], []))];
    }

    public int Width { get; }

    /// <summary>One for each dictionary.</summary>
    public SummaryTable[] Tables { get; }

    /// <summary>The product's own sums of the first <see cref="CheckedCount"/> sequences.</summary>
    public SummaryBuilder[] Checks { get; }
    public int CheckedCount => Math.Min(Checked, Count);
    public int Count => lengths.Count;
    public int Longest { get; private set; }
    public double L0 => Tables[0].Active / Rows;
    public long Rows { get; private set; }

    public int LengthOf(int sequence) => lengths[sequence];
    public (int NotFinite, int Zero, int Outlier) LeftOutOf(int sequence) => leftOut[sequence];

    /// <summary>The sequence's mean activation.</summary>
    public ReadOnlySpan<float> MeanOf(int sequence) => meanD.AsSpan(sequence * Width, Width);

    /// <summary>Random Fourier features of the mean, set once all sequences are there.</summary>
    public float[] FourierR { get; private set; } = [];

    /// <param name="energy">Σ‖x‖² over the rows.</param>
    public void Add(ReadOnlySpan<float> rowsND, double energy, params ReadOnlySpan<Encoded> encoded)
    {
        var n = rowsND.Length / Width;
        var sequence = Count;
        lengths.Add(n);
        leftOut.Add(default);
        Longest = Math.Max(Longest, n);
        Rows += n;
        for (var i = 0; i < Tables.Length; i++)
        {
            var alone = new SummaryBuilder(Tables[i].Features, Width, [], []);
            alone.AddSequence(rowsND, encoded[i].Codes, encoded[i].FirstRow, energy, encoded[i].Error);
            var summary = alone.Build();
            Tables[i].Add(summary, alone.Profiles());
            if (i == 0) AddMean(summary, sequence);
            if (sequence < Checked) Checks[i].AddSequence(rowsND, encoded[i].Codes, encoded[i].FirstRow, energy, encoded[i].Error);
        }
    }

    /// <summary>Rows of a message that were left out count with its first sequence.</summary>
    public void LeftOut(int sequence, int notFinite, int zero, int outlier)
    {
        leftOut[sequence] = (notFinite, zero, outlier);
        if (sequence >= Checked) return;
        foreach (var check in Checks) (check.RowsNotFinite, check.RowsZero, check.RowsOutlier) = (check.RowsNotFinite + notFinite, check.RowsZero + zero, check.RowsOutlier + outlier);
    }

    public void SetFourier(FourierFeatures features)
    {
        FourierR = new float[Count * features.Count];
        for (var sequence = 0; sequence < Count; sequence++) features.Of(MeanOf(sequence), FourierR.AsSpan(sequence * features.Count, features.Count));
    }

    private void AddMean(WindowSummary summary, int sequence)
    {
        if (meanD.Length < (sequence + 1) * Width) Array.Resize(ref meanD, Math.Max(meanD.Length * 2, (sequence + 1) * Width));
        for (var i = 0; i < Width; i++) meanD[sequence * Width + i] = (float)(summary.ActivationSumD[i].Value / summary.Rows);
    }
}

/// <summary>A feature that fired in a sequence: in how many rows, the bin of its mean magnitude, and the sum of its values in units of <see cref="ExactSum"/>.</summary>
internal readonly record struct SequenceFiring(int Feature, short Count, short Bin, long Units);

/// <summary>The sequences of a pool by one dictionary: each one's <see cref="WindowSummary"/>, packed.</summary>
internal sealed class SummaryTable(int features, int width)
{
    private readonly List<int> starts = [0];
    private readonly List<RatioSums> l0 = [], residual = [];
    private readonly List<long> sumMost = [];
    private string[] scores = [];
    private SequenceFiring[] firing = new SequenceFiring[1 << 16];
    private int[] scoreBins = new int[1 << 12];
    private float[] profiles = new float[1 << 14];
    private long[] sumUnits = new long[1 << 16];

    public int Features => features;
    public double Active { get; private set; }
    public (int Lowest, int Highest) MagnitudeBins { get; private set; } = (short.MaxValue, 0);
    public IReadOnlyList<string> Scores => scores;

    /// <summary>How many exact sums a summary has: four for each activation dimension, then those of profiles.</summary>
    public int Sums => 4 * width + SequenceProfile.Length + SequenceProfile.Products;

    public ReadOnlySpan<SequenceFiring> FiringOf(int sequence) => firing.AsSpan(starts[sequence]..starts[sequence + 1]);
    public RatioSums L0Of(int sequence) => l0[sequence];
    public RatioSums ResidualOf(int sequence) => residual[sequence];
    public ReadOnlySpan<int> ScoreBinsOf(int sequence) => scoreBins.AsSpan(sequence * scores.Length, scores.Length);
    public ReadOnlySpan<float> ProfileOf(int sequence) => profiles.AsSpan(sequence * SequenceProfile.Length, SequenceProfile.Length);

    /// <summary>In units of <see cref="ExactSum"/>.</summary>
    public ReadOnlySpan<long> SumUnitsOf(int sequence) => sumUnits.AsSpan(sequence * Sums, Sums);

    /// <summary>The largest of them: how many can be added before a long overflows.</summary>
    public long SumMostOf(int sequence) => sumMost[sequence];

    /// <param name="summary">Of the one sequence.</param>
    public void Add(WindowSummary summary, ReadOnlySpan<float> profile)
    {
        var sequence = l0.Count;
        var at = starts[^1];
        Grow(ref firing, at + summary.Fired.Length);
        for (var place = 0; place < summary.Fired.Length; place++)
        {
            var (feature, _, magnitude) = summary.Fired[place];
            var (count, bin) = (summary.FiringCounts[place], summary.Magnitudes.Of(place)[0]);
            firing[at++] = new(feature, checked((short)count.Count), checked((short)bin.Key), checked((long)magnitude.Units));
            MagnitudeBins = (Math.Min(MagnitudeBins.Lowest, bin.Key), Math.Max(MagnitudeBins.Highest, bin.Key));
        }
        starts.Add(at);
        Active += summary.L0.Y.Value;
        l0.Add(summary.L0);
        residual.Add(summary.Residual);

        if (scores.Length == 0) scores = [.. summary.Scores.Keys];
        Grow(ref scoreBins, (sequence + 1) * scores.Length);
        for (var i = 0; i < scores.Length; i++) scoreBins[sequence * scores.Length + i] = summary.Score(scores[i]).Bins.Select(bin => bin.Key).Single();
        Grow(ref profiles, (sequence + 1) * profile.Length);
        profile.CopyTo(profiles.AsSpan(sequence * profile.Length));

        Grow(ref sumUnits, (sequence + 1) * Sums);
        var units = sumUnits.AsSpan(sequence * Sums, Sums);
        var (slot, most) = (0, 0L);
        foreach (var sums in new[] { summary.ActivationSumD, summary.ActivationSquareD, summary.SequenceSquareD, summary.SequenceByLengthD, summary.ProfileSum, summary.ProfileProducts })
            foreach (var sum in sums)
            {
                units[slot] = checked((long)sum.Units);
                most = Math.Max(most, Math.Abs(units[slot++]));
            }
        sumMost.Add(most);
    }

    private static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length) Array.Resize(ref array, Math.Max(array.Length * 2, length));
    }
}
