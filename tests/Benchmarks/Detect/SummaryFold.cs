using System.Collections.Immutable;
using System.Runtime.InteropServices;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>Adds up sequences of a pool into the <see cref="WindowSummary"/> that the product's SummaryBuilder would make of their rows, to the byte.</summary>
/// <remarks>What a new field of WindowSummary needs goes here and into <see cref="SummaryTable"/>; until then <see cref="Verify"/> refuses. One caller at a time.</remarks>
/// <param name="pools">All that sequences will be added from.</param>
internal sealed class SummaryFold(int dictionary, params SequencePool[] pools)
{
    private readonly SummaryTable shape = pools[0].Tables[dictionary];
    private readonly int width = pools[0].Width;
    private readonly int counts = pools.Max(pool => pool.Longest) + 1;
    private readonly int lowestBin = pools.Min(pool => pool.Tables[dictionary].MagnitudeBins.Lowest);
    private readonly int bins = pools.Max(pool => pool.Tables[dictionary].MagnitudeBins.Highest) + 1 - pools.Min(pool => pool.Tables[dictionary].MagnitudeBins.Lowest);
    private readonly long[] rowsByLengthF = new long[pools[0].Tables[dictionary].Features];
    private readonly Int128[] magnitudeF = new Int128[pools[0].Tables[dictionary].Features];
    private readonly long[] pendingSums = new long[pools[0].Tables[dictionary].Sums];
    private readonly Int128[] sums = new Int128[pools[0].Tables[dictionary].Sums];
    private readonly Dictionary<int, long>[] scoreBins = [.. pools[0].Tables[dictionary].Scores.Select(_ => new Dictionary<int, long>())];
    private int[] sequencesFC = [], sequencesFB = [];
    private long pendingMost, rows, sequences, lengthSquared, notFinite, zero, outlier;
    private RatioSums l0, residual;

    public void Add(SequencePool pool, ReadOnlySpan<int> which)
    {
        if (sequencesFC.Length == 0) (sequencesFC, sequencesFB) = (new int[shape.Features * counts], new int[shape.Features * bins]);
        var table = pool.Tables[dictionary];
        foreach (var sequence in which)
        {
            var n = pool.LengthOf(sequence);
            foreach (var (feature, count, bin, units) in table.FiringOf(sequence))
            {
                sequencesFC[feature * counts + count]++;
                sequencesFB[feature * bins + bin - lowestBin]++;
                rowsByLengthF[feature] += (long)count * n;
                magnitudeF[feature] += units;
            }
            AddSums(table, sequence);
            sequences++;
            rows += n;
            lengthSquared += (long)n * n;
            l0 += table.L0Of(sequence);
            residual += table.ResidualOf(sequence);
            var binsOfScores = table.ScoreBinsOf(sequence);
            for (var i = 0; i < scoreBins.Length; i++) CollectionsMarshal.GetValueRefOrAddDefault(scoreBins[i], binsOfScores[i], out _)++;
            var left = pool.LeftOutOf(sequence);
            notFinite += left.NotFinite;
            zero += left.Zero;
            outlier += left.Outlier;
        }
    }

    /// <summary>The sum so far; then empty again.</summary>
    public WindowSummary Build()
    {
        Flush();
        var firingCounts = ImmutableArray.CreateBuilder<FiringCount>();
        var fired = new List<FiredFeature>();
        var magnitudes = new MagnitudeBins.Builder(shape.Features, sequencesFB.Count(sequences => sequences > 0));
        for (var f = 0; f < shape.Features; f++)
        {
            if (rowsByLengthF[f] == 0) continue;
            for (var count = 1; count < counts; count++)
                if (sequencesFC[f * counts + count] is var with && with > 0) firingCounts.Add(new(f, count, with));
            for (var bin = 0; bin < bins; bin++)
                if (sequencesFB[f * bins + bin] is var with && with > 0) magnitudes.Add(new(lowestBin + bin, with));
            magnitudes.EndFeature();
            fired.Add(new(f, rowsByLengthF[f], new(magnitudeF[f])));
        }
        var summary = new WindowSummary
        {
            Features = shape.Features,
            Width = width,
            Rows = rows,
            Sequences = sequences,
            LengthSquared = lengthSquared,
            RowsNotFinite = notFinite,
            RowsZero = zero,
            RowsOutlier = outlier,
            FiringCounts = firingCounts.DrainToImmutable(),
            Fired = [.. fired],
            L0 = l0,
            Residual = residual,
            ActivationSumD = Sums(0, width),
            ActivationSquareD = Sums(width, width),
            SequenceSquareD = Sums(2 * width, width),
            SequenceByLengthD = Sums(3 * width, width),
            Scores = shape.Scores.Zip(scoreBins).ToImmutableSortedDictionary(score => score.First, score => LogHistogram.From(score.Second), StringComparer.Ordinal),
            Magnitudes = magnitudes.Build(),
            ProfileSum = Sums(4 * width, SequenceProfile.Length),
            ProfileProducts = Sums(4 * width + SequenceProfile.Length, SequenceProfile.Products),
        };
        Clear();
        return summary;
    }

    /// <summary>The pool's first sequences give the same bytes here and through the product.</summary>
    public static void Verify(SequencePool pool)
    {
        for (var i = 0; i < pool.Tables.Length; i++)
        {
            var fold = new SummaryFold(i, pool);
            fold.Add(pool, [.. Enumerable.Range(0, pool.CheckedCount)]);
            if (!SummaryCodec.Encode(fold.Build()).AsSpan().SequenceEqual(SummaryCodec.Encode(pool.Checks[i].Build())))
                throw new InvalidOperationException("the benchmark's windows are not the product's: what SummaryBuilder.AddSequence adds up has changed; bring SequencePool and SummaryFold after it");
        }
    }

    private ExactSum[] Sums(int from, int count) => [.. sums.AsSpan(from, count).ToArray().Select(units => new ExactSum(units))];

    private void AddSums(SummaryTable table, int sequence)
    {
        var most = table.SumMostOf(sequence);
        if (pendingMost > long.MaxValue - most) Flush();
        pendingMost += most;
        var units = table.SumUnitsOf(sequence);
        var pending = pendingSums.AsSpan(0, units.Length);
        for (var i = 0; i < units.Length; i++) pending[i] += units[i];
    }

    private void Flush()
    {
        for (var i = 0; i < sums.Length; i++) sums[i] += pendingSums[i];
        Array.Clear(pendingSums);
        pendingMost = 0;
    }

    private void Clear()
    {
        Array.Clear(sequencesFC);
        Array.Clear(sequencesFB);
        Array.Clear(rowsByLengthF);
        Array.Clear(magnitudeF);
        Array.Clear(sums);
        foreach (var counted in scoreBins) counted.Clear();
        (rows, sequences, lengthSquared, notFinite, zero, outlier) = (0, 0, 0, 0, 0, 0);
        (l0, residual) = (default, default);
    }
}
