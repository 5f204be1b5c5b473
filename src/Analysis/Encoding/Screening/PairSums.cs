using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Sums of x w for chosen pairs of a row and a feature, over a piece of the width: what was summed before goes in, the longer sum comes out.</summary>
internal static unsafe class PairSums
{
    /// <summary>Exact sums are made for so many pairs at a time.</summary>
    public const int PairsOfTurn = 16;

    /// <summary>Of a row with four features, in whatever order is fast.</summary>
    /// <param name="length">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector128<float> Rough(float* x, float* w0, float* w1, float* w2, float* w3, int length)
    {
        if (!Vector512.IsHardwareAccelerated)
        {
            var ((s0, s1), (s2, s3)) = (Rough(x, w0, w1, length), Rough(x, w2, w3, length));
            return Vector128.Create(s0, s1, s2, s3);
        }
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var i = 0; i < length; i += 16)
        {
            var some = Vector512.LoadAligned(x + i);
            a = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(w0 + i), a);
            b = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(w1 + i), b);
            c = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(w2 + i), c);
            d = Vector512.FusedMultiplyAdd(some, Vector512.LoadAligned(w3 + i), d);
        }
        return Sums(a.GetLower() + a.GetUpper(), b.GetLower() + b.GetUpper(), c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper());
    }

    /// <summary>Of a row with two features.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (float, float) Rough(float* x, float* w0, float* w1, int length)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        for (var i = 0; i < length; i += 16)
        {
            Vector256<float> some = Vector256.LoadAligned(x + i), more = Vector256.LoadAligned(x + i + 8);
            a = Vector256.FusedMultiplyAdd(some, Vector256.LoadAligned(w0 + i), a);
            b = Vector256.FusedMultiplyAdd(more, Vector256.LoadAligned(w0 + i + 8), b);
            c = Vector256.FusedMultiplyAdd(some, Vector256.LoadAligned(w1 + i), c);
            d = Vector256.FusedMultiplyAdd(more, Vector256.LoadAligned(w1 + i + 8), d);
        }
        return (Vector256.Sum(a + b), Vector256.Sum(c + d));
    }

    /// <summary>Of each: neighbours are added until one number is left.</summary>
    private static Vector128<float> Sums(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        var halves = Avx.HorizontalAdd(Avx.HorizontalAdd(a, b), Avx.HorizontalAdd(c, d));
        return halves.GetLower() + halves.GetUpper();
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
