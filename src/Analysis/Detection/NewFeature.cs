using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Does a feature fire that was silent in the whole baseline?</summary>
/// <remarks>
/// Intuition: m sequences in which the feature fires were dealt over baseline and window; how surprising is it that all of them fell into the window?
/// Score: −log₁₀ of the smallest p-value (hypergeometric, exact for exchangeable sequences). Effect: the largest share of sequences with a new feature.
/// Threshold: Benjamini–Hochberg over all features that fired on either side, and a share of sequences of <see cref="DetectionOptions.AppearanceShare"/> or more.
/// One new feature is drift: a dictionary's dead latent that comes alive is what a new skill looks like.
/// Not done: features that fired once in the baseline; their rates are the business of <see cref="FiringRateShift"/>.
/// </remarks>
public sealed class NewFeature(DetectionOptions options) : IDetector
{
    public string Name => "new-feature";

    public Finding Judge(WindowSummary window, Baseline baseline) => Appearance.Judge(Name, "fire that were silent in the baseline", inWindow: true, window, baseline, options);
}
