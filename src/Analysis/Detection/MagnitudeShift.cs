using System.Collections.Immutable;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>When a feature fires, does it fire as strongly as in the baseline?</summary>
/// <remarks>
/// Intuition: the same words, meant more strongly. Rates may stay while magnitudes move, and steering or a rescaled layer shows here first.
/// Per feature the mean magnitude given firing of each sequence that has it, in quarter-octave bins: the two-sample Kolmogorov–Smirnov test (ties make it conservative) and the Wasserstein distance in octaves.
/// Score: −log₁₀ of the smallest p-value. Effect: the largest distance among the features that changed, in octaves.
/// A feature has changed when its p-value survives Benjamini–Hochberg and it moved by <see cref="DetectionOptions.MagnitudeOctaves"/> or more; the window has when
/// <see cref="DetectionOptions.FeaturesShare"/> of the tested features have, and three at least. Tested are features that 30 sequences or more have on each side.
/// </remarks>
public sealed class MagnitudeShift(DetectionOptions options) : IDetector
{
    private const long SequencesMinimum = 30;
    private const double OctavesPerBin = 0.25;

    public string Name => "magnitude-shift";

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        var tested = Tested(window, baseline);
        if (tested.Count == 0) return Finding.Without(Name, Verdict.Undecided, 0, 0, "no feature fired in enough sequences on both sides to compare its magnitudes");

        var changed = Significant(tested).Where(test => test.Octaves >= options.MagnitudeOctaves).OrderByDescending(test => test.Octaves).ThenBy(test => test.Feature.Feature).ToArray();
        var drift = changed.Length >= FiringRateShift.Needed(options.FeaturesShare, tested.Count);
        return Finding.With(
            Name,
            drift ? Verdict.Drift : Verdict.Steady,
            Math.Log10(1 / Math.Max(tested.Min(test => test.Feature.P), Statistics.SmallestP)),
            changed.Length == 0 ? 0 : changed[0].Octaves,
            $"{changed.Length} of {tested.Count} features changed their magnitude when firing by {options.MagnitudeOctaves} octaves or more",
            drift ? [.. changed.Select(test => test.Feature)] : []);
    }

    /// <summary>How many features are tested, and how far those moved whose p-value survives, the farthest first, in octaves.</summary>
    public (int Tested, double[] Octaves) Measure(WindowSummary window, Baseline baseline)
    {
        var tested = Tested(window, baseline);
        return (tested.Count, [.. Significant(tested).Select(test => test.Octaves).OrderDescending()]);
    }

    private IEnumerable<(FeatureEvidence Feature, double Octaves)> Significant(List<(FeatureEvidence Feature, double Octaves)> tested)
    {
        var limit = Statistics.BenjaminiHochberg([.. tested.Select(test => test.Feature.P)], options.FalseDiscoveryRate);
        return tested.Where(test => test.Feature.P <= limit);
    }

    private List<(FeatureEvidence Feature, double Octaves)> Tested(WindowSummary window, Baseline baseline)
    {
        var (nowF, thenF) = (window.FiringF(), baseline.FiringF);
        var tested = new List<(FeatureEvidence Feature, double Octaves)>();
        var then = baseline.Summary.Magnitudes;
        for (int i = 0, j = 0, end; i < window.Magnitudes.Length; i = end)
        {
            var feature = window.Magnitudes[i].Feature;
            end = EndOf(window.Magnitudes, i);
            while (j < then.Length && then[j].Feature < feature) j++;
            if (j == then.Length || then[j].Feature != feature) continue;
            var thenEnd = EndOf(then, j);
            var (n, m) = (Total(window.Magnitudes, i, end), Total(then, j, thenEnd));
            if (Math.Min(n, m) < SequencesMinimum) continue;
            var (d, octaves) = Compare(window.Magnitudes.AsSpan()[i..end], n, then.AsSpan()[j..thenEnd], m);
            tested.Add((new(feature, null, (double)thenF[feature].Rows / baseline.Summary.Rows, (double)nowF[feature].Rows / window.Rows, 0, P(d, n, m)), octaves));
        }
        return tested;
    }

    /// <summary>What no correction could still reject counts as 1 (there p ≈ 2 exp(−2 D² nm/(n + m))): of 65,536 features nearly all are, and the series is slow there.</summary>
    private double P(double d, long n, long m) =>
        Math.Exp(-2 * d * d * ((double)n * m / (n + m))) > options.FalseDiscoveryRate ? 1 : TwoSample.KolmogorovSmirnovP(d, n, m);

    /// <summary>Largest and summed difference of the two distribution functions, bin by bin.</summary>
    private static (double Largest, double Octaves) Compare(ReadOnlySpan<MagnitudeCount> now, long n, ReadOnlySpan<MagnitudeCount> then, long m)
    {
        var (largest, octaves, i, j, here, there) = (0.0, 0.0, 0, 0, 0L, 0L);
        var bin = Math.Min(now[0].Bin, then[0].Bin);
        while (i < now.Length || j < then.Length)
        {
            while (i < now.Length && now[i].Bin <= bin) here += now[i++].Sequences;
            while (j < then.Length && then[j].Bin <= bin) there += then[j++].Sequences;
            var difference = Math.Abs((double)here / n - (double)there / m);
            largest = Math.Max(largest, difference);
            var next = Math.Min(i < now.Length ? now[i].Bin : int.MaxValue, j < then.Length ? then[j].Bin : int.MaxValue);
            if (next == int.MaxValue) break;
            octaves += difference * (next - bin) * OctavesPerBin;
            bin = next;
        }
        return (largest, octaves);
    }

    private static int EndOf(ImmutableArray<MagnitudeCount> magnitudes, int from)
    {
        var end = from + 1;
        while (end < magnitudes.Length && magnitudes[end].Feature == magnitudes[from].Feature) end++;
        return end;
    }

    private static long Total(ImmutableArray<MagnitudeCount> magnitudes, int from, int end)
    {
        var total = 0L;
        for (var i = from; i < end; i++) total += magnitudes[i].Sequences;
        return total;
    }
}
