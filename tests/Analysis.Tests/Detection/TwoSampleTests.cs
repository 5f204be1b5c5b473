using System.Text.Json;
using System.Text.Json.Nodes;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Analysis.Tests.Detection;

/// <summary>Against numbers of SciPy and NumPy: Golden/two_sample.py.</summary>
public sealed class TwoSampleTests
{
    private static readonly JsonNode numbers = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "two_sample.json")))!;

    [Fact]
    public void The_Kolmogorov_Smirnov_test_is_SciPys()
    {
        foreach (var expected in Cases("kolmogorovSmirnov"))
        {
            var (a, b) = (Sorted(expected, "a"), Sorted(expected, "b"));

            var d = TwoSample.KolmogorovSmirnov(a, b);

            Close(Number(expected, "d"), d);
            Close(Number(expected, "asymptotic"), TwoSample.KolmogorovSmirnovP(d, a.Length, b.Length));
            Close(Number(expected, "exact"), TwoSample.KolmogorovSmirnovExactP(d, a.Length, b.Length));
        }
    }

    [Fact]
    public void The_p_value_of_a_Kolmogorov_Smirnov_statistic_is_SciPys_far_into_the_tail()
    {
        foreach (var expected in Cases("kolmogorovSmirnovP"))
            Close(Number(expected, "p"), TwoSample.KolmogorovSmirnovP(Number(expected, "d"), (long)Number(expected, "n"), (long)Number(expected, "m")));
    }

    [Fact]
    public void The_least_p_value_of_a_Kolmogorov_Smirnov_statistic_is_below_the_p_value_and_near_it()
    {
        foreach (var (n, m) in from n in new long[] { 30, 33, 47, 100, 313, 5000 } from m in new long[] { 30, 64, 1000, 200_000 } select (n, m))
            for (var d = 0.01; d < 1; d += 0.01)
            {
                var (p, least) = (TwoSample.KolmogorovSmirnovP(d, n, m), TwoSample.KolmogorovSmirnovLeastP(d, n, m));
                Assert.True(least <= p, $"{least} is above {p}: D {d}, samples of {n} and {m}");
                if (p is > 1e-7 and < 0.1) Assert.True(least > p / 20, $"{least} is far below {p}: D {d}, samples of {n} and {m}");
            }
    }

    [Fact]
    public void The_Wasserstein_distance_is_SciPys()
    {
        foreach (var expected in Cases("wasserstein"))
        {
            var (a, b) = (Numbers(expected, "a"), Numbers(expected, "b"));
            Close(Number(expected, "plain"), TwoSample.Wasserstein(a, [.. a.Select(_ => 1.0)], b, [.. b.Select(_ => 1.0)]));
            Close(Number(expected, "weighted"), TwoSample.Wasserstein(a, Numbers(expected, "weightsA"), b, Numbers(expected, "weightsB")));
        }
    }

    [Fact]
    public void The_unbiased_mean_discrepancy_is_NumPys()
    {
        foreach (var expected in Cases("meanDiscrepancy"))
            Close(Number(expected, "value"), TwoSample.MeanDiscrepancy(Numbers(expected, "x"), Numbers(expected, "y"), (int)Number(expected, "width"), Number(expected, "gamma")));
    }

    [Fact]
    public void The_stability_index_over_quantile_bins_is_NumPys()
    {
        foreach (var expected in Cases("stabilityIndex"))
        {
            var edges = TwoSample.QuantileEdges(Sorted(expected, "a"), (int)Number(expected, "bins"));

            Assert.Equal(Numbers(expected, "edges").Length, edges.Length);
            foreach (var (edge, actual) in Numbers(expected, "edges").Zip(edges)) Assert.Equal(edge, actual, 1e-12);
            Close(Number(expected, "index"), TwoSample.StabilityIndex(Numbers(expected, "before"), Numbers(expected, "now")));
        }
    }

    [Fact]
    public void The_two_proportion_test_is_SciPys()
    {
        foreach (var expected in Cases("proportion"))
            Close(Number(expected, "p"), TwoSample.ProportionP(Number(expected, "y1"), Number(expected, "n1"), Number(expected, "y0"), Number(expected, "n0")));
    }

    [Fact]
    public void Log_chances_of_counts_are_SciPys()
    {
        foreach (var expected in Cases("logChances"))
        {
            var (k, a) = ((long)Number(expected, "k"), Number(expected, "a"));
            Close(Number(expected, "logP"), expected["model"]!.GetValue<string>() switch
            {
                "poisson" => CountModels.LogPoisson(k, a),
                "binomial" => CountModels.LogBinomial(k, (long)Number(expected, "n"), a),
                _ => CountModels.LogBetaBinomial(k, (long)Number(expected, "n"), a, Number(expected, "b")),
            });
        }
    }

    [Fact]
    public void Counts_that_cannot_be_have_no_chance()
    {
        Assert.Equal(double.NegativeInfinity, CountModels.LogPoisson(-1, 2));
        Assert.Equal(double.NegativeInfinity, CountModels.LogPoisson(1, 0));
        Assert.Equal(0, CountModels.LogPoisson(0, 0));
        Assert.Equal(double.NegativeInfinity, CountModels.LogBinomial(4, 3, 0.5));
        Assert.Equal(0, CountModels.LogBinomial(3, 3, 1));
        Assert.Equal(double.NegativeInfinity, CountModels.LogBetaBinomial(4, 3, 1, 1));
    }

    [Fact]
    public void Equal_samples_do_not_differ()
    {
        double[] sample = [1, 2, 2, 5];
        Assert.Equal(0, TwoSample.KolmogorovSmirnov(sample, sample));
        Assert.Equal(1, TwoSample.KolmogorovSmirnovP(0, 4, 4));
        Assert.Equal(1, TwoSample.KolmogorovSmirnovExactP(0, 4, 4));
        Assert.Equal(0, TwoSample.Wasserstein(sample, [1, 1, 1, 1], sample, [1, 1, 1, 1]));
        Assert.Equal(0, TwoSample.ProportionZ(0, 10, 0, 20));
    }

    private static IEnumerable<JsonNode> Cases(string name)
    {
        var cases = numbers[name]!.AsArray();
        Assert.NotEmpty(cases);
        return cases.Select(expected => expected!);
    }

    private static double Number(JsonNode expected, string name) => expected[name]!.GetValue<double>();

    private static double[] Numbers(JsonNode expected, string name) => expected[name]!.Deserialize<double[]>()!;

    private static double[] Sorted(JsonNode expected, string name) => [.. Numbers(expected, name).Order()];

    private static void Close(double expected, double actual) =>
        Assert.True(Math.Abs(actual - expected) <= 1e-6 * Math.Abs(expected) + 1e-15 * (expected == 0 ? 1 : 0), $"{actual:R} is not {expected:R} to 1e-6");
}
