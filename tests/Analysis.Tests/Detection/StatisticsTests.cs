using System.Text.Json;
using System.Text.Json.Nodes;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

/// <summary>Against numbers that SciPy and NumPy computed from the sequences themselves: Golden/statistics.py.</summary>
public sealed class StatisticsTests
{
    private static readonly JsonNode numbers = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "statistics.json")))!;

    [Fact]
    public void The_normal_p_value_is_SciPys()
    {
        foreach (var expected in Cases("normalP")) Close(Number(expected, "p"), Statistics.NormalP(Number(expected, "z")), 1e-10);
    }

    [Fact]
    public void The_hypergeometric_p_value_is_SciPys()
    {
        foreach (var expected in Cases("noneChosenP"))
            Close(Number(expected, "p"), Statistics.NoneChosenP((long)Number(expected, "total"), (long)Number(expected, "chosen"), (long)Number(expected, "marked")), 1e-6);
    }

    [Fact]
    public void Fishers_exact_p_value_is_SciPys()
    {
        foreach (var expected in Cases("fisherP"))
            Close(Number(expected, "p"), Statistics.FisherP((long)Number(expected, "hits"), (long)Number(expected, "trials"), (long)Number(expected, "otherHits"), (long)Number(expected, "otherTrials")), 1e-6);
    }

    [Fact]
    public void The_interval_of_a_share_is_SciPys()
    {
        foreach (var expected in Cases("clopperPearson"))
        {
            var (low, high) = Statistics.ClopperPearson((long)Number(expected, "hits"), (long)Number(expected, "trials"), Number(expected, "confidence"));

            Close(Number(expected, "low"), low, 1e-6);
            Close(Number(expected, "high"), high, 1e-6);
        }
    }

    [Fact]
    public void Students_p_value_is_SciPys()
    {
        foreach (var expected in Cases("studentP")) Close(Number(expected, "p"), Statistics.StudentP(Number(expected, "t"), Number(expected, "freedom")), 1e-8);
    }

    [Fact]
    public void The_interval_of_a_factor_is_NumPys()
    {
        foreach (var expected in Cases("ratioInterval"))
        {
            var (low, high) = Statistics.RatioInterval(Side(expected["window"]!), Side(expected["baseline"]!))!.Value;

            Close(Number(expected, "low"), low, 1e-8);
            Close(Number(expected, "high"), high, 1e-8);
        }
    }

    [Fact]
    public void Without_a_firing_on_one_side_there_is_no_interval() =>
        Assert.Null(Statistics.RatioInterval(new(10, 0, 100, 0, 0, 1000), new(10, 5, 100, 5, 50, 1000)));

    [Fact]
    public void An_e_value_is_the_quotient_of_SciPys_beta_binomial_probabilities()
    {
        foreach (var expected in Cases("eValues"))
            Assert.Equal(Number(expected, "logE"), PolyaUrn.LogEValue(Number(expected, "a"), Number(expected, "b"), (long)Number(expected, "n"), (long)Number(expected, "x"), Number(expected, "more")), 1e-6);
    }

    [Fact]
    public void Benjamini_Hochberg_rejects_what_the_adjusted_p_values_reject()
    {
        foreach (var expected in Cases("benjaminiHochberg"))
        {
            var p = Numbers(expected["p"]!);

            var limit = Statistics.BenjaminiHochberg(p, Number(expected, "rate"));

            Assert.Equal(Number(expected, "limit"), limit);
            Assert.Equal(Number(expected, "rejected"), p.Count(value => value <= limit));
        }
    }

    [Fact]
    public void No_test_rejects_nothing() => Assert.Equal(0, Statistics.BenjaminiHochberg([], 0.1));

    [Fact]
    public void The_clustered_z_and_its_variances_are_NumPys()
    {
        foreach (var expected in Cases("clusteredZ"))
        {
            var (window, baseline) = (Side(expected["window"]!), Side(expected["baseline"]!));
            var pooled = (window.Y + baseline.Y) / (window.N + baseline.N);

            Close(Number(expected, "windowVariance"), window.VarianceAt(pooled), 1e-9);
            Close(Number(expected, "baselineVariance"), baseline.VarianceAt(pooled), 1e-9);
            Close(Number(expected, "z"), Statistics.ClusteredZ(window, baseline), 1e-9);
        }
    }

    [Fact]
    public void The_clustered_z_is_NumPys_through_summaries_too()
    {
        foreach (var expected in Cases("clusteredZ"))
        {
            if (expected["whole"]!.GetValue<bool>())
            {
                var (window, baseline) = (Summary(expected["window"]!), Summary(expected["baseline"]!));
                Close(Number(expected, "z"), Statistics.ClusteredZ(ClusteredRatio.Of(window.FiringOf(0), window), ClusteredRatio.Of(baseline.FiringOf(0), baseline)), 1e-9);
            }
            else
            {
                // Ratios of other sums are kept in units of 2⁻³².
                var (window, baseline) = (Sums(expected["window"]!), Sums(expected["baseline"]!));
                Close(Number(expected, "z"), Statistics.ClusteredZ(window, baseline), 1e-6);
            }
        }

        static WindowSummary Summary(JsonNode side) =>
            Some.Summary(1, Numbers(side["y"]!).Zip(Numbers(side["n"]!)).Select(sequence => Some.Sequence((int)sequence.Second, (0, (int)sequence.First))));

        static ClusteredRatio Sums(JsonNode side)
        {
            var (y, n) = (Numbers(side["y"]!), Numbers(side["n"]!));
            return ClusteredRatio.Of(y.Zip(n).Aggregate(new RatioSums(), (sums, sequence) => sums + RatioSums.Of(sequence.First, sequence.Second)), y.Length);
        }
    }

    [Fact]
    public void Nothing_counted_is_no_difference()
    {
        var some = new ClusteredRatio(3, 2, 10, 2, 7, 40);
        Assert.Equal(0, Statistics.ClusteredZ(default, some));
        Assert.Equal(0, Statistics.ClusteredZ(some, default));
        Assert.Equal(0, Statistics.ClusteredZ(some with { Y = 0, YY = 0, YN = 0 }, some with { Y = 0, YY = 0, YN = 0 }));
    }

    [Fact]
    public void The_fraction_of_variance_unexplained_is_NumPys()
    {
        foreach (var expected in Cases("fvu"))
        {
            var width = (int)Number(expected, "width");
            var rows = Numbers(expected["rows"]!).Select(x => (float)x).ToArray();
            var estimates = Numbers(expected["estimates"]!).Select(x => (float)x).ToArray();
            var builder = new SummaryBuilder(1, width, [], []);
            var at = 0;
            foreach (var length in Numbers(expected["lengths"]!).Select(x => (int)x))
            {
                var codes = new SparseCodes();
                for (var row = 0; row < length; row++) codes.AddRow([], []);
                var values = at..(at += length * width);
                builder.AddSequence(rows[values], codes, 0, Energy.Of(rows[values]), Energy.OfDifference(rows[values], estimates[values]));
            }

            Close(Number(expected, "fvu"), builder.Build().Fvu, 1e-7);
        }
    }

    [Fact]
    public void Firing_is_NumPys()
    {
        foreach (var expected in Cases("firing"))
        {
            var sequences = expected["sequences"].Deserialize<int[][][]>()!;
            var summary = Some.Summary((int)Number(expected, "features"), sequences.Select(rows => new SomeSequence(rows)));
            var firingF = summary.FiringF();

            Assert.Equal(Numbers(expected["rows"]!), firingF.Select(firing => (double)firing.Rows));
            Assert.Equal(Numbers(expected["rowsSquared"]!), firingF.Select(firing => (double)firing.RowsSquared));
            Assert.Equal(Numbers(expected["rowsByLength"]!), firingF.Select(firing => (double)firing.RowsByLength));
            Assert.Equal(Numbers(expected["firingSequences"]!), firingF.Select(firing => (double)firing.Sequences));
            Close(Number(expected, "l0"), summary.L0.Ratio, 1e-12);
        }
    }

    private static ClusteredRatio Side(JsonNode side)
    {
        var (y, n) = (Numbers(side["y"]!), Numbers(side["n"]!));
        return new(y.Length, y.Sum(), n.Sum(), y.Sum(x => x * x), y.Zip(n).Sum(x => x.First * x.Second), n.Sum(x => x * x));
    }

    private static IEnumerable<JsonNode> Cases(string name)
    {
        var cases = numbers[name]!.AsArray();
        Assert.NotEmpty(cases);
        return cases.Select(expected => expected!);
    }

    private static double Number(JsonNode expected, string name) => expected[name]!.GetValue<double>();

    private static double[] Numbers(JsonNode list) => list.Deserialize<double[]>()!;

    private static void Close(double expected, double actual, double relative) =>
        Assert.True(Math.Abs(actual - expected) <= relative * Math.Abs(expected), $"{actual:R} is not {expected:R} to {relative}");
}
