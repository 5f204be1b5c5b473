using System.Collections.Immutable;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class MagnitudeShiftTests
{
    private static readonly MagnitudeShift detector = new(new());

    [Fact]
    public void Features_that_fire_twice_as_strongly_are_drift_by_an_octave()
    {
        var finding = detector.Judge(Summary(1, sequences: 400, louder: 10), Some.Baseline(Summary(2, 2000, louder: 0)));

        Assert.Equal((Verdict.Drift, 10), (finding.Verdict, finding.FeatureCount));
        Assert.InRange(finding.Effect, 0.8, 1.2);
        Assert.All(finding.Features, feature => Assert.InRange(feature.Feature, 0, 9));
    }

    [Fact]
    public void The_same_magnitudes_are_steady()
    {
        var finding = detector.Judge(Summary(3, 400, louder: 0), Some.Baseline(Summary(4, 2000, louder: 0)));

        Assert.Equal((Verdict.Steady, 0, 0.0), (finding.Verdict, finding.FeatureCount, finding.Effect));
    }

    [Fact]
    public void Two_features_are_no_verdict_and_are_not_named()
    {
        var finding = detector.Judge(Summary(5, 400, louder: 2), Some.Baseline(Summary(6, 2000, louder: 0)));

        Assert.Equal((Verdict.Steady, 0), (finding.Verdict, finding.FeatureCount));
        Assert.StartsWith("2 of 40 features", finding.Because, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_magnitudes_on_one_side_nothing_is_decided() =>
        Assert.Equal(Verdict.Undecided, detector.Judge(Summary(7, 400, louder: 2), Some.Baseline(Summary(8, 2000, louder: 0) with { Magnitudes = [] })).Verdict);

    /// <summary>40 features, each in most sequences with a magnitude between 1 and 4; the first ones are twice as loud.</summary>
    private static WindowSummary Summary(int seed, int sequences, int louder)
    {
        var random = new Random(seed);
        var builder = new SummaryBuilder(40, 1, [], []);
        var codes = new Analysis.Encoding.SparseCodes();
        for (var s = 0; s < sequences; s++)
        {
            codes.Clear();
            int[] fired = [.. Enumerable.Range(0, 40).Where(_ => random.Next(5) > 0)];
            codes.AddRow(fired, [.. fired.Select(f => (float)((f < louder ? 2 : 1) * Math.Pow(4, random.NextDouble())))]);
            builder.AddSequence([1], codes, 0, 1, 0.1);
        }
        return builder.Build();
    }
}
