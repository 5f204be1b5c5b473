using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Is a hazard's configuration there?</summary>
/// <remarks>
/// Intuition: the operator said which features, how often, and how much more than usual; count and compare.
/// Score: the largest lift among the rule's parts: (c + ½)/(N + 1) in the window over the same in the baseline, so that a baseline without a single firing gives a
/// large lift and not an infinite one. Effect: the largest rate. What each kind of part measures: <see cref="HazardMeasure"/>.
/// Verdict Drift means the condition holds. Limits are the operator's. Undecided: fewer sequences than <c>minimumSequences</c>, or a part that this window or the baseline
/// cannot answer (a set that was not counted, a magnitude of a feature that hardly fires).
/// Logic is three-valued: all/any/not over Drift, Steady and Undecided, so that what is not known is never an all-clear.
/// Not done: a significance test of rates; <c>for</c> asks for windows in a row, and the rule's rate stays the one the operator wrote.
/// </remarks>
public sealed class HazardDetector(HazardRule rule) : IDetector
{
    public string Name => Finding.HazardPrefix + rule.Id;

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        if (SequencesOf(window) is var sequences && sequences < rule.MinimumSequences)
            return Finding.Without(Name, Verdict.Undecided, 0, 0, $"{sequences} {(sequences < window.Sequences ? "sampled " : "")}sequences; the rule asks for {rule.MinimumSequences}");
        var measures = Measure(window, baseline);
        var at = 0;
        var verdict = Holds(rule.When, measures, ref at);
        var evidence = measures.OrderByDescending(leaf => leaf.Lift).SelectMany(leaf => leaf.Evidence).Where(feature => feature.Rate > 0).Distinct().ToArray();
        return Finding.With(
            Name,
            verdict,
            measures.Max(leaf => leaf.Lift),
            measures.Max(leaf => leaf.Rate),
            string.Join("; ", measures.Select(leaf => leaf.Because).Distinct(StringComparer.Ordinal)),
            evidence);
    }

    /// <summary>Sequences that the rule is judged by: the window's, or its sample's where a set was not counted.</summary>
    public long SequencesOf(WindowSummary window) => rule.Sets.Select(set => window.Counting(set).Sequences).Append(window.Sequences).Min();

    /// <summary>Each part of the rule's condition in this window, left to right.</summary>
    public IReadOnlyList<HazardMeasure> Measure(WindowSummary window, Baseline baseline) => [.. rule.When.Leaves().Select(leaf => HazardMeasure.Of(leaf, window, baseline))];

    private static Verdict Holds(HazardCondition condition, IReadOnlyList<HazardMeasure> measures, ref int at)
    {
        switch (condition)
        {
            case HazardLeaf:
                return measures[at++].Verdict;
            case HazardNot not:
                return Holds(not.Of, measures, ref at) switch { Verdict.Drift => Verdict.Steady, Verdict.Steady => Verdict.Drift, var undecided => undecided };
            case HazardAll all:
                var every = Verdict.Drift;
                foreach (var part in all.Of)
                {
                    var holds = Holds(part, measures, ref at);
                    every = every == Verdict.Steady || holds == Verdict.Steady ? Verdict.Steady : holds == Verdict.Undecided ? Verdict.Undecided : every;
                }
                return every;
            case HazardAny any:
                var some = Verdict.Steady;
                foreach (var part in any.Of)
                {
                    var holds = Holds(part, measures, ref at);
                    some = some == Verdict.Drift || holds == Verdict.Drift ? Verdict.Drift : holds == Verdict.Undecided ? Verdict.Undecided : some;
                }
                return some;
            default:
                throw new InvalidOperationException($"no rule for {condition.GetType().Name}");
        }
    }
}
