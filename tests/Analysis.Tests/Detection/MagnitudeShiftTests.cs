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
        Assert.Equal(Verdict.Undecided, detector.Judge(Summary(7, 400, louder: 2), Some.Baseline(Summary(8, 2000, louder: 0) with { Magnitudes = MagnitudeBins.None })).Verdict);

    /// <summary>Most p-values are not worked out; those that decide must be.</summary>
    [Fact]
    public void Features_are_those_that_all_tests_in_full_reject()
    {
        var named = 0;
        Property.Holds(Property.AnySeed, 40, seed =>
        {
            var random = new Random(seed);
            var (window, baseline) = (Summary(random.Next(), 40 + random.Next(200), random.Next(12), stronger: 1 + 0.5 * random.NextDouble()), Summary(random.Next(), 60 + random.Next(2000), louder: 0));
            var tests = Enumerable.Range(0, 40).Select(f => (Feature: f, Now: Bins(window, f), Then: Bins(baseline, f))).Where(test => Math.Min(test.Now.Length, test.Then.Length) >= 30).Select(test => (
                test.Feature,
                P: TwoSample.KolmogorovSmirnovP(TwoSample.KolmogorovSmirnov(test.Now, test.Then), test.Now.Length, test.Then.Length),
                Octaves: TwoSample.Wasserstein(test.Now, [.. test.Now.Select(_ => 1.0)], test.Then, [.. test.Then.Select(_ => 1.0)]) / 4)).ToArray();
            var limit = Statistics.BenjaminiHochberg([.. tests.Select(test => test.P)], new DetectionOptions().FalseDiscoveryRate);
            var expected = tests.Where(test => test.P <= limit).Select(test => test.Octaves).OrderDescending().ToArray();

            var (tested, octaves) = detector.Measure(window, Some.Baseline(baseline));

            Assert.Equal((tests.Length, expected.Length), (tested, octaves.Length));
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], octaves[i], 1e-9);
            var smallest = tests.Min(test => test.P);
            var finding = detector.Judge(window, Some.Baseline(baseline));
            if (smallest <= new DetectionOptions().FalseDiscoveryRate || finding.Score != 0) Assert.Equal(Math.Log10(1 / Math.Max(smallest, Statistics.SmallestP)), finding.Score, 1e-9);
            int[] changed = [.. tests.Where(test => test.P <= limit && test.Octaves >= new DetectionOptions().MagnitudeOctaves).Select(test => test.Feature)];
            if (changed.Length < FiringRateShift.Needed(new DetectionOptions().FeaturesShare, tests.Length)) changed = [];
            Assert.Equal(changed.Length, finding.FeatureCount);
            if (changed.Length > Finding.FeaturesMaximum) return;
            Assert.Equal(changed, finding.Features.Select(evidence => evidence.Feature).Order());
            named += finding.FeatureCount;
        });
        Assert.True(named > 40, "hardly a feature was named: nothing is shown");

        static double[] Bins(WindowSummary summary, int feature)
        {
            var bins = new List<double>();
            for (var place = 0; place < summary.Fired.Length; place++)
                if (summary.Fired[place].Feature == feature)
                    foreach (var bin in summary.Magnitudes.Of(place)) bins.AddRange(Enumerable.Repeat((double)bin.Key, (int)bin.Sequences));
            return [.. bins];
        }
    }

    /// <summary>40 features, each in most sequences with a magnitude between 1 and 4; the first ones are <paramref name="stronger"/> times as loud.</summary>
    private static WindowSummary Summary(int seed, int sequences, int louder, double stronger = 2)
    {
        var random = new Random(seed);
        var builder = new SummaryBuilder(40, 1, [], []);
        var codes = new Analysis.Encoding.SparseCodes();
        for (var s = 0; s < sequences; s++)
        {
            codes.Clear();
            int[] fired = [.. Enumerable.Range(0, 40).Where(_ => random.Next(5) > 0)];
            codes.AddRow(fired, [.. fired.Select(f => (float)((f < louder ? stronger : 1) * Math.Pow(4, random.NextDouble())))]);
            builder.AddSequence([1], codes, 0, 1, 0.1);
        }
        return builder.Build();
    }
}
