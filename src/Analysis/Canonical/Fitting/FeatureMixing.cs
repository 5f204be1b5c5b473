using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Many to one: a canonical feature as a mixture of own features, where one dictionary has split what the other keeps together.</summary>
/// <remarks>
/// Candidates of a target are the <see cref="SourcesMaximum"/> sources that correlate best with it, from <see cref="CandidateCorrelation"/> on. Weights are the non-negative least squares
/// of the target's activation on theirs, over all rows of the sequences that are not held out, through zero: non-negative, since an activation cannot be taken back, and joint, since marginal
/// weights would count what two sources share twice. A mixture is accepted where its correlation is above the pairs' cut on the rows that it was learned from, and held-out sequences do not refute it.
/// Not done: mixtures of shuffled pairings; the cut is the one that chance justifies for pairs.
/// The threshold makes the target fire in as many of all rows as it does natively (<see cref="FeatureMap"/>).
/// </remarks>
internal static class FeatureMixing
{
    public const int SourcesMaximum = 8;
    public const double CandidateCorrelation = 0.1;

    public static FeatureMap Learn(PairedCodes codes, FeaturePairSums sums, FeatureMatching matching)
    {
        var cut = matching.Cut;
        // Where chance explains every pair it explains every mixture.
        var sourcesT = matching.Pairs.Count == 0 ? [.. Enumerable.Repeat(Array.Empty<int>(), sums.TargetFeatures)] : Candidates(sums, cut);
        var (fitted, heldOut) = (new MixtureMoments(sums.SourceFeatures, sourcesT), new MixtureMoments(sums.SourceFeatures, sourcesT));
        foreach (var sequence in codes.Sequences()) (SequenceSplit.IsHeldOut(sequence.Ordinal) ? heldOut : fitted).Add(sequence);

        var entries = new List<FeatureMapEntry>();
        for (var t = 0; t < sourcesT.Length; t++)
        {
            if (sourcesT[t].Length == 0) continue;
            var weights = NonNegativeLeastSquares.Solve(fitted.GramTKK[t], fitted.ProductTK[t]);
            if (!(fitted.Correlation(t, weights) > cut.CorrelationAbove) || FeatureMatching.Refutes(heldOut.Correlation(t, weights), heldOut.SequencesT[t], cut.CorrelationAbove)) continue;
            for (var i = 0; i < weights.Length; i++)
                if ((float)weights[i] > 0) entries.Add(new(sourcesT[t][i], t, (float)weights[i], (float)sums.Correlation(sourcesT[t][i], t)));
        }
        FeatureMapEntry[] sorted = [.. entries.OrderBy(entry => entry.Source).ThenBy(entry => entry.Target)];
        var unlimited = new FeatureMap(sums.SourceFeatures, sums.TargetFeatures, sorted, new float[sums.TargetFeatures]);
        return new(sums.SourceFeatures, sums.TargetFeatures, sorted, Thresholds(codes, unlimited, t => fitted.FiredT[t] + heldOut.FiredT[t]));
    }

    private static int[][] Candidates(FeaturePairSums sums, MatchingCut cut)
    {
        var candidates = sums.Candidates(CandidateCorrelation, cut.SequencesMinimum);
        var best = Enumerable.Range(0, sums.TargetFeatures).Select(_ => new List<(double Correlation, int Source)>()).ToArray();
        for (var s = 0; s < candidates.Sources; s++)
            for (var at = candidates.Start[s]; at < candidates.Start[s + 1]; at++) best[candidates.Target[at]].Add((candidates.Correlation[at], s));
        return [.. best.Select(list => list.OrderByDescending(entry => entry.Correlation).ThenBy(entry => entry.Source).Take(SourcesMaximum).Select(entry => entry.Source).Order().ToArray())];
    }

    private static float[] Thresholds(PairedCodes codes, FeatureMap unlimited, Func<int, long> firedOf)
    {
        var binsT = Enumerable.Range(0, unlimited.TargetFeatures).Select(_ => new Dictionary<int, long>()).ToArray();
        var mapped = new SparseCodes();
        foreach (var sequence in codes.Sequences())
        {
            // The codes of a block are mapped once, with its first sequence.
            if (sequence.First == 0) unlimited.Apply(sequence.Source, mapped);
            for (var row = sequence.First; row < sequence.First + sequence.Rows; row++)
            {
                var features = mapped.FeaturesOf(row);
                var values = mapped.ValuesOf(row);
                for (var i = 0; i < features.Length; i++)
                {
                    var bin = LogHistogram.BinOf(values[i]);
                    binsT[features[i]][bin] = binsT[features[i]].GetValueOrDefault(bin) + 1;
                }
            }
        }
        return [.. binsT.Select((bins, t) => Threshold(bins, firedOf(t)))];
    }

    /// <summary>The lowest at which no more rows fire than natively; 0 where all may.</summary>
    private static float Threshold(Dictionary<int, long> bins, long fired)
    {
        var above = 0L;
        foreach (var (bin, rows) in bins.OrderByDescending(entry => entry.Key))
            if ((above += rows) > fired) return (float)LogHistogram.UpperEdgeOf(bin);
        return 0;
    }
}
