using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class ActivationCovarianceShiftTests
{
    private const int Width = 32;
    private static readonly ActivationCovarianceShift detector = new(new());

    [Theory]
    [InlineData(100)]
    [InlineData(400)]
    [InlineData(3000)]
    public void The_same_spread_is_steady_however_few_the_sequences(int sequences)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var finding = detector.Judge(Summary(new Random(seed), sequences, 1), Some.Baseline(Summary(new Random(100 + seed), 2000, 1)));

            Assert.Equal(Verdict.Steady, finding.Verdict);
            Assert.InRange(finding.Effect, 1, 1.35);
        }
    }

    [Theory]
    [InlineData(2.5)]
    [InlineData(0.4)]
    public void Activations_that_spread_more_or_less_along_an_axis_are_drift(double factor) =>
        Assert.Equal(Verdict.Drift, detector.Judge(Summary(new Random(1), 800, factor), Some.Baseline(Summary(new Random(2), 2000, 1))).Verdict);

    [Fact]
    public void Too_few_sequences_and_old_baselines_are_undecided()
    {
        Assert.Equal(Verdict.Undecided, detector.Judge(Summary(new Random(3), 79, 1), Some.Baseline(Summary(new Random(4), 2000, 1))).Verdict);
        Assert.Equal(Verdict.Undecided, detector.Judge(Summary(new Random(3), 800, 1), Some.Baseline(Summary(new Random(4), 2000, 1) with { ProfileSum = [], ProfileProducts = [] })).Verdict);
    }

    [Fact]
    public void Activations_that_never_vary_break_nothing()
    {
        var finding = detector.Judge(Summary(new Random(5), 200, 0), Some.Baseline(Summary(new Random(6), 200, 0)));

        Assert.True(double.IsFinite(finding.Score));
    }

    /// <param name="factor">On all the axes' standard deviation of the sequences' means; 0: every row is the same.</param>
    private static WindowSummary Summary(Random random, int sequences, double factor)
    {
        var builder = new SummaryBuilder(1, Width, [], []);
        var codes = new SparseCodes();
        for (var row = 0; row < 4; row++) codes.AddRow([], []);
        for (var s = 0; s < sequences; s++)
        {
            var level = SomeAutoencoder.Gaussians(random, Width, 1);
            var rowsND = new float[4 * Width];
            for (var i = 0; i < rowsND.Length; i++) rowsND[i] = 5 + (float)factor * level[i % Width];
            builder.AddSequence(rowsND, codes, 0, Energy.Of(rowsND), 1);
        }
        return builder.Build();
    }
}
