using System.Text.Json.Nodes;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class FeatureComparisonTests
{
    private const double Rate = 0.01;

    /// <summary>Per feature in how many of 200 sequences of 4 rows it fires, how often in each, and how strongly, on either side.</summary>
    private static readonly (int A, int B, int TimesB, float LoudB)[] made =
    [
        (100, 100, 1, 1),   // 0: the same
        (60, 140, 2, 1),    // 1: more
        (140, 40, 1, 1),    // 2: less
        (0, 60, 1, 1),      // 3: new
        (80, 0, 1, 1),      // 4: silent
        (100, 100, 1, 2),   // 5: an octave stronger
        (1, 0, 1, 1),       // 6: gone, as chance would have it
        (0, 0, 1, 1),       // 7: never
        (2, 40, 1, 1),      // 8: more, from nearly nothing: too rare for the test of rates
    ];

    private static readonly WindowSummary a = Summary(feature => (made[feature].A, 1, 1)), b = Summary(feature => (made[feature].B, made[feature].TimesB, made[feature].LoudB));

    [Fact]
    public void Each_feature_that_differs_is_in_the_class_of_how_it_differs()
    {
        var result = FeatureComparison.Of(new(a, null), new(b, null), Rate);

        Assert.Equal(
            [(8, FeatureChange.FiresMore), (1, FeatureChange.FiresMore), (2, FeatureChange.FiresLess), (3, FeatureChange.New), (4, FeatureChange.Silent), (5, FeatureChange.Magnitude)],
            result.Features.Select(feature => (feature.Feature, feature.Change)));
        Assert.Equal((8, 0), (result.Tested, result.NotMapped));
        var more = Of(result, 1);
        Assert.Equal((60 / 800.0, 280 / 800.0, 0.3, 0.7), (more.RateA, more.RateB, more.ShareA, more.ShareB));
        Assert.Equal(280 / 60.0, more.Factor!.Value.Value, 1e-12);
        Assert.InRange(280 / 60.0, more.Factor.Value.Low, more.Factor.Value.High);
        Assert.Equal(Math.Log2(more.Factor.Value.Low), more.Certain, 1e-12);
        Assert.Null(more.Share);
        var appeared = Of(result, 3);
        Assert.Null(appeared.Factor);
        Assert.Equal((0.3, Statistics.ClopperPearson(60, 200, 0.95)), (appeared.Share!.Value.Value, (appeared.Share.Value.Low, appeared.Share.Value.High)));
        Assert.Equal(0.4, Of(result, 4).Share!.Value.Value);
        Assert.Equal(1, Of(result, 5).Octaves!.Value.Value, 1e-9);
        Assert.InRange(Of(result, 5).Octaves!.Value.High - Of(result, 5).Octaves!.Value.Low, 0.001, 0.1);
    }

    [Fact]
    public void The_other_way_round_more_is_less_and_new_is_silent()
    {
        var result = FeatureComparison.Of(new(b, null), new(a, null), Rate);

        Assert.Equal(FeatureChange.FiresLess, Of(result, 1).Change);
        Assert.Equal(FeatureChange.FiresMore, Of(result, 2).Change);
        Assert.Equal((FeatureChange.Silent, FeatureChange.New), (Of(result, 3).Change, Of(result, 4).Change));
        Assert.Equal(-1, Of(result, 5).Octaves!.Value.Value, 1e-9);
        Assert.Equal(Of(FeatureComparison.Of(new(a, null), new(b, null), Rate), 2).P, Of(result, 2).P, 1e-12);
    }

    [Fact]
    public void What_a_map_does_not_reach_is_not_mapped_whatever_it_does()
    {
        bool[] reachedF = [.. made.Select((_, f) => f is not (1 or 3 or 4 or 7))];

        var result = FeatureComparison.Of(new(a, reachedF), new(b, null), Rate);
        var other = FeatureComparison.Of(new(a, null), new(b, reachedF), Rate);

        // 7 fires nowhere: it counts and is not listed. The others, those first that fire most.
        Assert.Equal([1, 4, 3], result.Features.Where(feature => feature.Change == FeatureChange.NotMapped).Select(feature => feature.Feature));
        Assert.Equal((5, 4), (result.Tested, result.NotMapped));
        Assert.Equal([8, 2, 5], result.Features.Where(feature => feature.Change != FeatureChange.NotMapped).Select(feature => feature.Feature));
        Assert.All(result.Features.Where(feature => feature.Change == FeatureChange.NotMapped), feature => Assert.Equal((1, 1, false), (feature.P, feature.OctavesP, feature.IsLarge(new()))));
        Assert.Equal(result.Features, other.Features);
    }

    [Fact]
    public void Large_is_what_is_as_large_as_the_catalog_asks_at_the_near_end_of_its_interval()
    {
        var result = FeatureComparison.Of(new(a, null), new(b, null), Rate);
        DetectionOptions options = new();

        Assert.All(result.Features, feature => Assert.True(feature.IsLarge(options)));
        var more = Of(result, 1).Factor!.Value;
        Assert.True(Of(result, 1).IsLarge(options with { RateRatio = more.Low - 0.001 }));
        Assert.False(Of(result, 1).IsLarge(options with { RateRatio = more.Low + 0.001 }));
        Assert.False(Of(result, 2).IsLarge(options with { RateRatio = 1 / Of(result, 2).Factor!.Value.High + 0.001 }));
        Assert.False(Of(result, 3).IsLarge(options with { AppearanceShare = Of(result, 3).Share!.Value.Low + 0.001 }));
        Assert.False(Of(result, 5).IsLarge(options with { MagnitudeOctaves = Of(result, 5).Octaves!.Value.Low + 0.001 }));
    }

    [Fact]
    public void What_is_named_in_comparisons_of_the_same_with_the_same_is_as_rare_as_was_asked_for()
    {
        // Every feature named there is false, so at most a share of the comparisons may name any; seeded.
        var random = new Random(5);
        var naming = Enumerable.Range(0, 60).Count(_ => FeatureComparison.Of(new(Quiet(random, 400), null), new(Quiet(random, 150), null), 0.05).Features.Count > 0);

        Assert.InRange(naming, 0, 8);   // 3 are expected; more than 8 in one of 200 runs.
    }

    [Fact]
    public void Nothing_on_a_side_differs_from_nothing_by_nothing()
    {
        var nothing = WindowSummary.Empty(made.Length, 1);

        Assert.Empty(FeatureComparison.Of(new(nothing, null), new(nothing, null), Rate).Features);
    }

    [Fact]
    public void Signed_codes_compare_by_their_strength()
    {
        var (negative, positive) = (Summary(feature => (made[feature].A, 1, -1)), Summary(feature => (made[feature].A, 1, 1)));

        Assert.Equal(FeatureComparison.Of(new(positive, null), new(b, null), Rate).Features, FeatureComparison.Of(new(negative, null), new(b, null), Rate).Features);
    }

    /// <summary>Golden/comparison.py.</summary>
    [Fact]
    public void Tests_intervals_and_names_are_SciPys_from_the_sequences_themselves()
    {
        var golden = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "comparison.json")))!;

        var (sideA, sideB) = (new ComparedSide(Summary(golden["a"]!), null), new ComparedSide(Summary(golden["b"]!), null));
        var everything = FeatureComparison.Of(sideA, sideB, 1);
        var named = FeatureComparison.Of(sideA, sideB, (double)golden["falseDiscoveryRate"]!);

        for (var f = 0; f < golden["features"]!.AsArray().Count; f++)
        {
            var (expected, feature) = (golden["features"]![f]!, Of(everything, f));
            Close((double)expected["p"]!, feature.P);
            Assert.Equal(expected["interval"] is null, feature.Factor is null);
            if (feature.Factor is { } factor)
            {
                Close((double)expected["interval"]![0]!, factor.Low);
                Close((double)expected["interval"]![1]!, factor.High);
            }
            Assert.Equal(expected["magnitude"] is null, feature.Octaves is null);
            if (feature.Octaves is not { } octaves) continue;
            Close((double)expected["magnitude"]!["octaves"]!, octaves.Value);
            Close((double)expected["magnitude"]!["low"]!, octaves.Low);
            Close((double)expected["magnitude"]!["high"]!, octaves.High);
            Close((double)expected["magnitude"]!["p"]!, feature.OctavesP);
        }
        Assert.Equal(golden["named"]!["rate"]!.AsArray().Select(f => (int)f!), named.Features.Where(feature => feature.Change != FeatureChange.Magnitude).Select(feature => feature.Feature).Order());
        Assert.Equal(golden["named"]!["magnitude"]!.AsArray().Select(f => (int)f!), named.Features.Where(feature => feature.Change == FeatureChange.Magnitude).Select(feature => feature.Feature).Order());
    }

    private static void Close(double expected, double actual) => Assert.InRange(actual, expected - 1e-7 * Math.Abs(expected) - 1e-300, expected + 1e-7 * Math.Abs(expected) + 1e-300);

    private static ComparedFeature Of(FeatureComparison comparison, int feature) => comparison.Features.Single(each => each.Feature == feature);

    /// <summary>200 sequences of 4 rows; those that have a feature are dealt over them in an order of the feature's own.</summary>
    private static WindowSummary Summary(Func<int, (int Sequences, int Times, float Loud)> of) => Build(made.Length, Enumerable.Range(0, 200).Select(s =>
        (4, Enumerable.Range(0, made.Length).Select(f => (s * 7919 + f * 101) % 200 < of(f).Sequences ? (of(f).Times, of(f).Loud) : (0, 1)).ToArray())));

    private static WindowSummary Summary(JsonNode side) => Build(side["counts"]![0]!.AsArray().Count, side["rows"]!.AsArray().Select((rows, s) =>
        ((int)rows!, side["counts"]![s]!.AsArray().Select((count, f) => ((int)count!, (float)side["magnitudes"]![s]![f]!)).ToArray())));

    /// <summary>40 features of very different rates, more or less frequent in a whole sequence.</summary>
    private static WindowSummary Quiet(Random random, int sequences) => Build(40, Enumerable.Range(0, sequences).Select(_ =>
    {
        var rows = 5 + random.Next(10);
        return (rows, Enumerable.Range(0, 40).Select(f =>
        {
            var chance = 0.3 * Math.Pow(0.87, f) * 2 * random.NextDouble();
            return (Enumerable.Range(0, rows).Count(_ => random.NextDouble() < chance), (float)Math.Pow(4, random.NextDouble()));
        }).ToArray());
    }));

    /// <param name="sequences">Rows, and per feature in how many of them, from the first on, it fires and how strongly.</param>
    private static WindowSummary Build(int features, IEnumerable<(int Rows, (int Times, float Loud)[] FiresF)> sequences)
    {
        var builder = new SummaryBuilder(features, 1, [], []);
        var codes = new SparseCodes();
        foreach (var (rows, firesF) in sequences)
        {
            codes.Clear();
            for (var row = 0; row < rows; row++)
            {
                int[] fired = [.. Enumerable.Range(0, features).Where(f => row < firesF[f].Times)];
                codes.AddRow(fired, [.. fired.Select(f => firesF[f].Loud)]);
            }
            builder.AddSequence(new float[rows], codes, 0, rows, 0);
        }
        return builder.Build();
    }
}
