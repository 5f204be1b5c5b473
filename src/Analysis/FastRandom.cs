using System.Numerics;

namespace DriftWatch.Analysis;

/// <summary>xoshiro256**: seeded, quick, the same on every machine and runtime. Streams of different (seed, stream) are unrelated.</summary>
internal sealed class FastRandom
{
    private ulong a, b, c, d;
    private double spare = double.NaN;

    public FastRandom(long seed, long stream)
    {
        var state = (ulong)seed * SplitMix64.Step ^ (ulong)stream * 0xD1B54A32D192ED03;
        (a, b, c, d) = (SplitMix64.Next(ref state), SplitMix64.Next(ref state), SplitMix64.Next(ref state), SplitMix64.Next(ref state));
    }

    public ulong NextBits()
    {
        var result = BitOperations.RotateLeft(b * 5, 7) * 9;
        var t = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = BitOperations.RotateLeft(d, 45);
        return result;
    }

    /// <summary>0 to below 1.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    public int Next(int below) => (int)(((UInt128)NextBits() * (ulong)below) >> 64);

    /// <summary>Standard normal (Marsaglia's polar method).</summary>
    public double NextGaussian()
    {
        if (!double.IsNaN(spare))
        {
            var kept = spare;
            spare = double.NaN;
            return kept;
        }
        while (true)
        {
            var (x, y) = (2 * NextDouble() - 1, 2 * NextDouble() - 1);
            var s = x * x + y * y;
            if (s is >= 1 or 0) continue;
            var factor = Math.Sqrt(-2 * Math.Log(s) / s);
            spare = y * factor;
            return x * factor;
        }
    }
}
