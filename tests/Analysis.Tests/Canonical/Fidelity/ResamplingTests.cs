using DriftWatch.Analysis.Canonical.Fidelity;

namespace DriftWatch.Analysis.Tests.Canonical.Fidelity;

public sealed class ResamplingTests
{
    [Fact]
    public void A_sequence_counts_once_in_the_figure_and_a_Poisson_number_of_times_in_a_resample()
    {
        var weights = Enumerable.Range(0, 500).SelectMany(ordinal => Of(ordinal)[1..]).ToArray();

        Assert.All(Enumerable.Range(0, 500), ordinal => Assert.Equal(1, Of(ordinal)[0]));
        Assert.Equal(1, weights.Average(), 0.02);
        Assert.Equal(1, weights.Average(weight => (weight - 1) * (weight - 1)), 0.03);
        Assert.Equal(Math.Exp(-1), weights.Count(weight => weight == 0) / (double)weights.Length, 0.01);
    }

    [Fact]
    public void The_interval_of_a_mean_is_that_of_the_normal_approximation()
    {
        var random = new FastRandom(1, 1);
        var (sum, count) = (new double[Resampling.Lanes], new double[Resampling.Lanes]);
        for (var ordinal = 0; ordinal < 400; ordinal++)
        {
            var weights = Of(ordinal);
            Resampling.Add(sum, weights, 5 + 2 * random.NextGaussian());
            Resampling.Add(count, weights, 1);
        }

        var mean = Resampling.Interval([.. sum.Zip(count, (s, n) => s / n)]);

        Assert.Equal(sum[0] / 400, mean.Value);
        Assert.Equal(2 * 1.96 * 2 / Math.Sqrt(400), mean.High - mean.Low, 0.08);
    }

    private static double[] Of(long ordinal)
    {
        var weights = new double[Resampling.Lanes];
        Resampling.Weights(ordinal, weights);
        return weights;
    }
}
