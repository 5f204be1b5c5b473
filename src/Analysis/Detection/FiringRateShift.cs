using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Do features fire more, or less, often per token than in the baseline?</summary>
/// <remarks>
/// Intuition: for each feature two coins, one per side; how surprising are these counts if both are the same coin, when the tokens of a prompt are tossed together?
/// Score: −log₁₀ of the smallest p-value. Effect: the largest factor between the rates among the features that drifted.
/// A feature has drifted when its clustered z survives Benjamini–Hochberg over all features tested in the window and its rate changed by
/// <see cref="DetectionOptions.RateRatio"/> or more. The window has when <see cref="DetectionOptions.FeaturesShare"/> of the tested features
/// have, and three at least: a benign retraining nudges many rates a little and a handful past any factor.
/// Features are named when the window has drifted. A handful in a quiet one is more often chance than the false discovery rate says: 10,000 features that depend on each other, looked at after
/// every window, gave a name in 13 % of quiet windows of 200 sequences (`bench detect --null-only --synthetic 10000`).
/// Tested are features of which 30 firing sequences are expected on each side, with Student's tail: with fewer, or the normal tail, single features are named in more windows than the
/// false discovery rate allows (from 5 on and a normal tail in one quiet window of six, from 15 on in one of thirty to seventy).
/// <see cref="NewFeature"/> and <see cref="SilentFeature"/> look there with exact tests.
/// Not done: correction for looking after every window (features are dependent and so are windows); <see cref="DetectionOptions.RaiseAfter"/> asks for two windows in a row.
/// </remarks>
public sealed class FiringRateShift(DetectionOptions options) : IDetector
{
    private const int FeaturesMinimum = 3;
    private const double ExpectedSequencesMinimum = 30;

    public string Name => "firing-rate-shift";

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        var firingF = window.FiringF();
        var tested = Tested(window, baseline);
        if (tested.Count == 0) return Finding.Without(Name, Verdict.Undecided, 0, 1, "no feature fired in enough sequences to compare its rate");

        var limit = Statistics.BenjaminiHochberg([.. tested.Select(feature => feature.P)], options.FalseDiscoveryRate);
        var drifted = tested.Where(feature => feature.P <= limit && Factor(feature) >= options.RateRatio).OrderByDescending(feature => Math.Abs(feature.Z)).ThenBy(feature => feature.Feature).ToArray();
        var score = Math.Log10(1 / Math.Max(tested.Min(feature => feature.P), Statistics.SmallestP));
        var drift = drifted.Length >= Needed(options.FeaturesShare, tested.Count);
        return Finding.With(
            Name,
            drift ? Verdict.Drift : Verdict.Steady,
            score,
            drifted.Length == 0 ? 1 : drifted.Max(Factor),
            $"{drifted.Length} of {tested.Count} features changed their firing rate by a factor of {options.RateRatio} or more",
            drift ? [.. drifted.Select(WithInterval)] : []);

        // Only for what is named: a window tests ten thousand features and more.
        FeatureEvidence WithInterval(FeatureEvidence feature)
        {
            var interval = Statistics.RatioInterval(ClusteredRatio.Of(firingF[feature.Feature], window), ClusteredRatio.Of(baseline.FiringF[feature.Feature], baseline.Summary));
            return feature with { RatioLow = interval?.Low, RatioHigh = interval?.High };
        }
    }

    /// <summary>How many features were tested, and the factors of those whose change is significant, largest first.</summary>
    public (int Tested, double[] Factors) Measure(WindowSummary window, Baseline baseline)
    {
        var tested = Tested(window, baseline);
        var limit = Statistics.BenjaminiHochberg([.. tested.Select(feature => feature.P)], options.FalseDiscoveryRate);
        return (tested.Count, [.. tested.Where(feature => feature.P <= limit).Select(Factor).OrderDescending()]);
    }

    /// <summary>How many of the tested features must have drifted.</summary>
    public static double Needed(double featuresShare, int tested) => Math.Max(FeaturesMinimum, featuresShare * tested);

    private static List<FeatureEvidence> Tested(WindowSummary window, Baseline baseline)
    {
        var firingF = window.FiringF();
        var tested = new List<FeatureEvidence>();
        for (var f = 0; f < firingF.Length; f++)
            if (Test(firingF[f], window, baseline.FiringF[f], baseline.Summary) is var (rate, baselineRate, z, p)) tested.Add(new(f, null, baselineRate, rate, z, p));
        return tested;
    }

    /// <summary>Clustered z of one feature's rates and its two-sided p-value; null: it fired in too few sequences.</summary>
    internal static (double Rate, double BaselineRate, double Z, double P)? Test(in Firing now, WindowSummary window, in Firing then, WindowSummary baseline)
    {
        var share = (double)window.Sequences / (window.Sequences + baseline.Sequences);
        var expected = (now.Sequences + then.Sequences) * Math.Min(share, 1 - share);
        if (!(expected >= ExpectedSequencesMinimum)) return null;
        var (here, there) = (ClusteredRatio.Of(now, window), ClusteredRatio.Of(then, baseline));
        var z = Statistics.ClusteredZ(here, there);
        // The variance is estimated from the sequences that fire, on the smaller side above all: Student's tail and not the normal one, which names too many features.
        return (here.Ratio, there.Ratio, z, Math.Abs(z) < 2 ? Statistics.NormalP(z) : Statistics.StudentP(z, expected - 1));
    }

    /// <summary>Up or down, 1 or more; bounded, so that a rate of 0 is a large factor and not an infinite one.</summary>
    private static double Factor(FeatureEvidence feature)
    {
        var (low, high) = feature.Rate < feature.BaselineRate ? (feature.Rate, feature.BaselineRate) : (feature.BaselineRate, feature.Rate);
        return Math.Min(1000, high / Math.Max(low, 1e-12));
    }
}
