using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>How a canonical feature differs in B from A.</summary>
public enum FeatureChange
{
    FiresMore,
    FiresLess,

    /// <summary>It fires in B and never in A.</summary>
    New,

    /// <summary>It fires in A and never in B.</summary>
    Silent,

    /// <summary>When it fires it does so with another strength; that it fires more or less often cannot be told.</summary>
    Magnitude,

    /// <summary>The feature map of one side does not reach it: that it does not fire there says nothing.</summary>
    NotMapped,
}

/// <summary>A value and its 95 % interval.</summary>
public readonly record struct Effect(double Value, double Low, double High);

/// <summary>What one feature does on both sides.</summary>
/// <param name="RateA">Share of A's rows in which it fires.</param>
/// <param name="ShareA">Share of A's sequences that have it.</param>
/// <param name="Factor">Of the rates, B over A, clustered by sequence; null where a side is 0.</param>
/// <param name="Share">Of the sequences on the side on which alone it fires (Clopper and Pearson); null where both sides have it.</param>
/// <param name="Octaves">How much stronger it fires in B when it does; null where fewer than 30 sequences of a side have it.</param>
/// <param name="P">Two-sided, of the rates; <paramref name="OctavesP"/> of the magnitudes. Before correction; 1 where nothing was tested.</param>
public sealed record ComparedFeature(
    int Feature, FeatureChange Change, double RateA, double RateB, double ShareA, double ShareB, Effect? Factor, Effect? Share, Effect? Octaves, double P, double OctavesP)
{
    /// <summary>How much of the effect is certain, whatever its direction: that end of the interval which is nearer to no change (octaves; of a new or silent feature the share of sequences).</summary>
    public double Certain => Change switch
    {
        FeatureChange.FiresMore or FeatureChange.FiresLess => Factor is { } factor ? Nearest(Math.Log2(factor.Low), Math.Log2(factor.High)) : 0,
        FeatureChange.New or FeatureChange.Silent => Share!.Value.Low,
        FeatureChange.Magnitude => Nearest(Octaves!.Value.Low, Octaves.Value.High),
        _ => Math.Max(RateA, RateB),
    };

    /// <summary>As large as the catalog asks of a change, for certain.</summary>
    public bool IsLarge(DetectionOptions options) => Change switch
    {
        FeatureChange.FiresMore or FeatureChange.FiresLess => Certain >= Math.Log2(options.RateRatio),
        FeatureChange.New or FeatureChange.Silent => Certain >= options.AppearanceShare,
        FeatureChange.Magnitude => Certain >= options.MagnitudeOctaves,
        _ => false,
    };

    private static double Nearest(double low, double high) => low > 0 ? low : high < 0 ? -high : 0;
}

/// <summary>One side of a comparison.</summary>
/// <param name="ReachedF">Canonical features that its feature map reaches; null: all.</param>
public readonly record struct ComparedSide(WindowSummary Summary, bool[]? ReachedF);

/// <summary>Which features differ between two sums of windows.</summary>
/// <param name="Features">Those that differ beyond chance, and those that are not mapped and fire on the other side; the most certain effect of each kind first.</param>
/// <param name="Tested">Features that fired on either side and are reached on both.</param>
/// <param name="NotMapped">Features that a side's map does not reach, firing or not.</param>
/// <remarks>
/// Rates: the test of <see cref="FiringRateShift"/> where a feature fired in enough sequences on both sides; Fisher's exact test on the sequences that have it elsewhere, doubled, since either side may be the one that has more
/// (it takes sequences of both sides to be alike, in length above all).
/// Magnitudes: each sequence's mean given firing, in octaves; Welch's test, for features that 30 sequences of each side have. They are kept in bins, within which they count as spread evenly.
/// Benjamini–Hochberg at one rate over all of these tests together: of everything that is named so large a share is expected to be chance.
/// What is named differs beyond chance, however little on enough traffic; therefore it is ranked by how much of the effect is certain, and not by p-value.
/// </remarks>
public sealed record FeatureComparison(IReadOnlyList<ComparedFeature> Features, int Tested, int NotMapped)
{
    private const double Quantile = 1.959963984540054, Confidence = 0.95;

    public static FeatureComparison Of(in ComparedSide a, in ComparedSide b, double falseDiscoveryRate)
    {
        var (thenF, nowF) = (a.Summary.FiringF(), b.Summary.FiringF());
        var (magnitudesA, magnitudesB) = (new MagnitudeMoments(a.Summary), new MagnitudeMoments(b.Summary));
        var (tested, unseen, notMapped) = (new List<ComparedFeature>(), new List<ComparedFeature>(), 0);
        for (var f = 0; f < nowF.Length; f++)
        {
            var reached = a.ReachedF?[f] != false && b.ReachedF?[f] != false;
            if (!reached) notMapped++;
            var fired = nowF[f].Sequences + thenF[f].Sequences > 0;
            if (fired) (reached ? tested : unseen).Add(Compare(f, reached, thenF[f], a.Summary, nowF[f], b.Summary, reached ? magnitudesA.Compare(magnitudesB, f) : null));
        }
        var limit = Statistics.BenjaminiHochberg([.. tested.Select(feature => feature.P), .. tested.Where(feature => feature.Octaves is not null).Select(feature => feature.OctavesP)], falseDiscoveryRate);
        var differ = tested
            .Where(feature => feature.P <= limit || feature.OctavesP <= limit)
            .Select(feature => feature.P <= limit ? feature : feature with { Change = FeatureChange.Magnitude });
        return new([.. differ.Concat(unseen).OrderBy(feature => feature.Change).ThenByDescending(feature => feature.Certain).ThenBy(feature => feature.Feature)], tested.Count, notMapped);
    }

