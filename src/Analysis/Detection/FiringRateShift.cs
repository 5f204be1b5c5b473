using DriftWatch.Analysis.Windows;
using MathNet.Numerics.Distributions;

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
        var tested = Tested(window, baseline);
        if (tested.Count == 0) return Finding.Without(Name, Verdict.Undecided, 0, 1, "no feature fired in enough sequences to compare its rate");

        var (significant, smallestP) = Significant(tested);
        var drifted = significant.Where(entry => Factor(entry.Rate) >= options.RateRatio).OrderByDescending(entry => Math.Abs(entry.Rate.Z)).ThenBy(entry => entry.Rate.Feature).ToArray();
        var drift = drifted.Length >= Needed(options.FeaturesShare, tested.Count);
        return Finding.With(
            Name,
            drift ? Verdict.Drift : Verdict.Steady,
            Math.Log10(1 / Math.Max(smallestP, Statistics.SmallestP)),
            drifted.Length == 0 ? 1 : drifted.Max(entry => Factor(entry.Rate)),
            $"{drifted.Length} of {tested.Count} features changed their firing rate by a factor of {options.RateRatio} or more",
            drift ? [.. drifted.Select(entry => Evidence(entry.Rate, entry.P))] : []);

        // Only for what is named: a window tests ten thousand features and more.
        FeatureEvidence Evidence(TestedRate rate, double p)
        {
            var interval = Statistics.RatioInterval(ClusteredRatio.Of(window.FiringF()[rate.Feature], window), ClusteredRatio.Of(baseline.FiringF[rate.Feature], baseline.Summary));
            return new(rate.Feature, null, rate.BaselineRate, rate.Rate, rate.Z, p) { RatioLow = interval?.Low, RatioHigh = interval?.High };
        }
    }

    /// <summary>How many features were tested, and the factors of those whose change is significant, largest first.</summary>
    public (int Tested, double[] Factors) Measure(WindowSummary window, Baseline baseline)
    {
        var tested = Tested(window, baseline);
        return (tested.Count, [.. Significant(tested).Features.Select(entry => Factor(entry.Rate)).OrderDescending()]);
    }

    /// <summary>Features whose p-value survives, and the smallest of all.</summary>
    /// <remarks>What is above the false discovery rate even with the normal tail cannot survive and counts as 1: that is nearly all, and tails are slow.</remarks>
    private (List<(TestedRate Rate, double P)> Features, double SmallestP) Significant(List<TestedRate> tested)
    {
        var quiet = 0.999 * Normal.InvCDF(0, 1, 1 - options.FalseDiscoveryRate / 2);
        var pValues = new double[tested.Count];
        for (var i = 0; i < pValues.Length; i++) pValues[i] = Math.Abs(tested[i].Z) < quiet ? 1 : tested[i].P;
        var limit = Statistics.BenjaminiHochberg(pValues, options.FalseDiscoveryRate);
        var smallest = pValues.Length == 0 ? 1 : pValues.Min();
        var significant = new List<(TestedRate, double)>();
        for (var i = 0; i < pValues.Length; i++)
            if (pValues[i] <= limit) significant.Add((tested[i], pValues[i]));
        return (significant, smallest < 1 ? smallest : tested.Min(rate => rate.P));
    }

    /// <summary>How many of the tested features must have drifted.</summary>
    public static double Needed(double featuresShare, int tested) => Math.Max(FeaturesMinimum, featuresShare * tested);

    private static List<TestedRate> Tested(WindowSummary window, Baseline baseline)
    {
        var (firingF, baselineF) = (window.FiringF(), baseline.FiringF);
        var tested = new List<TestedRate>();
        var share = SmallerShare(window, baseline.Summary);
        for (var f = 0; f < firingF.Length; f++)
            if ((firingF[f].Sequences + baselineF[f].Sequences) * share >= ExpectedSequencesMinimum && Test(f, firingF[f], window, baselineF[f], baseline.Summary) is { } rate) tested.Add(rate);
        return tested;
    }

    /// <summary>Null: it fired in too few sequences.</summary>
    internal static TestedRate? Test(int feature, in Firing now, WindowSummary window, in Firing then, WindowSummary baseline)
    {
        var expected = (now.Sequences + then.Sequences) * SmallerShare(window, baseline);
        if (!(expected >= ExpectedSequencesMinimum)) return null;
        var (here, there) = (ClusteredRatio.Of(now, window), ClusteredRatio.Of(then, baseline));
        return new(feature, there.Ratio, here.Ratio, Statistics.ClusteredZ(here, there), expected);
    }

    /// <summary>Of all sequences, those of the smaller side.</summary>
    private static double SmallerShare(WindowSummary window, WindowSummary baseline)
    {
        var share = (double)window.Sequences / (window.Sequences + baseline.Sequences);
        return Math.Min(share, 1 - share);
    }

    /// <summary>Up or down, 1 or more; bounded, so that a rate of 0 is a large factor and not an infinite one.</summary>
    private static double Factor(TestedRate feature)
    {
        var (low, high) = feature.Rate < feature.BaselineRate ? (feature.Rate, feature.BaselineRate) : (feature.BaselineRate, feature.Rate);
        return Math.Min(1000, high / Math.Max(low, 1e-12));
    }

    /// <summary>Clustered z of one feature's rates.</summary>
    /// <param name="Expected">Sequences in which it should fire on the smaller side.</param>
    internal readonly record struct TestedRate(int Feature, double BaselineRate, double Rate, double Z, double Expected)
    {
        /// <summary>Two-sided. The variance is estimated from the sequences that fire, on the smaller side above all: Student's tail and not the normal one, which names too many features.</summary>
        public double P => Math.Abs(Z) < 2 ? Statistics.NormalP(Z) : Statistics.StudentP(Z, Expected - 1);
    }
}
