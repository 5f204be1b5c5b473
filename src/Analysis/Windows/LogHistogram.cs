namespace DriftWatch.Analysis.Windows;

/// <summary>Counts of numbers in bins of a 256th of an octave: mergeable, exact in its counts, sparse.</summary>
/// <remarks>
/// The bin is the number's exponent and the first eight bits of its mantissa, so it needs no logarithm and is the same on every machine.
/// A bin is between 0.2 and 0.4 % wide: a quantile read from it is off by at most that, and the counts above a bin's edge are exact.
/// </remarks>
public sealed class LogHistogram
{
    private const int MantissaShift = 52 - 8;

    public static readonly LogHistogram Empty = new([]);

    // Ascending by bin. An array and not a sorted dictionary: thousands of windows are decoded and walked through in a replay.
    private readonly KeyValuePair<int, long>[] counts;

    private LogHistogram(KeyValuePair<int, long>[] counts)
    {
        this.counts = counts;
        foreach (var (_, count) in counts) Total += count;
    }

    /// <param name="bins">Each once, in any order.</param>
    public static LogHistogram From(IEnumerable<KeyValuePair<int, long>> bins)
    {
        KeyValuePair<int, long>[] sorted = [.. bins];
        Array.Sort(sorted, (a, b) => a.Key.CompareTo(b.Key));
        return new(sorted);
    }

    public static LogHistogram Of(ReadOnlySpan<double> values)
    {
        var bins = new Dictionary<int, long>();
        foreach (var value in values) System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(bins, BinOf(value), out _)++;
        return From(bins);
    }

    /// <summary>Bin → count, ascending.</summary>
    public IReadOnlyList<KeyValuePair<int, long>> Bins => counts;
    public long Total { get; }

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
        var merged = new List<KeyValuePair<int, long>>(counts.Length + other.counts.Length);
        var (i, j) = (0, 0);
        while (i < counts.Length && j < other.counts.Length)
        {
            var (mine, theirs) = (counts[i], other.counts[j]);
            merged.Add(mine.Key < theirs.Key ? mine : theirs.Key < mine.Key ? theirs : new(mine.Key, mine.Value + theirs.Value));
            if (mine.Key <= theirs.Key) i++;
            if (theirs.Key <= mine.Key) j++;
        }
        merged.AddRange(counts.AsSpan(i));
        merged.AddRange(other.counts.AsSpan(j));
        return new([.. merged]);
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
    public long CountAbove(int bin)
    {
        var above = 0L;
        for (var i = counts.Length - 1; i >= 0 && counts[i].Key > bin; i--) above += counts[i].Value;
        return above;
    }

    /// <summary>How many lie below a bin.</summary>
    public long CountBelow(int bin)
    {
        var below = 0L;
        for (var i = 0; i < counts.Length && counts[i].Key < bin; i++) below += counts[i].Value;
        return below;
    }
}
