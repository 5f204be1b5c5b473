using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Is a hazard's configuration of features there?</summary>
/// <remarks>
/// Intuition: the operator said which features, how often, and how much more than usual; count and compare.
/// Score: the largest lift among the rule's features: (c + ½)/(N + 1) in the window over the same in the baseline, so that a baseline without a single firing gives a
/// large lift and not an infinite one. Effect: the largest rate.
/// Verdict Drift means the condition holds. Limits are the operator's; a rate counts only when at least <see cref="FiringSequencesMinimum"/> sequences carry it, since one long
/// prompt can hold a whole window's firings. Undecided: fewer sequences than <c>minimumSequences</c>, or a lift over a baseline that has not counted the set.
/// Logic is three-valued: all/any/not over Drift, Steady and Undecided, so that what is not known is never an all-clear.
/// Not done: a significance test; <c>for</c> asks for windows in a row, and the rule's rate stays the one the operator wrote.
/// </remarks>
public sealed class HazardDetector(HazardRule rule) : IDetector
{
    private const long FiringSequencesMinimum = 3;

    public string Name => Finding.HazardPrefix + rule.Id;

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        if (window.Sequences < rule.MinimumSequences)
            return Finding.Without(Name, Verdict.Undecided, 0, 0, $"{window.Sequences} sequences; the rule asks for {rule.MinimumSequences}");
        var leaves = rule.When.Leaves().Select(leaf => Measure(leaf.Set, window, baseline)).ToArray();
        var at = 0;
        var verdict = Holds(rule.When, leaves, ref at);
        var evidence = leaves.Where(leaf => leaf.Evidence.Rate > 0).OrderByDescending(leaf => leaf.Lift).ThenBy(leaf => leaf.Evidence.Feature).Select(leaf => leaf.Evidence).Distinct().ToArray();
        return Finding.With(
            Name,
            verdict,
            leaves.Max(leaf => leaf.Lift),
            leaves.Max(leaf => leaf.Evidence.Rate),
            string.Join("; ", leaves.Select(leaf => leaf.ToString()).Distinct()),
            evidence);
    }

    private static Verdict Holds(HazardCondition condition, Measured[] leaves, ref int at)
    {
        switch (condition)
        {
            case HazardFeatures features:
                return leaves[at++].Meets(features);
            case HazardNot not:
                return Holds(not.Of, leaves, ref at) switch { Verdict.Drift => Verdict.Steady, Verdict.Steady => Verdict.Drift, var undecided => undecided };
            case HazardAll all:
                var every = Verdict.Drift;
                foreach (var part in all.Of)
                {
                    var holds = Holds(part, leaves, ref at);
                    every = every == Verdict.Steady || holds == Verdict.Steady ? Verdict.Steady : holds == Verdict.Undecided ? Verdict.Undecided : every;
                }
                return every;
            case HazardAny any:
                var some = Verdict.Steady;
                foreach (var part in any.Of)
                {
                    var holds = Holds(part, leaves, ref at);
                    some = some == Verdict.Drift || holds == Verdict.Drift ? Verdict.Drift : holds == Verdict.Undecided ? Verdict.Undecided : some;
                }
                return some;
            default:
                throw new InvalidOperationException($"no rule for {condition.GetType().Name}");
        }
    }

    private static Measured Measure(FeatureSet set, WindowSummary window, Baseline baseline)
    {
        var now = FiringOf(set, window) ?? throw new InvalidOperationException($"the window has not counted {set.Key}");
        var then = FiringOf(set, baseline.Summary);
        var (here, there) = (Side(set, now, window), Side(set, then ?? default, baseline.Summary));
        var lift = then is null ? 0 : (now.Rows + 0.5) / (here.N + 1) / ((then.Value.Rows + 0.5) / (there.N + 1));
        var z = then is null ? 0 : Statistics.ClusteredZ(here, there);
        var name = set.Features.Length > 1 || set.Within == Within.Sequence ? set.Key : null;
        return new(new(set.Features[0], name, there.Ratio, here.Ratio, z, Statistics.NormalP(z)), lift, then is not null, now.Sequences);
    }

    private static Firing? FiringOf(FeatureSet set, WindowSummary summary)
    {
        if (summary.Sets.TryGetValue(set.Key, out var firing)) return firing;
        return set is { Features.Length: 1, Within: Within.Token } ? summary.FiringOf(set.Features[0]) : null;
    }

    private static ClusteredRatio Side(FeatureSet set, Firing firing, WindowSummary summary) =>
        set.Within == Within.Token ? ClusteredRatio.Of(firing, summary) : ClusteredRatio.OfSequences(firing, summary);

    /// <param name="HasBaseline">The baseline has counted this set.</param>
    private sealed record Measured(FeatureEvidence Evidence, double Lift, bool HasBaseline, long Sequences)
    {
        public Verdict Meets(HazardFeatures limits)
        {
            // Above needs enough sequences to show it; below does not: silence is what it looks for.
            if (limits.RateAbove is { } above && !(Evidence.Rate > above && Sequences >= FiringSequencesMinimum)) return Verdict.Steady;
            if (limits.RateBelow is { } below && !(Evidence.Rate < below)) return Verdict.Steady;
            if (limits.LiftAbove is null && limits.LiftBelow is null) return Verdict.Drift;
            if (!HasBaseline) return Verdict.Undecided;
            if (limits.LiftAbove is { } more && !(Lift > more && Sequences >= FiringSequencesMinimum)) return Verdict.Steady;
            return limits.LiftBelow is { } less && !(Lift < less) ? Verdict.Steady : Verdict.Drift;
        }

        public override string ToString()
        {
            var name = Evidence.Set ?? $"feature {Evidence.Feature}";
            return HasBaseline
                ? $"{name} fires at {Evidence.Rate:0.#####} ({Evidence.BaselineRate:0.#####} in the baseline, lift {Lift:0.0}, {Sequences} sequences)"
                : $"{name} fires at {Evidence.Rate:0.#####} in {Sequences} sequences; the baseline was frozen before this set was counted, so its lift is unknown until a new baseline is";
        }
    }
}
