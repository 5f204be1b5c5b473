using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Sums of x w for chosen pairs of a row and a feature, over a piece of the width: what was summed before goes in, the longer sum comes out.</summary>
internal static unsafe class PairSums
{
    /// <summary>Exact sums are made for so many pairs at a time.</summary>
    public const int PairsOfTurn = 16;

    /// <summary>Of four rows with one feature, in whatever order is fast.</summary>
    /// <param name="length">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector128<float> Rough(float* w, float* x0, float* x1, float* x2, float* x3, int length)
    {
        if (!Vector512.IsHardwareAccelerated) return RoughNarrow(w, x0, x1, x2, x3, length);
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var i = 0; i < length; i += 16)
        {
            var some = Vector512.LoadAligned(w + i);
            s0 = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(x0 + i), s0);
            s1 = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(x1 + i), s1);
            s2 = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(x2 + i), s2);
            s3 = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(x3 + i), s3);
        }
        return Vector128.Create(Vector512.Sum(s0), Vector512.Sum(s1), Vector512.Sum(s2), Vector512.Sum(s3));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector128<float> RoughNarrow(float* w, float* x0, float* x1, float* x2, float* x3, int length)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var i = 0; i < length; i += 8)
        {
            var some = Vector256.LoadAligned(w + i);
            s0 = Vector256.FusedMultiplyAdd(some, Vector256.LoadAligned(x0 + i), s0);
            s1 = Vector256.FusedMultiplyAdd(some, Vector256.LoadAligned(x1 + i), s1);
            s2 = Vector256.FusedMultiplyAdd(some, Vector256.LoadAligned(x2 + i), s2);
            s3 = Vector256.FusedMultiplyAdd(some, Vector256.LoadAligned(x3 + i), s3);
        }
        return Vector128.Create(Vector256.Sum(s0), Vector256.Sum(s1), Vector256.Sum(s2), Vector256.Sum(s3));
    }

    /// <summary>Of 16 pairs in the order of <see cref="DotProduct"/>: to the bit what every other path makes.</summary>
    /// <remarks>A sum waits for its last addition, so pairs are lanes: four numbers of each are turned on their side. Two registers of sums, that they do not wait either.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Exact(float** w, float** x, float* sums, int length)
    {
        var i = 0;
        if (Avx.IsSupported && Fma.IsSupported)
        {
            Vector256<float> s = Vector256.Load(sums), t = Vector256.Load(sums + 8);
            for (; i + 4 <= length; i += 4)
            {
                var (w0, w1, w2, w3) = Turn(w, i);
                var (x0, x1, x2, x3) = Turn(x, i);
                s = Fma.MultiplyAdd(x3, w3, Fma.MultiplyAdd(x2, w2, Fma.MultiplyAdd(x1, w1, Fma.MultiplyAdd(x0, w0, s))));
                (w0, w1, w2, w3) = Turn(w + 8, i);
                (x0, x1, x2, x3) = Turn(x + 8, i);
                t = Fma.MultiplyAdd(x3, w3, Fma.MultiplyAdd(x2, w2, Fma.MultiplyAdd(x1, w1, Fma.MultiplyAdd(x0, w0, t))));
            }
            s.Store(sums);
            t.Store(sums + 8);
        }
        for (; i < length; i++)
            for (var pair = 0; pair < PairsOfTurn; pair++) sums[pair] = MathF.FusedMultiplyAdd(x[pair][i], w[pair][i], sums[pair]);
    }

    /// <summary>Number i of eight vectors, number i + 1 of them, …</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float>, Vector256<float>, Vector256<float>, Vector256<float>) Turn(float** v, int i)
    {
        var a = Vector256.Create(Vector128.Load(v[0] + i), Vector128.Load(v[4] + i));
        var b = Vector256.Create(Vector128.Load(v[1] + i), Vector128.Load(v[5] + i));
        var c = Vector256.Create(Vector128.Load(v[2] + i), Vector128.Load(v[6] + i));
        var d = Vector256.Create(Vector128.Load(v[3] + i), Vector128.Load(v[7] + i));
        Vector256<float> ab = Avx.UnpackLow(a, b), cd = Avx.UnpackLow(c, d), ab2 = Avx.UnpackHigh(a, b), cd2 = Avx.UnpackHigh(c, d);
        return (Avx.Shuffle(ab, cd, 0x44), Avx.Shuffle(ab, cd, 0xEE), Avx.Shuffle(ab2, cd2, 0x44), Avx.Shuffle(ab2, cd2, 0xEE));
    }
}
