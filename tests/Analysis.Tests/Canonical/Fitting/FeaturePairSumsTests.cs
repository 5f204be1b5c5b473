using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class FeaturePairSumsTests
{
    [Fact]
    public void Correlations_and_scales_are_NumPys()
    {
        var golden = GoldenPairs.Numbers["correlation"]!;
        var (source, target) = (GoldenPairs.Matrix(golden["source"]!), GoldenPairs.Matrix(golden["target"]!));
        var (correlation, scale) = (GoldenPairs.Matrix(golden["correlation"]!), GoldenPairs.Matrix(golden["scale"]!));

        var sums = Sums(source, target, golden["rowsOfSequence"]!.GetValue<int>());

        var candidates = sums.Candidates(correlationAbove: -2, sequencesMinimum: 1);
        for (var s = 0; s < source[0].Length; s++)
            for (var t = 0; t < target[0].Length; t++)
            {
                Assert.Equal(correlation[s][t], sums.Correlation(s, t), 1e-6);
                Assert.Equal(scale[s][t], sums.Scale(s, t), 1e-6);
                var at = Array.IndexOf(candidates.Target, t, candidates.Start[s], candidates.Start[s + 1] - candidates.Start[s]);
                // A candidate is a pair that fires together.
                Assert.Equal(scale[s][t] > 0, at >= 0);
                if (at >= 0) Assert.Equal(correlation[s][t], candidates.Correlation[at], 1e-6);
            }
    }

    [Fact]
    public void Parts_add_up_to_the_whole()
    {
        var golden = GoldenPairs.Numbers["correlation"]!;
        var (source, target) = (GoldenPairs.Matrix(golden["source"]!), GoldenPairs.Matrix(golden["target"]!));
        var (whole, sum) = (Sums(source, target, 8), Sums(source[..40], target[..40], 8));

        sum.Add(Sums(source[40..], target[40..], 8));

        Assert.Equal((whole.Rows, whole.Sequences), (sum.Rows, sum.Sequences));
        for (var s = 0; s < source[0].Length; s++)
        {
            Assert.Equal(whole.SourceSequences(s), sum.SourceSequences(s));
            for (var t = 0; t < target[0].Length; t++) Assert.Equal(whole.Correlation(s, t), sum.Correlation(s, t), 1e-12);
        }
    }

    [Fact]
    public void Sequences_in_which_a_pair_fires_together_are_counted_once_each()
    {
        // Feature 0 of both: together in two rows of the first sequence and one of the second; apart in the third.
        var sums = Sums([[1], [1], [1], [0], [1], [0]], [[1], [1], [1], [0], [0], [1]], 2);

        Assert.Equal(1, sums.Candidates(-2, 2).Start[1]);
        Assert.Equal(0, sums.Candidates(-2, 3).Start[1]);
    }

    [Fact]
    public void Beyond_its_budget_it_keeps_the_pairs_that_fire_together_most_often()
    {
        var random = new Random(5);
        var sums = new FeaturePairSums(400, 400, pairsMaximum: 2000);
        var codes = new SparseCodes();
        for (var sequence = 0; sequence < 300; sequence++)
        {
            codes.Clear();
            // Ten features that are in every sequence, twenty that never come again.
            int[] features = [.. Enumerable.Range(0, 10), .. Enumerable.Range(0, 20).Select(_ => 10 + random.Next(390)).Distinct().Order()];
            codes.AddRow(features, [.. features.Select(_ => 1 + random.NextSingle())]);
            sums.AddSequence(codes, 0, codes, 0, 1);
            codes.Clear();
            codes.AddRow([], []);
            sums.AddSequence(codes, 0, codes, 0, 1);
        }

        Assert.True(sums.PairsDropped > 0);
        Assert.Equal(100, sums.Candidates(0.1, 300).Target.Length);
        Assert.Equal(1, sums.Correlation(3, 3), 1e-12);
    }

    private static FeaturePairSums Sums(double[][] source, double[][] target, int rowsOfSequence)
    {
        var sums = new FeaturePairSums(source[0].Length, target[0].Length);
        for (var first = 0; first < source.Length; first += rowsOfSequence) sums.AddSequence(Codes(source[first..(first + rowsOfSequence)]), 0, Codes(target[first..(first + rowsOfSequence)]), 0, rowsOfSequence);
        return sums;
    }

    internal static SparseCodes Codes(double[][] rows)
    {
        var codes = new SparseCodes();
        foreach (var row in rows)
        {
            int[] features = [.. Enumerable.Range(0, row.Length).Where(f => row[f] > 0)];
            codes.AddRow(features, [.. features.Select(f => (float)row[f])]);
        }
        return codes;
    }
}