    private static ComparedFeature Compare(int f, bool reached, in Firing then, WindowSummary a, in Firing now, WindowSummary b, (Effect Octaves, double P)? magnitude)
    {
        var (inA, inB) = (ClusteredRatio.Of(then, a), ClusteredRatio.Of(now, b));
        var (shareA, shareB) = (Share(then.Sequences, a), Share(now.Sequences, b));
        var interval = Statistics.RatioInterval(inB, inA);
        var onBoth = then.Sequences > 0 && now.Sequences > 0;
        var test = onBoth ? FiringRateShift.Test(f, now, b, then, a) : null;
        var change = !reached ? FeatureChange.NotMapped
            : then.Sequences == 0 ? FeatureChange.New
            : now.Sequences == 0 ? FeatureChange.Silent
            : (test?.Z ?? shareB - shareA) > 0 ? FeatureChange.FiresMore
            : FeatureChange.FiresLess;
        return new(
            f, change, inA.Ratio, inB.Ratio, shareA, shareB,
            interval is var (low, high) ? new Effect(inB.Ratio / inA.Ratio, low, high) : null,
            onBoth ? null : now.Sequences > 0 ? ShareInterval(now.Sequences, b) : ShareInterval(then.Sequences, a),
            magnitude?.Octaves,
            !reached ? 1 : test?.P ?? FisherP(then.Sequences, a.Sequences, now.Sequences, b.Sequences),
            magnitude?.P ?? 1);
    }

    /// <summary>Twice the tail on the side that has more of them; the other tail is no smaller.</summary>
    private static double FisherP(long hitsA, long a, long hitsB, long b) =>
        Math.Min(1, 2 * ((double)hitsB * a > (double)hitsA * b ? Statistics.FisherP(hitsB, b, hitsA, a) : Statistics.FisherP(hitsA, a, hitsB, b)));

    private static double Share(long sequences, WindowSummary summary) => summary.Sequences == 0 ? 0 : (double)sequences / summary.Sequences;

    private static Effect ShareInterval(long sequences, WindowSummary summary)
    {
        var (low, high) = Statistics.ClopperPearson(sequences, summary.Sequences, Confidence);
        return new(Share(sequences, summary), low, high);
    }

    /// <summary>Per feature how many sequences have it, and mean and variance of log₂ of their magnitudes.</summary>
    private sealed class MagnitudeMoments
    {
        private const long SequencesMinimum = 30;

        // Of an even spread over a quarter of an octave.
        private const double VarianceWithinBin = 0.25 * 0.25 / 12;

        private readonly long[] countF;
        private readonly double[] sumF, squareF;

        public MagnitudeMoments(WindowSummary summary)
        {
            (countF, sumF, squareF) = (new long[summary.Features], new double[summary.Features], new double[summary.Features]);
            for (var place = 0; place < summary.Fired.Length; place++)
            {
                var feature = summary.Fired[place].Feature;
                foreach (var (bin, sequences) in summary.Magnitudes.Of(place))
                {
                    // What is 0 has no logarithm.
                    if (bin == 0) continue;
                    var octaves = MagnitudeBins.OctavesOf(bin);
                    countF[feature] += sequences;
                    sumF[feature] += octaves * sequences;
                    squareF[feature] += octaves * octaves * sequences;
                }
            }
        }

        /// <summary>Welch's test of the difference of the means; null where a side has too few sequences.</summary>
        public (Effect Octaves, double P)? Compare(MagnitudeMoments other, int f)
        {
            if (Math.Min(countF[f], other.countF[f]) < SequencesMinimum) return null;
            var (errorA, errorB) = (VarianceOfMean(f), other.VarianceOfMean(f));
            var difference = other.sumF[f] / other.countF[f] - sumF[f] / countF[f];
            var error = Math.Sqrt(errorA + errorB);
            var freedom = (errorA + errorB) * (errorA + errorB) / (errorA * errorA / (countF[f] - 1) + errorB * errorB / (other.countF[f] - 1));
            return (new(difference, difference - Quantile * error, difference + Quantile * error), Statistics.StudentP(difference / error, freedom));
        }

        private double VarianceOfMean(int f) =>
            (Math.Max(0, squareF[f] - sumF[f] * sumF[f] / countF[f]) / (countF[f] - 1) + VarianceWithinBin) / countF[f];
    }
}
