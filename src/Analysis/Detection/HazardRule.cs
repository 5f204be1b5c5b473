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
    public IEnumerable<FeatureSet> Sets => When.Leaves().OfType<HazardFeatures>().Select(leaf => leaf.Set).Where(set => set.MustBeCounted);

    /// <summary>The probes that windows must score for this rule.</summary>
    public IEnumerable<Direction> Directions => When.Leaves().OfType<HazardDirection>().Select(leaf => leaf.Direction);
}

public abstract record HazardCondition
{
    /// <summary>What the condition measures, left to right.</summary>
    public IEnumerable<HazardLeaf> Leaves() => this switch
    {
        HazardLeaf leaf => [leaf],
        HazardAll all => all.Of.SelectMany(condition => condition.Leaves()),
        HazardAny any => any.Of.SelectMany(condition => condition.Leaves()),
        HazardNot not => not.Of.Leaves(),
        _ => throw new InvalidOperationException($"no rule for {GetType().Name}"),
    };
}

/// <summary>A condition on one measured thing. All limits given must hold.</summary>
public abstract record HazardLeaf : HazardCondition;

/// <summary>How often a feature, or features together, must fire, and how strongly.</summary>
/// <param name="RateAbove">Share of rows (within a sequence: of sequences), exclusive.</param>
/// <param name="LiftAbove">Factor of the baseline's rate, exclusive.</param>
/// <param name="RateBelow">For protective features: fires less than this.</param>
/// <param name="LiftBelow">For protective features: fires less than this factor of the baseline.</param>
public sealed record HazardFeatures(FeatureSet Set, double? RateAbove, double? LiftAbove, double? RateBelow, double? LiftBelow) : HazardLeaf
{
    /// <summary>Limits on the feature's mean activation over the rows in which it fires; for one feature per token, without others.</summary>
    public MagnitudeLimits Magnitude { get; init; }
}

/// <summary>Exclusive limits on a mean activation given firing, and on its factor of the baseline's.</summary>
public readonly record struct MagnitudeLimits(double? Above, double? Below, double? LiftAbove, double? LiftBelow)
{
    public bool Any => Above is not null || Below is not null || AnyLift;

    public bool AnyLift => LiftAbove is not null || LiftBelow is not null;
}

/// <summary>In how many sequences a probe's score must lie above a threshold.</summary>
/// <param name="ScoreAbove">The threshold as a score; exactly one of the two is given.</param>
/// <param name="AboveQuantile">The threshold as a quantile of the baseline's scores.</param>
/// <param name="RateAbove">Share of sequences above the threshold, exclusive.</param>
/// <param name="LiftAbove">Factor of the baseline's share.</param>
public sealed record HazardDirection(
    Direction Direction, double? ScoreAbove, double? AboveQuantile, double? RateAbove, double? LiftAbove, double? RateBelow, double? LiftBelow) : HazardLeaf;

/// <summary>How much the window's drift must look like a known one.</summary>
/// <param name="CosineAbove">Exclusive.</param>
/// <param name="PBelow">Of the permutation test, exclusive.</param>
public sealed record HazardFingerprint(Fingerprint Fingerprint, double CosineAbove, double PBelow) : HazardLeaf;

public sealed record HazardAll(ImmutableArray<HazardCondition> Of) : HazardCondition;

public sealed record HazardAny(ImmutableArray<HazardCondition> Of) : HazardCondition;

public sealed record HazardNot(HazardCondition Of) : HazardCondition;
