using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class FingerprintTests
{
    private const int Features = 120;

    private static readonly Baseline approved = Some.Baseline(Stream(seed: 1, 4000, _ => 1));
    private static readonly Fingerprint known = Fingerprint.Of("some/v1", new('d', 64), "m@base/h", approved.Summary, "m@bad/h", Stream(seed: 2, 2000, Bad), features: 40);

    [Fact]
    public void A_fingerprint_reads_back_as_it_was_written()
    {
        var read = Read(System.Text.Encoding.UTF8.GetString(known.Write()));

        Assert.Equal((known.Hash, known.Space, known.Dictionary, known.From, known.To, known.FromSequences, known.ToSequences), (read.Hash, read.Space, read.Dictionary, read.From, read.To, read.FromSequences, read.ToSequences));
        Assert.Equal(known.Drift, read.Drift);
        Assert.InRange(known.Drift.Count, 20, 40);
        Assert.NotEqual(known.Hash, (known with { To = "m@worse/h" }).Hash);
    }

    [Theory]
    [InlineData("[]", "it is no fingerprint")]
    [InlineData("{", "it is no fingerprint")]
    [InlineData("null", "its format is ''")]
    [InlineData("""{ "format": "driftwatch-fingerprint/9" }""", "its format is 'driftwatch-fingerprint/9'; this version reads driftwatch-fingerprint/1")]
    [InlineData("""{ "format": "driftwatch-fingerprint/1", "space": "s" }""", "lacks space, dictionary, from, to or drift")]
    [InlineData("""{ "format": "driftwatch-fingerprint/1", "colour": "red" }""", "colour")]
    [InlineData("""{ "format": "driftwatch-fingerprint/1", "space": "s", "dictionary": "d", "from": "a", "to": "b", "drift": { "1": 2 } }""", "names 1 features; use 5 or more")]
    [InlineData("""{ "format": "driftwatch-fingerprint/1", "space": "s", "dictionary": "d", "from": "a", "to": "b", "drift": { "1": 2, "2": 0, "3": 1, "4": 1, "5": 1 } }""", "its drift of feature 2 is 0")]
    [InlineData("""{ "format": "driftwatch-fingerprint/1", "space": "s", "dictionary": "d", "from": "a", "to": "b", "drift": { "1": 2, "-2": 1, "3": 1, "4": 1, "5": 1 } }""", "its drift of feature -2 is 1")]
    public void A_file_that_is_no_fingerprint_is_refused(string json, string because)
    {
        var refused = Assert.Throws<MalformedException>(() => Read(json));

        Assert.Equal("fingerprint", refused.Reason);
        Assert.Contains(because, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_drift_that_looks_like_the_known_one_is_recognised_and_others_are_not()
    {
        var rule = new HazardRule("like-bad", Severity.Critical, "", new HazardFingerprint(known, CosineAbove: 0.3, PBelow: 0.001), MinimumSequences: 50, For: 1);
        Finding Judge(int seed, Func<int, double> factor) => new HazardDetector(rule).Judge(Stream(seed, 200, factor), approved);

        foreach (var seed in Enumerable.Range(10, 10))
        {
            Assert.Equal(Verdict.Drift, Judge(seed, Bad).Verdict);
            // A third of the way there.
            Assert.Equal(Verdict.Drift, Judge(seed, f => Math.Pow(Bad(f), 0.34)).Verdict);
            Assert.Equal(Verdict.Steady, Judge(seed, _ => 1).Verdict);
            Assert.Equal(Verdict.Steady, Judge(seed, Otherwise).Verdict);
            // The way back.
            Assert.Equal(Verdict.Steady, Judge(seed, f => 1 / Bad(f)).Verdict);
        }
        var finding = Judge(10, Bad);
        Assert.Contains("with that from m@base/h to m@bad/h", finding.Because, StringComparison.Ordinal);
        Assert.InRange(finding.Score, 0.5, 1);
        Assert.All(finding.Features, feature => Assert.Equal(0, feature.Feature % 3));
        Assert.Equal(finding.Because, Judge(10, Bad).Because);
    }

    [Fact]
    public void The_p_value_is_the_share_of_all_permutations_with_a_sum_as_large()
    {
        // One group of 7 features: every assignment of the three entries to places is counted.
        double[] drift = [2, -1, 0.5, 0, 3, 0, 1];
        var print = known with { Drift = ImmutableSortedDictionary<int, double>.Empty.Add(0, 3).Add(4, 2).Add(6, -1) };
        var observed = 3 * drift[0] + 2 * drift[4] - drift[6];
        var places = from a in Enumerable.Range(0, 7) from b in Enumerable.Range(0, 7) from c in Enumerable.Range(0, 7) where a != b && b != c && a != c select 3 * drift[a] + 2 * drift[b] - drift[c];
        var exact = places.Count(sum => sum >= observed - 1e-9) / (7.0 * 6 * 5);

        var match = FingerprintMatch.Of(print, new(drift, [.. Enumerable.Range(0, 7)]), new long[7], p: 0.0001, cosineMinimum: -1);

        Assert.InRange(match.P, exact * 0.6, exact * 1.6);
        Assert.Equal(observed / Math.Sqrt(drift.Sum(x => x * x) * 14), match.Cosine, 12);
        Assert.Equal([0, 4], match.Shared);
    }

    [Fact]
    public void Without_a_relation_p_values_are_as_often_small_as_they_say()
    {
        var random = new Random(7);
        var small = 0;
        const int Trials = 2000;
        for (var trial = 0; trial < Trials; trial++)
        {
            double Heavy() => random.NextDouble() < 0.5 ? 0 : Math.Exp(2 * random.NextDouble()) * (random.Next(2) * 2 - 1);
            var drift = Enumerable.Range(0, Features).Select(_ => Heavy()).ToArray();
            var print = known with { To = $"m@{trial}/h", Drift = Enumerable.Range(0, 30).ToImmutableSortedDictionary(i => i * 4, _ => Heavy() + 0.01) };
            var rates = Enumerable.Range(0, Features).Select(_ => (long)random.Next(1000)).ToArray();
            if (FingerprintMatch.Of(print, new(drift, [.. Enumerable.Range(0, Features)]), rates, p: 0.05, cosineMinimum: -1).P < 0.05) small++;
        }

        // 5 % of 2000, within four standard deviations.
        Assert.InRange(small, 61, 139);
    }

    [Fact]
    public void A_window_that_did_not_move_has_the_cosine_zero()
    {
        var match = FingerprintMatch.Of(known, new(new double[Features], []), new long[Features], 0.001, cosineMinimum: 0);

        Assert.Equal((0, 1), (match.Cosine, match.P));
    }

    [Fact]
    public void Noise_is_no_drift_and_a_feature_that_appears_is()
    {
        var quiet = DriftVector.Of(Stream(seed: 20, 300, _ => 1), approved.Summary, approved.FiringF);
        var loud = DriftVector.Of(Stream(seed: 20, 300, f => f == 30 ? 40 : 1), approved.Summary, approved.FiringF);

        Assert.InRange(quiet.DriftF.Count(drift => drift != 0), 0, Features / 10);
        Assert.InRange(loud.DriftF[30], 3, 7);
    }

    private static double Bad(int feature) => feature % 3 != 0 ? 1 : feature % 2 == 0 ? 8 : 0.1;

    private static double Otherwise(int feature) => feature % 3 != 1 ? 1 : feature % 2 == 0 ? 8 : 0.1;

    private static Fingerprint Read(string text) => Fingerprint.Read(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), "bad.json");

    /// <summary>Sequences of ten rows; features fire in 0.5 to 5 % of the rows, times a factor, and in bursts.</summary>
    private static WindowSummary Stream(int seed, int sequences, Func<int, double> factor)
    {
        var random = new Random(seed);
        return Some.Summary(Features, Enumerable.Range(0, sequences).Select(_ =>
        {
            var rows = Enumerable.Range(0, 10).Select(_ => new SortedSet<int>()).ToArray();
            for (var f = 0; f < Features; f++)
            {
                if (random.NextDouble() >= 0.02 * (1 + f % 10) * factor(f)) continue;
                var burst = 1 + random.Next(4);
                for (int i = 0, at = random.Next(10); i < burst; i++) rows[(at + i) % 10].Add(f);
            }
            return new SomeSequence([.. rows.Select(row => row.ToArray())]);
        }));
    }
}
