using System.Collections.Immutable;

namespace DriftWatch.Analysis.Windows;

/// <summary>Where the features of a set must fire to fire together.</summary>
public enum Within
{
    Token,
    Sequence,
}

/// <summary>Features that a hazard rule wants to see together, and others not with them; counted while the window is open, since afterwards only sums are left.</summary>
/// <param name="Without">None of these may fire there.</param>
public sealed record FeatureSet(ImmutableArray<int> Features, Within Within, ImmutableArray<int> Without)
{
    public FeatureSet(ImmutableArray<int> features, Within within)
        : this(features, within, [])
    {
    }

    /// <summary>One feature alone in a token is in every summary; anything else has to be counted while the window is open.</summary>
    public bool MustBeCounted => Features.Length > 1 || Within == Within.Sequence || Without.Length > 0;

    /// <summary>The same for every order of writing: <c>token:90+812</c>, <c>token:90+812-41</c>.</summary>
    public string Key => $"{(Within == Within.Token ? "token" : "sequence")}:{string.Join('+', Features.Order())}{string.Concat(Without.Order().Select(feature => $"-{feature}"))}";
}
