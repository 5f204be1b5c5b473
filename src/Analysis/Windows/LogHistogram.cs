using System.Collections.Immutable;

namespace DriftWatch.Analysis.Windows;

/// <summary>Counts of numbers in bins of a 256th of an octave: mergeable, exact in its counts, sparse.</summary>
/// <remarks>
/// The bin is the number's exponent and the first eight bits of its mantissa, so it needs no logarithm and is the same on every machine.
/// A bin is between 0.2 and 0.4 % wide: a quantile read from it is off by at most that, and the counts above a bin's edge are exact.
/// </remarks>
public sealed class LogHistogram
{
    private const int MantissaShift = 52 - 8;

    public static readonly LogHistogram Empty = new(ImmutableSortedDictionary<int, long>.Empty);

    private readonly ImmutableSortedDictionary<int, long> counts;

    private LogHistogram(ImmutableSortedDictionary<int, long> counts) => this.counts = counts;

    public static LogHistogram From(IEnumerable<KeyValuePair<int, long>> bins) => new(ImmutableSortedDictionary.CreateRange(bins));

    /// <summary>Bin → count, ascending.</summary>
    public IReadOnlyDictionary<int, long> Bins => counts;
    public long Total => counts.Values.Sum();

    /// <summary>Ascending with the value; a negative number has the bin of its size, negated.</summary>
    public static int BinOf(double value) => value > 0 ? (int)(BitConverter.DoubleToInt64Bits(value) >> MantissaShift) : value < 0 ? -BinOf(-value) : 0;

    /// <summary>The number of a bin that is nearest to 0.</summary>
    public static double EdgeOf(int bin) => bin < 0 ? -EdgeOf(-bin) : BitConverter.Int64BitsToDouble((long)bin << MantissaShift);

    /// <summary>The greatest number of a bin, or what lies just above it.</summary>
    public static double UpperEdgeOf(int bin) => bin < 0 ? EdgeOf(bin) : EdgeOf(bin + 1);

    /// <summary>The last bin that does not lie above a threshold: what <see cref="CountAbove"/> of it counts lies at or above the first edge from the threshold on.</summary>
    public static int BinBefore(double threshold) => BinOf(threshold) is var bin && bin > 0 && EdgeOf(bin) == threshold ? bin - 1 : bin;

    public LogHistogram Merge(LogHistogram other)
    {
        var merged = counts.ToBuilder();
        foreach (var (bin, count) in other.counts) merged[bin] = merged.GetValueOrDefault(bin) + count;
        return new(merged.ToImmutable());
    }

    /// <summary>The first bin with at least <paramref name="share"/> of the counts at or below it; 0 for an empty histogram.</summary>
    public int QuantileBin(double share)
    {
        var (wanted, seen) = (share * Total, 0L);
        foreach (var (bin, count) in counts)
        {
            seen += count;
            if (seen >= wanted) return bin;
        }
        return 0;
    }

    /// <summary>The last bin with at most <paramref name="share"/> of the counts below it; 0 for an empty histogram.</summary>
    public int LowerBin(double share)
    {
        var (most, seen, last) = (share * Total, 0L, 0);
        foreach (var (bin, count) in counts)
        {
            if (seen > most) break;
            last = bin;
            seen += count;
        }
        return last;
    }

    /// <summary>Where the bulk lies, whatever the tails do: the number at the mean bin of the middle half of the counts.</summary>
    public double Middle()
    {
        var (low, high) = (Total / 4.0, Total * 3 / 4.0);
        var (seen, sum) = (0.0, 0.0);
        foreach (var (bin, count) in counts)
        {
            sum += bin * Math.Max(0, Math.Min(high, seen + count) - Math.Max(low, seen));
            seen += count;
        }
        if (seen == 0) return 0;
        var middle = sum / (high - low);
        var below = (int)Math.Floor(middle);
        return EdgeOf(below) + (middle - below) * (EdgeOf(below + 1) - EdgeOf(below));
    }

    /// <summary>How many lie above a bin.</summary>
    public long CountAbove(int bin) => counts.Where(entry => entry.Key > bin).Sum(entry => entry.Value);

    /// <summary>How many lie below a bin.</summary>
    public long CountBelow(int bin) => counts.TakeWhile(entry => entry.Key < bin).Sum(entry => entry.Value);
}
