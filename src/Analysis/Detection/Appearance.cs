using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>What <see cref="NewFeature"/> and <see cref="SilentFeature"/> share: features that fire on one side only.</summary>
internal static class Appearance
{
    /// <param name="inWindow">The side on which alone the feature fires: the window for new features, else the baseline.</param>
    public static Finding Judge(string detector, string what, bool inWindow, WindowSummary window, Baseline frozen, DetectionOptions options)
    {
        var baseline = frozen.Summary;
        var only = inWindow ? window : baseline;
        var (nowF, thenF) = (window.FiringF(), frozen.FiringF);
        var total = window.Sequences + baseline.Sequences;
        var tests = 0;
        var candidates = new List<FeatureEvidence>();
        for (var f = 0; f < nowF.Length; f++)
        {
            ref readonly var now = ref nowF[f];
            ref readonly var then = ref thenF[f];
            if (now.Sequences + then.Sequences == 0) continue;
            // A feature on both sides is a test too, with nothing to show (p = 1): leaving it out would make the correction too mild.
            tests++;
            if ((inWindow ? then.Sequences : now.Sequences) > 0) continue;
            var p = Statistics.NoneChosenP(total, total - only.Sequences, now.Sequences + then.Sequences);
            candidates.Add(new(f, null, (double)then.Rows / Math.Max(1, baseline.Rows), (double)now.Rows / Math.Max(1, window.Rows), 0, p));
        }
        var limit = Statistics.BenjaminiHochberg(candidates.Select(feature => feature.P), tests, options.FalseDiscoveryRate);
        var firing = inWindow ? nowF : thenF;
        double Share(FeatureEvidence feature) => (double)firing[feature.Feature].Sequences / only.Sequences;
        var found = candidates.Where(feature => feature.P <= limit && Share(feature) >= options.AppearanceShare).OrderBy(feature => feature.P).ThenBy(feature => feature.Feature).ToArray();
        var score = candidates.Count == 0 ? 0 : Math.Log10(1 / Math.Max(candidates.Min(feature => feature.P), Statistics.SmallestP));
        var effect = found.Length == 0 ? 0 : found.Max(Share);
        return Finding.With(detector, found.Length > 0 ? Verdict.Drift : Verdict.Steady, score, effect, $"{found.Length} features {what}", found);
    }
}
