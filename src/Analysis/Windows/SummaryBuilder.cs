using System.Collections.Immutable;
using System.Runtime.InteropServices;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Windows;

/// <summary>Adds up sequences into a <see cref="WindowSummary"/>: O(non-zeros + width) each, whatever the dictionary's size.</summary>
/// <param name="sets">Sets of features to count.</param>
/// <param name="directions">Probes to score sequences with.</param>
/// <param name="sampler">Takes a sample of the sequences' codes; null: none is kept.</param>
public sealed class SummaryBuilder(int features, int width, ImmutableArray<FeatureSet> sets, ImmutableArray<Direction> directions, SequenceSampler? sampler = null)
{
    /// <summary>Profiles kept until the window closes; later sequences are in the sums and are not judged for novelty.</summary>
    private const int ProfilesMaximum = 65_536;

    private readonly FeatureCounts counts = new(features);
    private readonly Firing[] setFiring = new Firing[sets.Length];
    private readonly SetCounter[] setCounters = [.. sets.Select(set => new SetCounter(set))];
    private readonly SortedDictionary<string, Dictionary<int, long>> scoreBins = new(StringComparer.Ordinal);
    private readonly List<float> profiles = [];
    private readonly SequenceFirings firings = new();
    private readonly Int128[] profileSum = new Int128[SequenceProfile.Length], profileProducts = new Int128[SequenceProfile.Products];
    private readonly SketchSigns signs = new(width);
    private readonly ExactSum[] sumD = new ExactSum[width], squareD = new ExactSum[width], sequenceSquareD = new ExactSum[width], sequenceByLengthD = new ExactSum[width];

    // One sequence's scratch.
    private readonly int[] countF = new int[features];
    private readonly ExactSum[] magnitudeF = new ExactSum[features];
    private readonly List<int> touched = [];
    private readonly double[] sequenceSumD = new double[width], sequenceSumSquareD = new double[width];

    private long sequences, lengthSquared;
    private RatioSums l0, residual;

    public long Rows { get; private set; }
    public long RowsNotFinite { get; set; }
    public long RowsZero { get; set; }
    public long RowsOutlier { get; set; }

    /// <summary>Adds one whole sequence.</summary>
    /// <param name="rowsND">Its rows that count, N ≥ 1.</param>
    /// <param name="codes">Features of a batch; this sequence's begin at <paramref name="firstRow"/>.</param>
    /// <param name="energy">Σ‖x‖² over the rows.</param>
    /// <param name="error">Σ‖x − x̂‖² over the rows.</param>
    /// <param name="unmapped">Share of the activation that a feature map dropped; null where there is none.</param>
    public void AddSequence(ReadOnlySpan<float> rowsND, SparseCodes codes, int firstRow, double energy, double error, double? unmapped = null)
    {
        var n = rowsND.Length / width;
        sampler?.Offer(codes, firstRow, n);
        var active = 0L;
        foreach (var counter in setCounters) counter.Begin();
        for (var row = firstRow; row < firstRow + n; row++)
        {
            var featuresOfRow = codes.FeaturesOf(row);
            var values = codes.ValuesOf(row);
            active += featuresOfRow.Length;
            for (var i = 0; i < featuresOfRow.Length; i++)
            {
                var feature = featuresOfRow[i];
                if (countF[feature]++ == 0) touched.Add(feature);
                magnitudeF[feature] += ExactSum.Of(Math.Abs(values[i]));   // AbsTopK's may be negative: how strong, not which way.
            }
            foreach (var counter in setCounters) counter.Row(featuresOfRow);
        }
        var spread = active > 0 ? (double)touched.Count / active : 0;
        foreach (var feature in touched)
        {
            counts.Add(feature, countF[feature], n, magnitudeF[feature]);
            firings.Add(feature, countF[feature]);
            countF[feature] = 0;
            magnitudeF[feature] = default;
        }
        firings.End();
        touched.Clear();
        for (var i = 0; i < setCounters.Length; i++)
        {
            var firing = setCounters[i].End(n);
            setFiring[i] += firing;
            AddScore(ScoreNames.SetPrefix + sets[i].Key, firing.Rows);
        }
        foreach (var direction in directions) AddScore(direction.ScoreName, direction.Score(rowsND));

        AddActivations(rowsND, n);
        sequences++;
        Rows += n;
        lengthSquared += (long)n * n;
        l0 += RatioSums.Of(active, n);
        residual += RatioSums.Of(error, energy);
        var (fvu, norm, perRow) = (energy > 0 ? error / energy : 0, Math.Sqrt(energy / n), (double)active / n);
        AddScore(ScoreNames.Fvu, fvu);
        AddScore(ScoreNames.Residual, Math.Sqrt(error / n));
        AddScore(ScoreNames.Norm, norm);
        AddScore(ScoreNames.L0, perRow);
        AddScore(ScoreNames.Spread, spread);
        if (unmapped is { } share) AddScore(ScoreNames.Unmapped, share);
        AddProfile(fvu, norm, perRow, spread, n);
    }

