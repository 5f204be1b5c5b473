namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>What an evaluation found.</summary>
/// <param name="Score">What the grade is from; see <see cref="Grading"/>.</param>
/// <param name="HeldOutOnly">The map was fitted on this data, so only held-out sequences count.</param>
/// <param name="Seen">The map was learned from the very sequences that count: its figures are a little too good.</param>
/// <param name="Features">Of the reference dictionary.</param>
/// <param name="FeaturesMeasured">Those that fire often enough.</param>
/// <param name="FvuNative">The reference dictionary's on the target's own rows.</param>
/// <param name="FvuRandom">On these rows, a random dictionary's with as many features that fire as often.</param>
/// <param name="L0Native">Features per row of the target's own rows.</param>
/// <param name="MapsRows">False: a map of features.</param>
public sealed record FidelityReport(
    char Grade, Estimate Score, bool HeldOutOnly, bool Seen, long Rows, long Sequences, int Features, int FeaturesMeasured, Estimate FvuNative, double FvuRandom, double L0Native, bool MapsRows,
    FidelityFigures Map, IReadOnlyList<ViewFidelity> Controls, IReadOnlyList<FeatureFidelity> PerFeature)
{
    /// <summary>The reference explains the target's own rows hardly better than a random dictionary: F, whatever the map.</summary>
    public bool DictionaryIsNoReference => FvuNative.Value > Grading.DictionaryFvuMaximum * FvuRandom;

    /// <summary>The source's rows serve as they are at least as well.</summary>
    public bool IdentityDoesAsWell => Controls.FirstOrDefault(control => control.Name == FidelityControls.Identity) is { } identity && identity.Figures.CorrelationMean.Value >= Map.CorrelationMean.Value && identity.Figures.FvuThrough.Value <= Map.FvuThrough.Value;
}
