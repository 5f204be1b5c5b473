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

    // −ln of the rate, and less than any rounding away from it.
    private readonly double quiet = -Math.Log(options.FalseDiscoveryRate) - 1e-6;

    public string Name => "magnitude-shift";

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        var tested = Tested(window, baseline);
        if (tested.Count == 0) return Finding.Without(Name, Verdict.Undecided, 0, 0, "no feature fired in enough sequences on both sides to compare its magnitudes");

        var changed = Significant(tested).Where(test => test.Octaves >= options.MagnitudeOctaves).OrderByDescending(test => test.Octaves).ThenBy(test => test.Feature).ToArray();
        var drift = changed.Length >= FiringRateShift.Needed(options.FeaturesShare, tested.Count);
        return Finding.With(
            Name,
            drift ? Verdict.Drift : Verdict.Steady,
            Math.Log10(1 / Math.Max(tested.Min(test => test.P), Statistics.SmallestP)),
            changed.Length == 0 ? 0 : changed[0].Octaves,
            $"{changed.Length} of {tested.Count} features changed their magnitude when firing by {options.MagnitudeOctaves} octaves or more",
            drift ? [.. changed.Select(Evidence)] : []);

        FeatureEvidence Evidence(TestedMagnitude test) =>
            new(test.Feature, null, (double)baseline.FiringF[test.Feature].Rows / baseline.Summary.Rows, (double)window.FiringF()[test.Feature].Rows / window.Rows, 0, test.P);
    }

    /// <summary>How many features are tested, and how far those moved whose p-value survives, the farthest first, in octaves.</summary>
    public (int Tested, double[] Octaves) Measure(WindowSummary window, Baseline baseline)
    {
        var tested = Tested(window, baseline);
        return (tested.Count, [.. Significant(tested).Select(test => test.Octaves).OrderDescending()]);
    }

    private IEnumerable<TestedMagnitude> Significant(List<TestedMagnitude> tested)
    {
        var limit = Statistics.BenjaminiHochberg([.. tested.Select(test => test.P)], options.FalseDiscoveryRate);
        return tested.Where(test => test.P <= limit);
    }

    private List<TestedMagnitude> Tested(WindowSummary window, Baseline baseline)
    {
        var (firingF, baselineF) = (window.FiringF(), baseline.FiringF);
        var tested = new List<TestedMagnitude>();
        var magnitudes = window.Magnitudes.AsSpan();
        for (int from = 0, to; from < magnitudes.Length; from = to)
        {
            var feature = magnitudes[from].Feature;
            for (to = from + 1; to < magnitudes.Length && magnitudes[to].Feature == feature;) to++;
            // Of most features there are too few: nothing more is read of them.
            if (Math.Min(firingF[feature].Sequences, baselineF[feature].Sequences) < SequencesMinimum) continue;
            var now = magnitudes[from..to];
            var then = baseline.MagnitudesOf(feature);
            var (n, m) = (Total(now), Total(then));
            // A baseline that began with windows of the first format has fewer magnitudes than firings.
            if (Math.Min(n, m) < SequencesMinimum) continue;
            var (d, octaves) = MayDiffer(now, n, then, m) ? Compare(now, n, then, m) : default;
            tested.Add(new(feature, octaves, P(d, n, m)));
        }
        return tested;
    }

    /// <summary>What no correction could still reject counts as 1 (there p ≈ 2 exp(−2 D² nm/(n + m))): of 65,536 features nearly all are, and the series is slow there.</summary>
    private double P(double d, long n, long m) =>
        Math.Exp(-2 * d * d * ((double)n * m / (n + m))) > options.FalseDiscoveryRate ? 1 : TwoSample.KolmogorovSmirnovP(d, n, m);

    /// <summary>False where <see cref="P"/> of the largest difference is surely 1: whole numbers in one sweep without branches, a tenth of the time of <see cref="Compare"/>.</summary>
    private bool MayDiffer(ReadOnlySpan<MagnitudeCount> now, long n, ReadOnlySpan<MagnitudeCount> then, long m)
    {
        const int BinsMaximum = 64;
        var low = Math.Min(now[0].Bin, then[0].Bin);
        var bins = Math.Max(now[^1].Bin, then[^1].Bin) - low + 1;
        if (bins > BinsMaximum || Math.Max(n, m) > int.MaxValue) return true;
        Span<long> steps = stackalloc long[BinsMaximum];
        foreach (var count in now) steps[count.Bin - low] += count.Sequences * m;
        foreach (var count in then) steps[count.Bin - low] -= count.Sequences * n;
        var (difference, highest, lowest) = (0L, 0L, 0L);
        foreach (var step in steps[..bins])
        {
            difference += step;
            highest = Math.Max(highest, difference);
            lowest = Math.Min(lowest, difference);
        }
        var largest = Math.Max(highest, -lowest);
        return 2.0 * largest * largest / ((double)n * m * (n + m)) > quiet;
    }

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

    private static long Total(ReadOnlySpan<MagnitudeCount> magnitudes)
    {
        var total = 0L;
        foreach (var count in magnitudes) total += count.Sequences;
        return total;
    }

    private readonly record struct TestedMagnitude(int Feature, double Octaves, double P);
}
