using System.Numerics;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>The bootstrap by sequence: every sum is kept once as it is (lane 0) and once for each resample, in which a sequence counts so often as was drawn for it.</summary>
/// <remarks>
/// Poisson bootstrap (Hanley and MacGibbon 2006): each sequence's count is Poisson(1), from a hash of its ordinal and the resample. It needs no second look at the data, nor their number beforehand,
/// and the map and its controls are resampled alike.
/// </remarks>
public static class Resampling
{
    public const int Resamples = 200;

    /// <summary>Lanes of a sum: the sum itself, and the resamples.</summary>
    public const int Lanes = Resamples + 1;

    private const int CountMaximum = 12;
    private static readonly ulong[] distribution = Distribution();

    /// <summary>How often a sequence counts in each lane.</summary>
    public static void Weights(long ordinal, Span<double> weightsL)
    {
        weightsL[0] = 1;
        for (var lane = 1; lane < Lanes; lane++)
        {
            var draw = SplitMix64.Mix(((ulong)ordinal * Lanes + (ulong)lane + 1) * SplitMix64.Step);
            var count = 0;
            while (count < CountMaximum && draw >= distribution[count]) count++;
            weightsL[lane] = count;
        }
    }

    /// <summary>sum += weight · value, lane by lane.</summary>
    public static void Add(Span<double> sumL, ReadOnlySpan<double> weightsL, double value)
    {
        var factor = new Vector<double>(value);
        var lane = 0;
        for (; lane + Vector<double>.Count <= sumL.Length; lane += Vector<double>.Count)
            (new Vector<double>(sumL[lane..]) + factor * new Vector<double>(weightsL[lane..])).CopyTo(sumL[lane..]);
        for (; lane < sumL.Length; lane++) sumL[lane] += weightsL[lane] * value;
    }

    /// <summary>Lane 0 and the middle 95 % of the resamples, moved so that their median is lane 0: resampling loses some firings of rare features, which lowers every correlation a little.</summary>
    /// <remarks>A resample in which the figure is not defined says nothing.</remarks>
    public static Estimate Interval(ReadOnlySpan<double> valuesL)
    {
        var value = valuesL[0];
        var resamples = valuesL[1..].ToArray().Where(double.IsFinite).Order().ToArray();
        if (resamples.Length == 0) return new(value, value, value);
        double At(double share) => resamples[(int)Math.Round(share * (resamples.Length - 1))];
        return new(value, value - (At(0.5) - At(0.025)), value + (At(0.975) - At(0.5)));
    }

    /// <summary>Distribution function of Poisson(1) on the scale of 64 bits.</summary>
    private static ulong[] Distribution()
    {
        var upTo = new ulong[CountMaximum];
        for (var (count, term, sum) = (0, Math.Exp(-1), 0.0); count < CountMaximum; term /= ++count)
        {
            sum += term;
            upTo[count] = (ulong)(Math.Min(sum, 1 - 1e-12) * 18446744073709551616.0);
        }
        return upTo;
    }
}

/// <summary>A figure and its 95 % interval over sequences.</summary>
public sealed record Estimate(double Value, double Low, double High)
{
    /// <summary>For a figure that cannot lie outside.</summary>
    public Estimate Within(double least, double most) => new(Value, Math.Clamp(Low, least, most), Math.Clamp(High, least, most));
}
