using System.Numerics;
using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Encoding;

/// <summary>A row's features so far, ascending. With a limit k only those that can still be among the k largest; with groups only the largest of each.</summary>
/// <remarks>Bound: all F features without a limit; 4k + 64 with one. Then the list is pruned to k and <see cref="Cut"/> rises, so few come after.</remarks>
/// <param name="groupSize">So many consecutive features are a group; 0: there are none.</param>
internal sealed class RowHits(int k, int groupSize = 0)
{
    // Magnitude above, feature inverted below, sign last: the larger key is the larger magnitude and, between equals, the lower feature.
    private long[] keys = new long[64];
    private int count;

    public static int Unlimited => int.MaxValue;

    /// <summary>Only magnitudes above can still count. A later feature of the same value has the higher index and loses.</summary>
    public float Cut { get; private set; }

    public void Clear() => (count, Cut) = (0, 0);

    /// <param name="feature">Above all before it.</param>
    public void Add(int feature, float value)
    {
        if (count == keys.Length) MakeRoom();
        var bits = BitConverter.SingleToUInt32Bits(value);
        var key = (long)(bits & int.MaxValue) << 32 | (long)(~feature & int.MaxValue) << 1 | bits >> 31;
        // Features come ascending, so the group's largest so far is the last one.
        if (groupSize > 0 && count > 0 && FeatureOf(keys[count - 1]) / groupSize == feature / groupSize) keys[count - 1] = Math.Max(keys[count - 1], key);
        else keys[count++] = key;
    }

    public void AddRange(ReadOnlySpan<int> features, ReadOnlySpan<float> values)
    {
        for (var i = 0; i < features.Length; i++) Add(features[i], values[i]);
    }

    /// <summary>Writes the hits behind the <paramref name="at"/> that are there already, making the arrays longer where needed, and begins a new row.</summary>
    /// <returns>How many there are now.</returns>
    public int MoveTo(ref int[] features, ref float[] values, int at)
    {
        if (count > k) Prune();
        if (features.Length < at + count)
        {
            Array.Resize(ref features, at + keys.Length);
            Array.Resize(ref values, at + keys.Length);
        }
        for (var i = 0; i < count; i++)
        {
            features[at + i] = FeatureOf(keys[i]);
            values[at + i] = BitConverter.UInt32BitsToSingle((uint)(keys[i] >> 32) | (uint)keys[i] << 31);
        }
        var end = at + count;
        Clear();
        return end;
    }

    /// <summary>Raises <see cref="Cut"/> to the k-th largest so far, if there are more than <paramref name="slack"/> above k: often would cost more than it spares.</summary>
    public void Tighten(int slack)
    {
        if (count > (long)k + slack) Prune();
    }

    private static int FeatureOf(long key) => ~(int)(key >> 1) & int.MaxValue;

    private void MakeRoom()
    {
        var limit = Math.Min(4L * k + 64, Array.MaxLength);
        if (count >= limit) Prune();
        else Array.Resize(ref keys, (int)Math.Min(limit, 2L * count));
    }

    private void Prune()
    {
        var least = Dividing();
        var cut = long.MaxValue;
        var kept = 0;
        for (var i = 0; i < count; i++)
        {
            if (keys[i] < least) continue;
            cut = Math.Min(cut, keys[i]);
            keys[kept++] = keys[i];
        }
        count = kept;
        Cut = BitConverter.UInt32BitsToSingle((uint)(cut >> 32));
    }

    /// <summary>A number that exactly k keys reach: bit by bit from the top, until one fits. Keys are distinct, so one does.</summary>
    /// <remarks>Not quickselect: no order of arrival makes this slow.</remarks>
    private long Dividing()
    {
        var least = 0L;
        for (var bit = 62; bit >= 0; bit--)
        {
            var reaching = Reaching(least | 1L << bit);
            if (reaching >= k) least |= 1L << bit;
            if (reaching == k) break;
        }
        return least;
    }

    private long Reaching(long least)
    {
        var some = keys.AsSpan(0, count);
        var vectors = MemoryMarshal.Cast<long, Vector<long>>(some);
        var minus = Vector<long>.Zero;
        foreach (var vector in vectors) minus += Vector.GreaterThanOrEqual(vector, new Vector<long>(least));
        var reaching = -Vector.Sum(minus);
        foreach (var key in some[(vectors.Length * Vector<long>.Count)..]) reaching += key >= least ? 1 : 0;
        return reaching;
    }
}
