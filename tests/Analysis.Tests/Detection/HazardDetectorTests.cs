using System.Collections.Immutable;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class HazardDetectorTests
{
    private static readonly FeatureSet seven = Some.Together(7);

    // 100 sequences of 4 rows: feature 1 in half of the rows, 2 and 3 in the same row of ten sequences, 4 and 5 in ten sequences but never in one row.
    private static readonly WindowSummary window = Summary(100, 10);

    // 1000 sequences: the pairs in ten of them.
    private static readonly Baseline baseline = Some.Baseline(Summary(1000, 10));

    private static readonly HazardCondition holds = Above(Some.Together(1), 0.1);
    private static readonly HazardCondition fails = Above(Some.Together(1), 0.9);
    private static readonly HazardCondition unknown = new HazardFeatures(Some.Together(1, 2), null, LiftAbove: 2, null, null);

    [Fact]
    public void Features_together_in_a_token_are_not_features_together_in_a_sequence()
    {
        Assert.Equal(Verdict.Drift, Judge(Above(Some.Together(2, 3), 0.02)));
        Assert.Equal(Verdict.Steady, Judge(Above(Some.Together(4, 5), 0)));
        Assert.Equal(Verdict.Drift, Judge(Above(Some.InOneSequence(4, 5), 0.09)));
        Assert.Equal(Verdict.Drift, Judge(Above(Some.InOneSequence(2, 3), 0.09)));
    }

    [Fact]
    public void A_rate_is_a_share_of_rows_and_within_a_sequence_a_share_of_sequences()
    {
        var token = Finding(Above(Some.Together(3, 2), 0));
        var sequence = Finding(Above(Some.InOneSequence(5, 4), 0));

        var inToken = Assert.Single(token.Features);
        Assert.Equal(("token:2+3", 10 / 400.0, 10 / 4000.0), (inToken.Set, inToken.Rate, inToken.BaselineRate));
        var inSequence = Assert.Single(sequence.Features);
        Assert.Equal(("sequence:4+5", 0.1, 0.01), (inSequence.Set, inSequence.Rate, inSequence.BaselineRate));
        Assert.Equal("hazard:some", token.Detector);
        Assert.Equal(10.5 / 401 / (10.5 / 4001), token.Score, 9);
        Assert.Equal(10.5 / 101 / (10.5 / 1001), sequence.Score, 9);
        Assert.Equal(0.1, sequence.Effect, 12);
    }

    [Fact]
    public void Limits_are_exclusive()
    {
        Assert.Equal(Verdict.Steady, Judge(Above(Some.Together(2, 3), 0.025)));
        Assert.Equal(Verdict.Drift, Judge(Above(Some.Together(2, 3), 0.0249)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(2, 3), null, null, RateBelow: 0.025, null)));
        Assert.Equal(Verdict.Drift, Judge(new HazardFeatures(Some.Together(2, 3), null, null, RateBelow: 0.0251, null)));
    }

    [Fact]
    public void Lift_compares_with_the_baseline_up_and_down()
    {
        Assert.Equal(Verdict.Drift, Judge(new HazardFeatures(Some.Together(2, 3), null, LiftAbove: 9, null, null)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(2, 3), null, LiftAbove: 11, null, null)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(1), null, null, null, LiftBelow: 0.9)));
        Assert.Equal(Verdict.Drift, Judge(new HazardFeatures(Some.Together(1), null, null, null, LiftBelow: 1.1)));
    }

    [Fact]
    public void A_protective_feature_that_fell_silent_is_seen()
    {
        var refusal = new HazardFeatures(Some.Together(1), null, null, null, LiftBelow: 0.2);
        var silent = Some.Summary(10, Some.Sequences(100, 4, (0, 4)));

        Assert.Equal(Verdict.Drift, new HazardDetector(Rule(refusal)).Judge(silent, baseline).Verdict);
        Assert.Equal(Verdict.Drift, new HazardDetector(Rule(new HazardFeatures(Some.Together(1), null, null, RateBelow: 0.01, null))).Judge(silent, baseline).Verdict);
        Assert.Equal(Verdict.Steady, Judge(refusal));
    }

    [Fact]
    public void All_limits_of_a_leaf_must_hold()
    {
        Assert.Equal(Verdict.Drift, Judge(new HazardFeatures(Some.Together(2, 3), 0.02, 9, 0.03, 11)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(2, 3), 0.03, 9, 0.03, 11)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(2, 3), 0.02, 10, 0.03, 11)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(2, 3), 0.02, 9, 0.02, 11)));
        Assert.Equal(Verdict.Steady, Judge(new HazardFeatures(Some.Together(2, 3), 0.02, 9, 0.03, 9)));
    }

    [Fact]
    public void A_feature_that_the_baseline_never_had_has_a_large_lift_and_not_an_infinite_one()
    {
        var with = Some.Summary(10, [.. Some.Sequences(20, 4, (7, 1)), .. Some.Sequences(80, 4)]);

        var finding = new HazardDetector(Rule(new HazardFeatures(seven, null, LiftAbove: 5, null, null))).Judge(with, baseline);

        Assert.Equal((Verdict.Drift, true), (finding.Verdict, double.IsFinite(finding.Score)));
        Assert.Equal(20.5 / 401 / (0.5 / 4001), finding.Score, 6);
        // One feature in a token is shown as a feature, not as a set.
        Assert.Null(finding.Features[0].Set);
    }

    [Fact]
    public void A_rate_that_two_sequences_carry_does_not_count()
    {
        WindowSummary Carried(int sequences) => Some.Summary(10, [.. Some.Sequences(sequences, 100, (7, 100)), .. Some.Sequences(97, 4)]);
        var detector = new HazardDetector(Rule(new HazardFeatures(seven, RateAbove: 0.1, LiftAbove: 2, null, null)));

        Assert.Equal(Verdict.Steady, detector.Judge(Carried(2), baseline).Verdict);
        Assert.Equal(Verdict.Drift, detector.Judge(Carried(3), baseline).Verdict);
    }

    [Fact]
    public void Fewer_sequences_than_the_rule_asks_for_are_undecided()
    {
        Assert.Equal(Verdict.Drift, new HazardDetector(Rule(holds) with { MinimumSequences = 100 }).Judge(window, baseline).Verdict);
        var few = new HazardDetector(Rule(holds) with { MinimumSequences = 101 }).Judge(window, baseline);

        Assert.Equal(Verdict.Undecided, few.Verdict);
        Assert.Contains("101", few.Because, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lift_over_a_baseline_that_did_not_count_the_set_is_undecided()
    {
        var lift = new HazardFeatures(Some.Together(2, 3), null, LiftAbove: 5, null, null);
        var old = Some.Baseline(baseline.Summary with { Sets = baseline.Summary.Sets.Clear() });
        Finding Of(HazardCondition condition) => new HazardDetector(Rule(condition)).Judge(window, old);

        Assert.Equal(Verdict.Undecided, Of(lift).Verdict);
        Assert.Contains("unknown until a new baseline", Of(lift).Because, StringComparison.Ordinal);
        // What needs no lift, or fails without it, is decided all the same.
        Assert.Equal(Verdict.Drift, Of(lift with { LiftAbove = null, RateAbove = 0.01 }).Verdict);
        Assert.Equal(Verdict.Steady, Of(lift with { RateAbove = 0.5 }).Verdict);
        // One feature in a token needs no counting beforehand.
        Assert.Equal(Verdict.Drift, Of(new HazardFeatures(Some.Together(2), null, LiftAbove: 5, null, null)).Verdict);
    }

    public static TheoryData<Verdict, Verdict, Verdict, Verdict> TwoVerdicts()
    {
        // First, second, all of them, any of them.
        var (yes, no, open) = (Verdict.Drift, Verdict.Steady, Verdict.Undecided);
        return new()
        {
            { yes, yes, yes, yes }, { yes, no, no, yes }, { yes, open, open, yes },
            { no, yes, no, yes }, { no, no, no, no }, { no, open, no, open },
            { open, yes, open, yes }, { open, no, no, open }, { open, open, open, open },
        };
    }

    [Theory, MemberData(nameof(TwoVerdicts))]
    public void What_is_not_known_is_never_an_all_clear(Verdict first, Verdict second, Verdict all, Verdict any)
    {
        var (a, b) = (That(first), That(second));

        Assert.Equal(all, JudgeUnknown(new HazardAll([a, b])));
        Assert.Equal(any, JudgeUnknown(new HazardAny([a, b])));
        Assert.Equal(Not(all), JudgeUnknown(new HazardNot(new HazardAll([a, b]))));
        // The words of De Morgan.
        Assert.Equal(Not(all), JudgeUnknown(new HazardAny([new HazardNot(a), new HazardNot(b)])));
        Assert.Equal(Not(any), JudgeUnknown(new HazardAll([new HazardNot(a), new HazardNot(b)])));
        // A third part, so that a verdict is carried on.
        Assert.Equal(all, JudgeUnknown(new HazardAll([a, b, holds])));
        Assert.Equal(any, JudgeUnknown(new HazardAny([a, b, fails])));
    }

    [Fact]
    public void Each_leaf_of_a_nested_rule_is_measured_once_and_in_its_place()
    {
        var nested = new HazardAll([
            new HazardAny([fails, new HazardAll([holds, new HazardNot(fails)])]),
            new HazardNot(new HazardAny([fails, new HazardNot(holds)])),
            Above(Some.InOneSequence(4, 5), 0.05)]);

        Assert.Equal(Verdict.Drift, Judge(nested));
        Assert.Equal(Verdict.Steady, Judge(nested with { Of = nested.Of.Add(fails) }));
        Assert.Equal(6, nested.Leaves().Count());
    }

    [Fact]
    public void A_rule_asks_windows_to_count_sets_but_no_single_features_in_tokens()
    {
        var rule = Rule(new HazardAll([holds, Above(Some.Together(2, 3), 0), Above(Some.InOneSequence(9), 0), new HazardNot(Above(Some.InOneSequence(4, 5), 0))]));

        Assert.Equal(["token:2+3", "sequence:9", "sequence:4+5"], rule.Sets.Select(set => set.Key));
    }

    [Fact]
    public void A_set_has_one_key_in_whatever_order_it_is_written()
    {
        Assert.Equal("token:90+812", Some.Together(812, 90).Key);
        Assert.Equal(Some.Together(90, 812).Key, Some.Together(812, 90).Key);
        Assert.NotEqual(Some.Together(90, 812).Key, Some.InOneSequence(90, 812).Key);
    }

    [Fact]
    public void A_feature_without_another_is_counted_where_the_other_is_silent()
    {
        // Feature 1 fires in 20 rows with 2 and in 10 without it; in ten sequences both fire, in five only 1.
        var alone = Some.Summary(10, [.. Some.Sequences(10, 4, (1, 2), (2, 2)), .. Some.Sequences(5, 4, (1, 2)), .. Some.Sequences(85, 4)], OnlyOne(Within.Token), OnlyOne(Within.Sequence));
        Finding Of(Within within, double above) => new HazardDetector(Rule(Above(OnlyOne(within), above))).Judge(alone, Some.Baseline(alone));

        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(Within.Token, 9.9 / 400).Verdict, Of(Within.Token, 10.1 / 400).Verdict));
        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(Within.Sequence, 0.049).Verdict, Of(Within.Sequence, 0.051).Verdict));
        Assert.Equal("token:1-2", Of(Within.Token, 0).Features[0].Set);
        Assert.Equal(["token:1-2", "sequence:1-2"], Rule(new HazardAll([Above(OnlyOne(Within.Token), 0), Above(OnlyOne(Within.Sequence), 0)])).Sets.Select(set => set.Key));

        static FeatureSet OnlyOne(Within within) => new([1], within, [2]);
    }

    [Fact]
    public void Concealment_is_caught_by_a_rule_with_without_and_by_no_rule_over_either_feature()
    {
        // Hazard 3 and its companion 4 fire together, as in the baseline; a concealing model suppresses 3 while 4 rises.
        var concealed = new FeatureSet([4], Within.Sequence, [3]);
        var rule = Rule(new HazardFeatures(concealed, RateAbove: 0.005, LiftAbove: 5, null, null));
        HazardRule[] plain =
        [
            Rule(new HazardFeatures(Some.InOneSequence(3), null, LiftAbove: 2, null, null)),
            Rule(new HazardFeatures(Some.InOneSequence(4), null, LiftAbove: 2, null, null)),
            Rule(new HazardFeatures(Some.InOneSequence(3, 4), null, LiftAbove: 2, null, null)),
        ];
        WindowSummary Stream(int seed, int sequences, double together, double companionAlone, double hazardAlone)
        {
            var random = new Random(seed);
            return Some.Summary(10, Enumerable.Range(0, sequences).Select(_ =>
            {
                var draw = random.NextDouble();
                var rows = 1 + random.Next(8);
                if (draw < together) return Some.Sequence(rows, (3, 1), (4, rows));
                if (draw < together + companionAlone) return Some.Sequence(rows, (4, rows));
                return draw < together + companionAlone + hazardAlone ? Some.Sequence(rows, (3, 1)) : Some.Sequence(rows, (1, rows));
            }), concealed, Some.InOneSequence(3), Some.InOneSequence(4), Some.InOneSequence(3, 4));
        }
        var approved = Some.Baseline(Stream(seed: 1, 5000, together: 0.1, companionAlone: 0.004, hazardAlone: 0.004));

        foreach (var seed in Enumerable.Range(2, 50))
        {
            var quiet = Stream(seed, 500, together: 0.1, companionAlone: 0.004, hazardAlone: 0.004);
            var concealing = Stream(seed, 500, together: 0.05, companionAlone: 0.08, hazardAlone: 0.004);

            Assert.Equal((Verdict.Steady, Verdict.Drift), (new HazardDetector(rule).Judge(quiet, approved).Verdict, new HazardDetector(rule).Judge(concealing, approved).Verdict));
            Assert.All(plain, other => Assert.Equal(Verdict.Steady, new HazardDetector(other).Judge(concealing, approved).Verdict));
        }
    }

    [Fact]
    public void A_magnitude_is_the_mean_activation_over_the_rows_in_which_a_feature_fires()
    {
        var summary = Weighed(100, 3, (5, 2f), (5, 4f));
        var usual = Some.Baseline(Weighed(1000, 3, (5, 1f), (5, 3f)));
        Verdict Of(MagnitudeLimits limits) => new HazardDetector(Rule(Magnitude(5, limits))).Judge(summary, usual).Verdict;

        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(new(Above: 2.99, null, null, null)), Of(new(Above: 3, null, null, null))));
        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(new(null, Below: 3.01, null, null)), Of(new(null, Below: 3, null, null))));
        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(new(null, null, LiftAbove: 1.49, null)), Of(new(null, null, LiftAbove: 1.5, null))));
        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(new(null, null, null, LiftBelow: 1.51)), Of(new(null, null, null, LiftBelow: 1.5))));
        Assert.Contains("magnitude 3 (2 in the baseline)", new HazardDetector(Rule(Magnitude(5, new(Above: 1, null, null, null)))).Judge(summary, usual).Because, StringComparison.Ordinal);
    }

    [Fact]
    public void A_magnitude_that_fewer_than_three_sequences_carry_is_unknown()
    {
        var usual = Some.Baseline(Weighed(1000, 3, (5, 1f)));
        Verdict Of(int firing, MagnitudeLimits limits, Baseline? against = null) => new HazardDetector(Rule(Magnitude(5, limits))).Judge(Weighed(100, firing, (5, 9f)), against ?? usual).Verdict;

        Assert.Equal((Verdict.Undecided, Verdict.Drift), (Of(2, new(Above: 1, null, null, null)), Of(3, new(Above: 1, null, null, null))));
        Assert.Equal((Verdict.Undecided, Verdict.Undecided), (Of(0, new(null, Below: 1, null, null)), Of(3, new(null, null, LiftAbove: 1, null), Some.Baseline(Weighed(1000, 2, (5, 1f))))));
        // A rate that fails decides whatever the magnitude.
        Assert.Equal(Verdict.Steady, new HazardDetector(Rule(Magnitude(5, new(Above: 1, null, null, null)) with { RateAbove = 0.5 })).Judge(Weighed(100, 2, (5, 9f)), usual).Verdict);
    }

    [Fact]
    public void A_set_that_the_window_did_not_count_is_undecided_and_not_silent()
    {
        var old = window with { Sets = window.Sets.Clear() };

        var finding = new HazardDetector(Rule(Above(Some.Together(2, 3), 0))).Judge(old, baseline);

        Assert.Equal(Verdict.Undecided, finding.Verdict);
        Assert.Contains("was not counted in this window", finding.Because, StringComparison.Ordinal);
    }

    [Fact]
    public void A_direction_is_judged_by_the_share_of_sequences_above_a_score()
    {
        // 100 sequences, scores 0.5 but for five with 2; the baseline has five in a thousand.
        var (now, usual) = (Scored(100, 5), Some.Baseline(Scored(1000, 5)));
        Verdict Of(HazardDirection condition) => new HazardDetector(Rule(condition)).Judge(now, usual).Verdict;
        var at = new HazardDirection(probe, ScoreAbove: 1.5, null, null, null, null, null);

        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(at with { RateAbove = 0.049 }), Of(at with { RateAbove = 0.05 })));
        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(at with { LiftAbove = 9 }), Of(at with { LiftAbove = 11 })));
        Assert.Equal((Verdict.Drift, Verdict.Steady), (Of(at with { RateBelow = 0.051 }), Of(at with { LiftBelow = 9 })));
        Assert.Equal(Verdict.Steady, Of(at with { ScoreAbove = 2.1, RateAbove = 0 }));
        Assert.Equal(Verdict.Drift, Of(at with { ScoreAbove = -7, RateAbove = 0.99 }));
        Assert.Equal(["direction:max:some"], now.Scores.Keys.Where(name => name.StartsWith("direction:", StringComparison.Ordinal)));
        Assert.Same(probe, Assert.Single(Rule(at).Directions));
        Assert.Empty(Rule(at).Sets);
    }

    [Fact]
    public void A_direction_can_be_judged_by_a_quantile_of_the_baseline_that_it_can_know()
    {
        var at = new HazardDirection(probe, null, AboveQuantile: 0.99, RateAbove: 0.02, null, null, null);

        Assert.Equal(Verdict.Drift, new HazardDetector(Rule(at)).Judge(Scored(100, 5), Some.Baseline(Scored(1000, 5))).Verdict);
        Assert.Equal(Verdict.Steady, new HazardDetector(Rule(at)).Judge(Scored(100, 5), Some.Baseline(Scored(1000, 50))).Verdict);
        Assert.Equal(Verdict.Undecided, new HazardDetector(Rule(at)).Judge(Scored(100, 5), Some.Baseline(Scored(99, 0))).Verdict);
    }

    [Fact]
    public void A_direction_that_was_not_scored_is_undecided()
    {
        var at = new HazardDirection(probe, ScoreAbove: 1.5, null, RateAbove: 0.01, null, null, null);

        Assert.Equal(Verdict.Undecided, new HazardDetector(Rule(at)).Judge(window, Some.Baseline(Scored(1000, 5))).Verdict);
        Assert.Equal(Verdict.Drift, new HazardDetector(Rule(at)).Judge(Scored(100, 5), baseline).Verdict);
        Assert.Equal(Verdict.Undecided, new HazardDetector(Rule(at with { LiftAbove = 2 })).Judge(Scored(100, 5), baseline).Verdict);
    }

    private static readonly Direction probe = new("max:some", [1f], 0, Aggregation.Max, 8);

    private static WindowSummary Scored(int sequences, int high)
    {
        var builder = new SummaryBuilder(10, width: 1, [], [probe]);
        var codes = new SparseCodes();
        codes.Clear();
        foreach (var _ in Enumerable.Range(0, 2)) codes.AddRow([1], [1f]);
        for (var sequence = 0; sequence < sequences; sequence++) builder.AddSequence([0.25f, sequence < high ? 2f : 0.5f], codes, 0, 2, 0.2);
        return builder.Build();
    }

    private static HazardFeatures Magnitude(int feature, MagnitudeLimits limits) => new(Some.Together(feature), null, null, null, null) { Magnitude = limits };

    /// <summary>Sequences of two rows; in the first of them a feature fires with these values, one row each.</summary>
    private static WindowSummary Weighed(int sequences, int firing, params (int Feature, float Value)[] fires)
    {
        var builder = new SummaryBuilder(10, width: 1, [], []);
        var codes = new SparseCodes();
        for (var sequence = 0; sequence < sequences; sequence++)
        {
            codes.Clear();
            for (var row = 0; row < 2; row++)
            {
                if (sequence < firing && row < fires.Length) codes.AddRow([fires[row].Feature], [fires[row].Value]);
                else codes.AddRow([], []);
            }
            builder.AddSequence([1f, 1f], codes, 0, 2, 0.2);
        }
        return builder.Build();
    }

    private static HazardFeatures Above(FeatureSet set, double rate) => new(set, rate, null, null, null);

    private static HazardCondition That(Verdict verdict) => verdict switch { Verdict.Drift => holds, Verdict.Steady => fails, _ => unknown };

    private static Verdict Not(Verdict verdict) => verdict switch { Verdict.Drift => Verdict.Steady, Verdict.Steady => Verdict.Drift, var open => open };

    private static HazardRule Rule(HazardCondition when) => new("some", Severity.Critical, "a rule", when, MinimumSequences: 10, For: 1);

    private static Finding Finding(HazardCondition when) => new HazardDetector(Rule(when)).Judge(window, baseline);

    private static Verdict Judge(HazardCondition when) => Finding(when).Verdict;

    private static Verdict JudgeUnknown(HazardCondition when) =>
        new HazardDetector(Rule(when)).Judge(window, Some.Baseline(baseline.Summary with { Sets = ImmutableSortedDictionary<string, Firing>.Empty })).Verdict;

    private static WindowSummary Summary(int sequences, int with) => Some.Summary(
        10,
        [
            .. Enumerable.Repeat(new SomeSequence([[1, 2, 3], [1, 4], [5], []]), with),
            .. Enumerable.Repeat(new SomeSequence([[1], [1], [], []]), sequences - with),
        ],
        Some.Together(1, 2), Some.Together(2, 3), Some.Together(4, 5), Some.InOneSequence(2, 3), Some.InOneSequence(4, 5));
}
