using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Has a feature of the baseline fallen silent?</summary>
/// <remarks>
/// Intuition: the feature fires in m baseline sequences; how surprising is it that none of the window's sequences has it?
/// Score: −log₁₀ of the smallest p-value (hypergeometric, exact for exchangeable sequences). Effect: the largest share of baseline sequences that had the feature.
/// Threshold: Benjamini–Hochberg over all features that fired on either side, and a share of sequences of <see cref="DetectionOptions.AppearanceShare"/> or more. One silent feature is drift: it may be the refusal.
/// </remarks>
public sealed class SilentFeature(DetectionOptions options) : IDetector
{
    public string Name => "silent-feature";

    public Finding Judge(WindowSummary window, Baseline baseline) => Appearance.Judge(Name, "are silent that fired in the baseline", inWindow: false, window, baseline, options);
}
