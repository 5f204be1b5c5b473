using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Tests.Windows;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class MapFitTests
{
    private static readonly DetectionOptions options = new();

    [Theory]
    [InlineData(0.12, Verdict.Steady)]   // 2 of 90 hundredths lost
    [InlineData(0.30, Verdict.Steady)]   // 20 of 90
    [InlineData(0.40, Verdict.Drift)]    // 30 of 90
    [InlineData(0.95, Verdict.Drift)]
    public void A_map_fits_until_a_quarter_of_what_it_explained_is_lost(double fvu, Verdict expected)
    {
        var finding = new MapFit(options, ofFeatures: false).Judge(Window(fvu), Some.Baseline(Window(0.1)));

        Assert.Equal(expected, finding.Verdict);
        Assert.Equal((fvu - 0.1) / 0.9, finding.Effect, 1e-6);
    }

    [Theory]
    [InlineData(0.15, Verdict.Steady)]
    [InlineData(0.6, Verdict.Drift)]
    public void Behind_a_feature_map_what_it_leaves_out_tells(double unmapped, Verdict expected)
    {
        var finding = new MapFit(options, ofFeatures: true).Judge(Unmapped(unmapped), Some.Baseline(Unmapped(0.1)));

        Assert.Equal(expected, finding.Verdict);
        Assert.Equal((unmapped - 0.1) / 0.9, finding.Effect, 0.01);
    }

    [Fact]
    public void A_window_too_small_to_tell_is_no_verdict_on_the_map() =>
        Assert.Equal(Verdict.Steady, new MapFit(options, ofFeatures: false).Judge(Window(0.5, sequences: 2, noise: 0.4), Some.Baseline(Window(0.1))).Verdict);

    [Theory]
    [InlineData('C', 0.1, null, false)]
    [InlineData('F', 0.1, null, true)]
    [InlineData('C', 0.5, null, true)]
    [InlineData('C', 0.5, Verdict.Steady, false)]   // canary rows are explained as before: it is the traffic
    [InlineData('C', 0.1, Verdict.Drift, true)]
    public void Features_behind_a_bad_map_are_undecided_and_canary_rows_have_the_say(char grade, double fvu, Verdict? canary, bool undecided)
    {
        var plan = Some.Plan(SomeStream.Dictionary()) with { Transform = new AffineTransform([1], [0], grade, new('5', 64), new("affine") { Grade = grade }) };
        var baseline = Some.Baseline(Window(0.1));
        var window = new ClosedWindow(new(Some.Monitor, Analysis.Activations.Probe.Traffic), default, Some.Noon, Some.Noon, System.Collections.Immutable.ImmutableSortedDictionary<string, long>.Empty, Window(fvu));

        var judged = DriftAnalyzer.Judge(window, plan, baseline, null, new(baseline, sameVersion: true, options), canary);

        Assert.Equal(undecided, judged.MapProblem is not null);
        var features = judged.Findings.Where(finding => finding.Detector is "firing-rate-shift" or "new-feature" or "silent-feature" or "magnitude-shift").ToArray();
        Assert.Equal(4, features.Length);
        Assert.All(features, finding => Assert.Equal(undecided, finding.Because.StartsWith("the map ", StringComparison.Ordinal) && finding.Verdict == Verdict.Undecided));
        // Controls go on.
        Assert.All(judged.Findings.Where(finding => finding.Detector is "encoder-fit" or "activation-mean-shift" or "map-fit"), finding => Assert.NotEqual(Verdict.Undecided, finding.Verdict));
    }

    [Fact]
    public void Without_a_map_there_is_nothing_to_check() => Assert.DoesNotContain(Some.Plan(SomeStream.Dictionary()).Detectors, detector => detector is MapFit);

    private static WindowSummary Window(double fvu, int sequences = 100, double noise = 0.01) =>
        Some.Summary(4, Enumerable.Range(0, sequences).Select(i => Some.Sequence(10, (i % 4, 5)) with { Energy = 10, Error = 10 * fvu * (1 + noise * (i % 2 == 0 ? 1 : -1)) }));

    private static WindowSummary Unmapped(double share) => Window(0.1) with
    {
        Scores = Window(0.1).Scores.SetItem(ScoreNames.Unmapped, LogHistogram.Of([.. Enumerable.Range(0, 100).Select(i => share * (i % 2 == 0 ? 0.99 : 1.01))])),
    };
}
