using System.Collections.Immutable;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

public enum Severity
{
    Info,
    Warning,
    Critical,
}

/// <summary>A versioned rule over canonical features: a configuration that a person does not want to see.</summary>
/// <param name="MinimumSequences">A window with fewer is Undecided.</param>
/// <param name="For">Windows in a row that must meet the condition before it alerts.</param>
public sealed record HazardRule(string Id, Severity Severity, string Summary, HazardCondition When, int MinimumSequences, int For)
{
    /// <summary>The sets that windows must count for this rule.</summary>
    public IEnumerable<FeatureSet> Sets => When.Leaves().Select(leaf => leaf.Set).Where(set => set.Features.Length > 1 || set.Within == Within.Sequence);

    /// <summary>The probes that windows must score for this rule.</summary>
    public IEnumerable<Direction> Directions => [];
}

public abstract record HazardCondition
{
    /// <summary>The condition's features, left to right.</summary>
    public IEnumerable<HazardFeatures> Leaves() => this switch
    {
        HazardFeatures leaf => [leaf],
        HazardAll all => all.Of.SelectMany(condition => condition.Leaves()),
        HazardAny any => any.Of.SelectMany(condition => condition.Leaves()),
        HazardNot not => not.Of.Leaves(),
        _ => throw new InvalidOperationException($"no rule for {GetType().Name}"),
    };
}

/// <summary>How often a feature, or features together, must fire. All limits given must hold.</summary>
/// <param name="RateAbove">Share of rows (within a sequence: of sequences), exclusive.</param>
/// <param name="LiftAbove">Factor of the baseline's rate, exclusive.</param>
/// <param name="RateBelow">For protective features: fires less than this.</param>
/// <param name="LiftBelow">For protective features: fires less than this factor of the baseline.</param>
public sealed record HazardFeatures(FeatureSet Set, double? RateAbove, double? LiftAbove, double? RateBelow, double? LiftBelow) : HazardCondition;

public sealed record HazardAll(ImmutableArray<HazardCondition> Of) : HazardCondition;

public sealed record HazardAny(ImmutableArray<HazardCondition> Of) : HazardCondition;

public sealed record HazardNot(HazardCondition Of) : HazardCondition;
