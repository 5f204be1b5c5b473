using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class EncoderFitTests
{
    private static readonly EncoderFit detector = new(new());

    [Fact]
    public void The_same_fit_is_steady()
    {
        var finding = detector.Judge(Summary(100, error: 0.2, active: 3), Some.Baseline(Summary(500, error: 0.2, active: 3)));

        Assert.Equal(Verdict.Steady, finding.Verdict);
        Assert.InRange(finding.Score, 0, 1);
        Assert.InRange(finding.Effect, 1, 1.05);
    }

    [Theory]
    [InlineData(0.26)]
    [InlineData(0.15)]
    public void More_or_less_left_unexplained_is_drift(double error)
    {
        var finding = detector.Judge(Summary(100, error, active: 3), Some.Baseline(Summary(500, error: 0.2, active: 3)));

        Assert.Equal(Verdict.Drift, finding.Verdict);
        Assert.True(finding.Score >= 4);
        Assert.Equal(Math.Max(error / 0.2, 0.2 / error), finding.Effect, 1);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(2)]
    public void More_or_fewer_active_features_are_drift(int active) =>
        Assert.Equal(Verdict.Drift, detector.Judge(Summary(100, 0.2, active), Some.Baseline(Summary(500, 0.2, active: 3))).Verdict);

    [Fact]
    public void Significance_without_size_is_steady()
    {
        var finding = detector.Judge(Summary(5000, error: 0.21, active: 3), Some.Baseline(Summary(5000, error: 0.2, active: 3)));

        Assert.True(finding.Score > 4);
        Assert.Equal(Verdict.Steady, finding.Verdict);
    }

    [Fact]
    public void Size_without_significance_is_steady()
    {
        // One of ten sequences is unlike the others.
        SomeSequence[] odd = [.. Some.Sequences(9, 4), Some.Sequence(4) with { Error = 4 }];
        var finding = detector.Judge(Some.Summary(5, odd), Some.Baseline(Some.Summary(5, Some.Sequences(500, 4))));

        Assert.True(finding.Effect > 1.15);
        Assert.Equal(Verdict.Steady, finding.Verdict);
    }

    [Fact]
    public void One_row_in_a_hundred_more_of_outlier_norm_is_drift()
    {
        var baseline = Some.Baseline(Summary(100, 0.2, 3) with { RowsOutlier = 4 });
        var window = Summary(100, 0.2, 3);

        Assert.Equal(400, window.Rows);
        Assert.Equal(Verdict.Steady, detector.Judge(window with { RowsOutlier = 7 }, baseline).Verdict);
        Assert.Equal(Verdict.Drift, detector.Judge(window with { RowsOutlier = 9 }, baseline).Verdict);
    }

    /// <summary>Sequences of 4 rows with energy about 4, a share of it unexplained, give or take a tenth.</summary>
    private static WindowSummary Summary(int sequences, double error, int active) => Some.Summary(5, Enumerable.Range(0, sequences).Select(s =>
        Some.Sequence(4, [.. Enumerable.Range(0, active).Select(f => (f, 4))]) with { Energy = 4, Error = 4 * error * (s % 2 == 0 ? 0.9 : 1.1) }));
}