    private void AddScore(string name, double value)
    {
        if (!scoreBins.TryGetValue(name, out var bins)) scoreBins[name] = bins = [];
        CollectionsMarshal.GetValueRefOrAddDefault(bins, LogHistogram.BinOf(value), out _)++;
    }

    private void AddProfile(double fvu, double norm, double perRow, double spread, int n)
    {
        Span<float> profile = stackalloc float[SequenceProfile.Length];
        SequenceProfile.Write(fvu, norm, perRow, spread, sequenceSumD, n, signs, profile);
        var at = 0;
        for (var i = 0; i < profile.Length; i++)
        {
            profileSum[i] += ExactSum.Of(profile[i]).Units;
            for (var j = i; j < profile.Length; j++) profileProducts[at++] += ExactSum.Of((double)profile[i] * profile[j]).Units;
        }
        if (profiles.Count < ProfilesMaximum * SequenceProfile.Length) profiles.AddRange(profile);
    }

    private void AddActivations(ReadOnlySpan<float> rowsND, int n)
    {
        Array.Clear(sequenceSumD);
        Array.Clear(sequenceSumSquareD);
        for (var row = 0; row < n; row++)
        {
            var rowD = rowsND.Slice(row * width, width);
            for (var i = 0; i < rowD.Length; i++)
            {
                var x = (double)rowD[i];
                sequenceSumD[i] += x;
                sequenceSumSquareD[i] += x * x;
            }
        }
        for (var i = 0; i < width; i++)
        {
            sumD[i] += ExactSum.Of(sequenceSumD[i]);
            squareD[i] += ExactSum.Of(sequenceSumSquareD[i]);
            sequenceSquareD[i] += ExactSum.Of(sequenceSumD[i] * sequenceSumD[i]);
            sequenceByLengthD[i] += ExactSum.Of(sequenceSumD[i] * n);
        }
    }

    public WindowSummary Build()
    {
        var (firingCounts, fired, magnitudes) = counts.Build();
        return new()
        {
            Features = features,
            Width = width,
            Rows = Rows,
            Sequences = sequences,
            LengthSquared = lengthSquared,
            RowsNotFinite = RowsNotFinite,
            RowsZero = RowsZero,
            RowsOutlier = RowsOutlier,
            FiringCounts = firingCounts,
            Fired = fired,
            Sets = sets.Zip(setFiring).ToImmutableSortedDictionary(pair => pair.First.Key, pair => pair.Second, StringComparer.Ordinal),
            L0 = l0,
            Residual = residual,
            ActivationSumD = [.. sumD],
            ActivationSquareD = [.. squareD],
            SequenceSquareD = [.. sequenceSquareD],
            SequenceByLengthD = [.. sequenceByLengthD],
            Scores = scoreBins.ToImmutableSortedDictionary(entry => entry.Key, entry => LogHistogram.From(entry.Value), StringComparer.Ordinal),
            Magnitudes = magnitudes,
            ProfileSum = [.. profileSum.Select(units => new ExactSum(units))],
            ProfileProducts = [.. profileProducts.Select(units => new ExactSum(units))],
        };
    }

    /// <summary>Profiles of the window's sequences, <see cref="SequenceProfile.Length"/> numbers each: kept while it is open and for judging it, not stored.</summary>
    public float[] Profiles() => [.. profiles];

    /// <summary>Codes of some of the sequences (<see cref="SequenceSample"/>); null: none is kept.</summary>
    public byte[]? Sample() => sampler?.Build();

    /// <summary>What fired in each of them: for naming the unusual ones, not stored.</summary>
    public SequenceFirings Firings => firings;
}
