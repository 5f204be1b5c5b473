using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Sums of x w for chosen pairs of a row and a feature, over a piece of the width: what was summed before goes in, the longer sum comes out.</summary>
internal static unsafe class PairSums
{
    /// <summary>Exact sums are made for so many pairs at a time.</summary>
    public const int PairsOfTurn = 16;

    /// <summary>Of a row with four features, whole numbers of 8 bits, at 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector128<int> Whole512(sbyte* x, sbyte* w0, sbyte* w1, sbyte* w2, sbyte* w3, int length)
    {
        Vector512<int> a = default, b = default, c = default, d = default;
        for (var i = 0; i < length; i += 32)
        {
            var some = Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(x + i));
            a += Avx512BW.MultiplyAddAdjacent(some, Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(w0 + i)));
            b += Avx512BW.MultiplyAddAdjacent(some, Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(w1 + i)));
            c += Avx512BW.MultiplyAddAdjacent(some, Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(w2 + i)));
            d += Avx512BW.MultiplyAddAdjacent(some, Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(w3 + i)));
        }
        return Sums(a.GetLower() + a.GetUpper(), b.GetLower() + b.GetUpper(), c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper());
    }

    /// <summary>The same at 256 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector128<int> Whole256(sbyte* x, sbyte* w0, sbyte* w1, sbyte* w2, sbyte* w3, int length)
    {
        Vector256<int> a = default, b = default, c = default, d = default;
        for (var i = 0; i < length; i += 16)
        {
            var some = Avx2.ConvertToVector256Int16(x + i);
            a += Avx2.MultiplyAddAdjacent(some, Avx2.ConvertToVector256Int16(w0 + i));
            b += Avx2.MultiplyAddAdjacent(some, Avx2.ConvertToVector256Int16(w1 + i));
            c += Avx2.MultiplyAddAdjacent(some, Avx2.ConvertToVector256Int16(w2 + i));
            d += Avx2.MultiplyAddAdjacent(some, Avx2.ConvertToVector256Int16(w3 + i));
        }
        return Sums(a, b, c, d);
    }

    /// <summary>The same anywhere.</summary>
    public static Vector128<int> Whole(sbyte* x, sbyte* w0, sbyte* w1, sbyte* w2, sbyte* w3, int length)
    {
        var sums = Vector128<int>.Zero;
        for (var i = 0; i < length; i++) sums += x[i] * Vector128.Create(w0[i], w1[i], w2[i], w3[i]);
        return sums;
    }

    /// <summary>Of each: neighbours are added until one number is left.</summary>
    private static Vector128<int> Sums(Vector256<int> a, Vector256<int> b, Vector256<int> c, Vector256<int> d)
    {
        var halves = Avx2.HorizontalAdd(Avx2.HorizontalAdd(a, b), Avx2.HorizontalAdd(c, d));
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
