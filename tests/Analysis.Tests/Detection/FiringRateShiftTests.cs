using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class FiringRateShiftTests
{
    private static readonly FiringRateShift detector = new(new());

    [Fact]
    public void Rates_that_doubled_in_many_features_are_drift_and_the_features_are_named()
    {
        var finding = detector.Judge(Summary(sequences: 300, share: 0.4, 0.2, 0.2, 0.4, 0.4), Some.Baseline(Summary(sequences: 1000, share: 0.4, 0.2, 0.2, 0.2, 0.2, 0.2)));

        // Given are the rates of the features 1 to 5; the fifth fell silent.
        Assert.Equal(Verdict.Drift, finding.Verdict);
        Assert.Equal([3, 4, 5], finding.Features.Select(feature => feature.Feature).Order());
        var third = finding.Features.Single(feature => feature.Feature == 3);
        Assert.Equal(0.2 / 4, third.BaselineRate, 6);
        Assert.Equal(0.4 / 4, third.Rate, 6);
        Assert.True(third.Z > 6 && third.P < 1e-6);
        Assert.InRange(2.0, third.RatioLow!.Value, third.RatioHigh!.Value);
        Assert.True(finding.Score > 6);
    }

    [Fact]
    public void The_same_rates_are_steady()
    {
        var finding = detector.Judge(Summary(300, 0.4, 0.2, 0.2, 0.2), Some.Baseline(Summary(1000, 0.4, 0.2, 0.2, 0.2)));

        Assert.Equal((Verdict.Steady, 0, 1.0), (finding.Verdict, finding.FeatureCount, finding.Effect));
        Assert.InRange(finding.Score, 0, 0.5);
    }

    [Fact]
    public void Significance_without_size_is_steady()
    {
        // A fifth more, on so many sequences that no chance explains it.
        var finding = detector.Judge(Summary(20_000, 0.24, 0.24, 0.24, 0.24), Some.Baseline(Summary(50_000, 0.2, 0.2, 0.2, 0.2)));

        Assert.True(finding.Score > 20);
        Assert.Equal((Verdict.Steady, 0), (finding.Verdict, finding.FeatureCount));
    }

    [Fact]
    public void Size_without_significance_is_steady()
    {
        var finding = detector.Judge(Summary(120, 0.36, 0.36, 0.36, 0.36), Some.Baseline(Summary(140, 0.22, 0.22, 0.22, 0.22)));

        Assert.Equal((Verdict.Steady, 0), (finding.Verdict, finding.FeatureCount));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Three_features_must_have_drifted_at_least(int drifted, bool drift)
    {
        double[] now = [.. Enumerable.Repeat(0.5, drifted), .. Enumerable.Repeat(0.2, 20 - drifted)];
        var finding = detector.Judge(Summary(500, now), Some.Baseline(Summary(1000, [.. Enumerable.Repeat(0.2, 20)])));

        Assert.Equal((drift ? Verdict.Drift : Verdict.Steady, drift ? drifted : 0), (finding.Verdict, finding.FeatureCount));
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(5, true)]
    public void A_share_of_the_tested_features_must_have_drifted(int drifted, bool drift)
    {
        double[] now = [.. Enumerable.Repeat(0.5, drifted), .. Enumerable.Repeat(0.2, 100 - drifted)];
        var finding = detector.Judge(Summary(500, now), Some.Baseline(Summary(1000, [.. Enumerable.Repeat(0.2, 100)])));

        Assert.Equal((drift ? Verdict.Drift : Verdict.Steady, drift ? drifted : 0), (finding.Verdict, finding.FeatureCount));
    }

    [Fact]
    public void Firings_that_come_in_few_sequences_count_less_than_firings_of_many()
    {
        // The same number of firings: 64 in 64 sequences or 64 in 16. Rows that were independent would see no difference.
        var baseline = Some.Baseline(Some.Summary(9, [.. Some.Sequences(400, 4, All(1)), .. Some.Sequences(3600, 4)]));
        var many = detector.Judge(Some.Summary(9, [.. Some.Sequences(64, 4, All(1)), .. Some.Sequences(266, 4)]), baseline);
        var few = detector.Judge(Some.Summary(9, [.. Some.Sequences(16, 4, All(4)), .. Some.Sequences(314, 4)]), baseline);

        Assert.Equal(64.0 / 1320, many.Features[0].Rate);
        Assert.Equal(Verdict.Drift, many.Verdict);
        Assert.Equal(Verdict.Steady, few.Verdict);

        static (int, int)[] All(int count) => [.. Enumerable.Range(0, 9).Select(f => (f, count))];
    }

    [Fact]
    public void Features_that_fired_in_too_few_sequences_are_not_tested_and_without_any_nothing_is_decided()
    {
        // Thirty are expected on each side when sixty are dealt over two equal ones.
        var silent = Some.Summary(3, Some.Sequences(100, 2));
        var few = Some.Baseline(Some.Summary(3, [.. Some.Sequences(59, 2, (1, 2)), .. Some.Sequences(41, 2)]));
        Assert.Equal(Verdict.Undecided, detector.Judge(silent, few).Verdict);

        // 140 of them, but fewer than thirty expected in the smaller window.
        var large = Some.Baseline(Some.Summary(3, [.. Some.Sequences(140, 2, (1, 2)), .. Some.Sequences(360, 2)]));
        Assert.Equal(Verdict.Undecided, detector.Judge(silent, large).Verdict);

        var enough = Some.Baseline(Some.Summary(3, [.. Some.Sequences(60, 2, (1, 2)), .. Some.Sequences(40, 2)]));
        Assert.Equal(Verdict.Steady, detector.Judge(silent, enough).Verdict);
    }

    /// <summary>Feature i fires once in the given share of the sequences, each in a block of its own place.</summary>
    private static WindowSummary Summary(int sequences, double share, params double[] shares)
    {
        double[] all = [share, .. shares];
        return Some.Summary(all.Length + 1, Enumerable.Range(0, sequences).Select(s =>
            Some.Sequence(4, [.. Enumerable.Range(0, all.Length).Where(f => (s * 7919L + f * 101) % sequences < all[f] * sequences).Select(f => (f, 1))])));
    }

    private static WindowSummary Summary(int sequences, double[] shares) => Summary(sequences, shares[0], shares[1..]);
}
