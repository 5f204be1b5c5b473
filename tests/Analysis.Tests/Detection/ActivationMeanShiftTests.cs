using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class ActivationMeanShiftTests
{
    private static readonly ActivationMeanShift detector = new(new());

    [Fact]
    public void The_same_mean_is_steady()
    {
        var finding = detector.Judge(Summary(1, 200, mean: 0), Some.Baseline(Summary(2, 1000, mean: 0)));

        Assert.Equal((Verdict.Steady, 0.0), (finding.Verdict, finding.Effect));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(-0.5)]
    public void A_mean_that_moved_by_half_a_deviation_is_drift(double mean)
    {
        var finding = detector.Judge(Summary(1, 200, mean), Some.Baseline(Summary(2, 1000, mean: 0)));

        Assert.Equal(Verdict.Drift, finding.Verdict);
        Assert.Equal(0.5, finding.Effect, 0.1);
        Assert.True(finding.Score > 4);
        Assert.Contains("axis 0", finding.Because, StringComparison.Ordinal);
    }

    [Fact]
    public void Significance_without_size_is_steady()
    {
        var finding = detector.Judge(Summary(1, 20_000, mean: 0.1), Some.Baseline(Summary(2, 20_000, mean: 0)));

        Assert.True(finding.Score > 4);
        Assert.InRange(finding.Effect, 0.05, 0.15);
        Assert.Equal(Verdict.Steady, finding.Verdict);
    }

    [Fact]
    public void Rows_that_move_together_are_no_evidence_of_their_own()
    {
        // Ten sequences of a thousand equal rows: as much as ten rows say.
        var random = new Random(3);
        WindowSummary Long(double mean) => Some.Summary(1, Enumerable.Range(0, 10).Select(_ =>
        {
            var level = (float)(mean + Gaussian(random));
            return Some.Sequence(1000) with { ActivationsN1 = [.. Enumerable.Repeat(level, 1000)] };
        }));

        Assert.Equal(Verdict.Steady, detector.Judge(Long(0.3), Some.Baseline(Long(0))).Verdict);
    }

    private static WindowSummary Summary(int seed, int sequences, double mean)
    {
        var random = new Random(seed);
        return Some.Summary(1, Enumerable.Range(0, sequences).Select(_ => Some.Sequence(3) with { ActivationsN1 = [.. Enumerable.Range(0, 3).Select(_ => (float)(mean + Gaussian(random)))] }));
    }

    private static double Gaussian(Random random) => Encoding.SomeAutoencoder.Gaussians(random, 1, 1)[0];
}
