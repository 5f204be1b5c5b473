using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DriftWatch.Benchmarks.Encode;

/// <summary>What this machine can do at most, measured: no formula of clock and ports, which shared and virtual machines do not keep.</summary>
internal static class MachineLimits
{
    private const int Repeats = 5;

    /// <summary>Fused multiply-adds in float32 from registers, the widest there are; GFLOP/s of all threads.</summary>
    public static double MultiplyAdd(int threads) => Best(threads, () => Registers(40_000_000) / 1e9);

    /// <summary>Bytes copied from one array to another, both far larger than caches; GB/s of all threads (each byte is read and written once).</summary>
    public static double Copy(int threads)
    {
        var arrays = Enumerable.Range(0, threads).Select(_ => (From: new byte[256 << 20], To: new byte[256 << 20])).ToArray();
        foreach (var (from, to) in arrays) from.AsSpan().Fill(1);
        var next = -1;
        return Best(threads, () =>
        {
            var (from, to) = arrays[(int)((uint)Interlocked.Increment(ref next) % threads)];
            from.CopyTo(to, 0);
            return from.Length / 1e9;
        });
    }

    /// <summary>The best of a few: what others on the machine took is not its limit.</summary>
    private static double Best(int threads, Func<double> work)
    {
        var best = 0.0;
        for (var i = 0; i <= Repeats; i++)
        {
            var done = new double[threads];
            var began = Stopwatch.GetTimestamp();
            Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread => done[thread] = work());
            if (i > 0) best = Math.Max(best, done.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        return best;
    }

    // Twelve sums: more than additions in flight.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Registers(int steps)
    {
        if (!Vector512.IsHardwareAccelerated) return Narrow(steps);
        Vector512<float> x = Vector512.Create(0.5f), a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x, a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x;
        for (var i = 0; i < steps; i += 12)
        {
            a0 = Vector512.FusedMultiplyAdd(a0, x, x); a1 = Vector512.FusedMultiplyAdd(a1, x, x); a2 = Vector512.FusedMultiplyAdd(a2, x, x); a3 = Vector512.FusedMultiplyAdd(a3, x, x);
            a4 = Vector512.FusedMultiplyAdd(a4, x, x); a5 = Vector512.FusedMultiplyAdd(a5, x, x); a6 = Vector512.FusedMultiplyAdd(a6, x, x); a7 = Vector512.FusedMultiplyAdd(a7, x, x);
            a8 = Vector512.FusedMultiplyAdd(a8, x, x); a9 = Vector512.FusedMultiplyAdd(a9, x, x); a10 = Vector512.FusedMultiplyAdd(a10, x, x); a11 = Vector512.FusedMultiplyAdd(a11, x, x);
        }
        Keep(Vector512.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11));
        return 2.0 * 16 * steps;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Narrow(int steps)
    {
        Vector256<float> x = Vector256.Create(0.5f), a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x, a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x;
        for (var i = 0; i < steps; i += 12)
        {
            a0 = Vector256.FusedMultiplyAdd(a0, x, x); a1 = Vector256.FusedMultiplyAdd(a1, x, x); a2 = Vector256.FusedMultiplyAdd(a2, x, x); a3 = Vector256.FusedMultiplyAdd(a3, x, x);
            a4 = Vector256.FusedMultiplyAdd(a4, x, x); a5 = Vector256.FusedMultiplyAdd(a5, x, x); a6 = Vector256.FusedMultiplyAdd(a6, x, x); a7 = Vector256.FusedMultiplyAdd(a7, x, x);
            a8 = Vector256.FusedMultiplyAdd(a8, x, x); a9 = Vector256.FusedMultiplyAdd(a9, x, x); a10 = Vector256.FusedMultiplyAdd(a10, x, x); a11 = Vector256.FusedMultiplyAdd(a11, x, x);
        }
        Keep(Vector256.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11));
        return 2.0 * 8 * steps;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep(float some) => _ = some;
}
