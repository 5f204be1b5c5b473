using System.Collections.Immutable;

namespace DriftWatch.Analysis.Windows;

/// <summary>Where the features of a set must fire to fire together.</summary>
public enum Within
{
    Token,
    Sequence,
}

/// <summary>Features that a hazard rule wants to see together; counted while the window is open, since afterwards only sums are left.</summary>
public sealed record FeatureSet(ImmutableArray<int> Features, Within Within)
{
    /// <summary>The same for every order of writing: <c>token:90+812</c>.</summary>
    public string Key => $"{(Within == Within.Token ? "token" : "sequence")}:{string.Join('+', Features.Order())}";
}
