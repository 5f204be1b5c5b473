using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

/// <summary>New and silent features: the same test from either side.</summary>
public sealed class AppearanceTests
{
    private static readonly DetectionOptions options = new();

    [Fact]
    public void A_feature_that_only_the_window_has_is_new_and_one_that_only_the_baseline_has_is_silent()
    {
        var with = Some.Summary(5, [.. Some.Sequences(20, 4, (1, 2), (3, 1)), .. Some.Sequences(180, 4, (1, 2))]);
        var without = Some.Summary(5, Some.Sequences(400, 4, (1, 2)));

        var added = new NewFeature(options).Judge(with, Some.Baseline(without));
        var gone = new SilentFeature(options).Judge(without, Some.Baseline(with));

        foreach (var finding in new[] { added, gone })
        {
            Assert.Equal(Verdict.Drift, finding.Verdict);
            Assert.Equal(3, Assert.Single(finding.Features).Feature);
            Assert.Equal(0.1, finding.Effect, 12);
        }
        // 20 of 800 rows.
        Assert.Equal((0, 0.025), (added.Features[0].BaselineRate, added.Features[0].Rate));
        Assert.Equal((0.025, 0), (gone.Features[0].BaselineRate, gone.Features[0].Rate));
        Assert.Equal(-Math.Log10(Statistics.NoneChosenP(600, 400, 20)), added.Score, 9);
        Assert.Equal(Verdict.Steady, new SilentFeature(options).Judge(with, Some.Baseline(without)).Verdict);
        Assert.Equal(Verdict.Steady, new NewFeature(options).Judge(without, Some.Baseline(with)).Verdict);
    }

    [Fact]
    public void A_rare_feature_whose_absence_is_chance_is_steady()
    {
        // Two of two sequences in the window, of a third of all: one in nine.
        var window = Some.Summary(5, [.. Some.Sequences(2, 4, (1, 2), (3, 4)), .. Some.Sequences(58, 4, (1, 2))]);
        var baseline = Some.Summary(5, Some.Sequences(120, 4, (1, 2)));

        var finding = new NewFeature(options).Judge(window, Some.Baseline(baseline));

        Assert.Equal((Verdict.Steady, 0), (finding.Verdict, finding.FeatureCount));
        Assert.True(finding.Score is > 0.9 and < 1);
    }

    [Fact]
    public void Significance_without_a_share_of_the_sequences_is_steady()
    {
        // 1.5 % of the sequences, and a p-value of about 1e-15.
        var window = Some.Summary(5, [.. Some.Sequences(30, 2, (3, 1)), .. Some.Sequences(1970, 2, (1, 1))]);
        var baseline = Some.Summary(5, Some.Sequences(4000, 2, (1, 1)));

        Assert.Equal(Verdict.Steady, new NewFeature(options).Judge(window, Some.Baseline(baseline)).Verdict);
        Assert.Equal(Verdict.Drift, new NewFeature(options with { AppearanceShare = 0.01 }).Judge(window, Some.Baseline(baseline)).Verdict);
    }

    [Fact]
    public void Features_on_both_sides_count_as_tests()
    {
        // p of the one new feature is between rate / 40 and rate.
        (int, int)[] others = [.. Enumerable.Range(1, 39).Select(f => (f, 1))];
        WindowSummary Window(params (int, int)[] fires) => Some.Summary(40, [.. Some.Sequences(5, 2, [(0, 1), .. fires]), .. Some.Sequences(95, 2, fires)]);
        WindowSummary Before(params (int, int)[] fires) => Some.Summary(40, Some.Sequences(200, 2, fires));

        Assert.InRange(Statistics.NoneChosenP(300, 200, 5), options.FalseDiscoveryRate / 40, options.FalseDiscoveryRate);
        Assert.Equal(Verdict.Drift, new NewFeature(options).Judge(Window(), Some.Baseline(Before())).Verdict);
        Assert.Equal(Verdict.Steady, new NewFeature(options).Judge(Window(others), Some.Baseline(Before(others))).Verdict);
    }

    [Fact]
    public void Nothing_fired_on_either_side_is_steady()
    {
        var nothing = Some.Summary(5, Some.Sequences(100, 2));

        Assert.Equal((Verdict.Steady, 0.0), (new NewFeature(options).Judge(nothing, Some.Baseline(nothing)).Verdict, new SilentFeature(options).Judge(nothing, Some.Baseline(nothing)).Score));
    }
}
