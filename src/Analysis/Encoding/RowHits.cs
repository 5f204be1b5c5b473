using System.Numerics;
using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Encoding;

/// <summary>A row's features so far, ascending. With a limit k only those that can still be among the k largest.</summary>
/// <remarks>Bound: all F features without a limit; 4k + 64 with one. Then the list is pruned to k and <see cref="Cut"/> rises, so few come after.</remarks>
internal sealed class RowHits(int k)
{
    // Value above, feature inverted below: values are positive, so the larger key is the larger value and, between equals, the lower feature.
    private long[] keys = new long[64];
    private int count;

    public static int Unlimited => int.MaxValue;

    /// <summary>Only what is above can still count. A later feature of the same value has the higher index and loses.</summary>
    public float Cut { get; private set; }

    public void Clear() => (count, Cut) = (0, 0);

    /// <param name="feature">Above all before it.</param>
    public void Add(int feature, float value)
    {
        if (count == keys.Length) MakeRoom();
        keys[count++] = (long)BitConverter.SingleToUInt32Bits(value) << 32 | (uint)~feature;
    }

    public void AddRange(ReadOnlySpan<int> features, ReadOnlySpan<float> values)
    {
        for (var i = 0; i < features.Length; i++) Add(features[i], values[i]);
    }

    public void MoveTo(SparseCodes codes, ref int[] featureScratch, ref float[] valueScratch)
    {
        if (count > k) Prune();
        if (featureScratch.Length < count) (featureScratch, valueScratch) = (new int[keys.Length], new float[keys.Length]);
        for (var i = 0; i < count; i++)
        {
            featureScratch[i] = ~(int)keys[i];
            valueScratch[i] = BitConverter.UInt32BitsToSingle((uint)(keys[i] >> 32));
        }
        codes.AddRow(featureScratch.AsSpan(0, count), valueScratch.AsSpan(0, count));
        Clear();
    }

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
