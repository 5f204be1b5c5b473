using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Sums of x w for chosen pairs of a row and a feature, over a piece of the width: what was summed before goes in, the longer sum comes out.</summary>
internal static unsafe class PairSums
{
    /// <summary>Exact sums are made for so many pairs at a time.</summary>
    public const int PairsOfTurn = 16;

    // Of the cache, in floats.
    private const int Line = 16;

    /// <summary>Whole numbers of 8 bits (<see cref="ScreenKernel.AddPairs"/>) at 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Whole512(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums)
    {
        for (var i = 0; i < pairs.Length; i++)
        {
            var row = x + (long)pairs[i].Row * length;
            var feature = w + (long)pairs[i].Place * length;
            Vector512<int> a = default, b = default;
            for (var end = row + length; row < end; row += 64, feature += 64)
            {
                a += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(row)), Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(feature)));
                b += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(row + 32)), Avx512BW.ConvertToVector512Int16(Vector256.LoadAligned(feature + 32)));
            }
            sums[i] += Vector512.Sum(a + b);
        }
    }

    /// <summary>The same at 256 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Whole256(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums)
    {
        for (var i = 0; i < pairs.Length; i++)
        {
            var row = x + (long)pairs[i].Row * length;
            var feature = w + (long)pairs[i].Place * length;
            Vector256<int> a = default, b = default;
            for (var end = row + length; row < end; row += 32, feature += 32)
            {
                a += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(row), Avx2.ConvertToVector256Int16(feature));
                b += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(row + 16), Avx2.ConvertToVector256Int16(feature + 16));
            }
            sums[i] += Vector256.Sum(a + b);
        }
    }

    /// <summary>The same with AVX-VNNI.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WholeVnni(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums)
    {
        for (var i = 0; i < pairs.Length; i++)
        {
            var row = x + (long)pairs[i].Row * length;
            var feature = w + (long)pairs[i].Place * length;
            Vector256<int> a = default, b = default;
            for (var end = row + length; row < end; row += 64, feature += 64)
            {
                a = AvxVnni.MultiplyWideningAndAdd(a, Vector256.LoadAligned(row), Vector256.LoadAligned(feature));
                b = AvxVnni.MultiplyWideningAndAdd(b, Vector256.LoadAligned(row + 32), Vector256.LoadAligned(feature + 32));
            }
            sums[i] += Vector256.Sum(a + b);
        }
    }

    /// <summary>The same anywhere.</summary>
    public static void Whole(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums)
    {
        for (var i = 0; i < pairs.Length; i++)
        {
            var row = x + (long)pairs[i].Row * length;
            var feature = w + (long)pairs[i].Place * length;
            for (var j = 0; j < length; j++) sums[i] += row[j] * feature[j];
        }
    }

    /// <summary>Of 16 pairs in the order of <see cref="DotProduct"/>: to the bit what every other path makes.</summary>
    /// <param name="nextW">Those of the next turn, line by line asked for meanwhile: all at once, they would wait for each other.</param>
    /// <remarks>A sum waits for its last addition, so pairs are lanes: four numbers of each are turned on their side. Two registers of sums, that they do not wait either.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Exact(float** w, float** x, float** nextW, float** nextX, float* sums, int length)
    {
        var i = 0;
        if (Avx.IsSupported && Fma.IsSupported)
        {
            Vector256<float> s = Vector256.Load(sums), t = Vector256.Load(sums + 8);
            for (; i + 4 <= length; i += 4)
            {
                if (i % Line == 0)
                    for (var pair = 0; pair < PairsOfTurn; pair++)
                    {
                        Sse.Prefetch1(nextW[pair] + i);
                        Sse.Prefetch1(nextX[pair] + i);
                    }
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
