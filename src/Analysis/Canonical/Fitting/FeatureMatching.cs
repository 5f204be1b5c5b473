namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>A feature of the source paired with one of the target.</summary>
/// <param name="Correlation">Of their activations, over all rows.</param>
/// <param name="HeldOut">The same over the held-out sequences alone.</param>
/// <param name="Scale">Target activation per source activation where both fire.</param>
public readonly record struct FeaturePair(int Source, int Target, double Correlation, double HeldOut, double Scale);

/// <summary>What chance does, and what was accepted in view of it.</summary>
/// <param name="CorrelationAbove">The cut in force.</param>
/// <param name="SequencesMinimum">In so many sequences an accepted pair fires together.</param>
/// <param name="ByChance">Pairs that the same matching accepts when sequences are paired wrongly; mean over the shuffled pairings.</param>
public sealed record MatchingCut(double CorrelationAbove, int SequencesMinimum, double ByChance);

/// <summary>Features of two dictionaries paired one to one.</summary>
/// <param name="Pairs">Ascending by source.</param>
/// <param name="Refuted">Pairs over the cut that the held-out sequences speak against; not among <paramref name="Pairs"/>.</param>
/// <param name="Confirmation">Of the pairs that a matching without the held-out sequences accepts, their correlation on these.</param>
public sealed record FeatureMatching(IReadOnlyList<FeaturePair> Pairs, IReadOnlyList<FeaturePair> Refuted, MatchingCut Cut, IReadOnlyList<double> Confirmation)
{
    /// <summary>
    /// Below it the one explains less than a quarter of the other's variance: on a family with known features pairs under ½ belong to the same feature in two cases of five only
    /// (and of those above, in nine of ten). It is what the field counts as matched, too.
    /// </summary>
    public const double CorrelationMinimum = 0.5;

    /// <summary>Accepted pairs that chance explains, at most.</summary>
    public const double ChanceShare = 0.01;

    // First more evidence is asked for (of features that fired once or twice any two may coincide), then more likeness.
    private static readonly (int Sequences, double Correlation)[] cuts = [(1, 0.5), (2, 0.5), (3, 0.5), (5, 0.5), (10, 0.5), (10, 0.6), (10, 0.7), (10, 0.8), (10, 0.9)];

    /// <remarks>
    /// The assignment has the largest sum of correlations over all pairs that correlate positively, so that a pair above the cut is the best use of both features and not merely a good one.
    /// The cut is the first of a ladder at which shuffled pairings (<paramref name="shuffled"/>) accept at most <see cref="ChanceShare"/> of what the true one does; where chance explains the pairs
    /// at every step none is accepted.
    /// All sequences choose the pairs: a rare feature fires in a handful of them. What that choice is worth is measured without it: the same matching on <paramref name="fitted"/> alone, looked at on
    /// <paramref name="heldOut"/>. A pair is refuted where the 95 % bound of its held-out correlation (Fisher's z, a sequence in which the rarer of the two fires as the unit) lies below the cut.
    /// </remarks>
    public static FeatureMatching Of(FeaturePairSums fitted, FeaturePairSums heldOut, IReadOnlyList<FeaturePairSums> shuffled)
    {
        var all = FeaturePairSums.Of(fitted, heldOut);
        foreach (var (sequences, correlation) in cuts)
        {
            var found = Match(all, correlation, sequences);
            if (found.Count == 0) return new([], [], new(correlation, sequences, 0), []);
            var byChance = shuffled.Count == 0 ? 0 : shuffled.Average(sums => Match(sums, correlation, sequences).Count);
            if (byChance > ChanceShare * found.Count) continue;
            var pairs = found.Select(pair => new FeaturePair(pair.Source, pair.Target, pair.Correlation, heldOut.Correlation(pair.Source, pair.Target), all.Scale(pair.Source, pair.Target))).ToLookup(pair => Refutes(pair.HeldOut, Math.Min(heldOut.SourceSequences(pair.Source), heldOut.TargetSequences(pair.Target)), correlation));
            return new([.. pairs[false]], [.. pairs[true]], new(correlation, sequences, byChance),
                [.. Match(fitted, correlation, sequences).Select(pair => heldOut.Correlation(pair.Source, pair.Target))]);
        }
        return new([], [], new(cuts[^1].Correlation, cuts[^1].Sequences, 0), []);
    }

    private static List<(int Source, int Target, double Correlation)> Match(FeaturePairSums sums, double correlationAbove, int sequencesMinimum)
    {
        var candidates = sums.Candidates(correlationAbove: 0, sequencesMinimum);
        var targetOfS = SparseAssignment.Maximise(candidates);
        var pairs = new List<(int, int, double)>();
        for (var s = 0; s < targetOfS.Length; s++)
        {
            if (targetOfS[s] < 0) continue;
            var at = Array.BinarySearch(candidates.Target, candidates.Start[s], candidates.Start[s + 1] - candidates.Start[s], targetOfS[s]);
            if (candidates.Correlation[at] > correlationAbove) pairs.Add((s, targetOfS[s], candidates.Correlation[at]));
        }
        return pairs;
    }

    /// <param name="correlation">Held out.</param>
    /// <param name="sequences">Held-out sequences that have the rarer feature.</param>
    internal static bool Refutes(double correlation, long sequences, double cut) =>
        sequences > 3 && Math.Atanh(Math.Clamp(correlation, -0.999999, 0.999999)) + 1.645 / Math.Sqrt(sequences - 3) < Math.Atanh(cut);
}
