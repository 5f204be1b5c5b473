using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>The innermost products of screening, for what this processor has: a tile of <see cref="Rows"/> × <see cref="Features"/> sums of 8-bit products, held in registers over the whole width.</summary>
/// <remarks>
/// Whole numbers: every kernel's sums are exact, and what screening decides with them is only which exact sums are worth making.
/// Rows are unsigned, <see cref="Offset"/> above their signed value, since that is what processors multiply; the caller starts each sum at −Offset · Σ weights.
/// .NET 10 has the 8-bit dot product at 256 bits only (AVX-VNNI: Intel since 2021, AMD since Zen 5), at twice the float32 peak of AVX-512. The one of 512 bits (also on Intel since 2019
/// and Zen 4) does twice as much again, and is half of encoding even so, so it has a native kernel, for which the others stand in.
/// </remarks>
internal abstract unsafe class ScreenKernel(string name, int rows, int features, int offset)
{
    /// <summary>Weights lie between −this and this.</summary>
    public const int WeightMaximum = 127;

    /// <summary>The width of <see cref="PairSums"/> is a multiple of this.</summary>
    public const int PairLength = 64;

    /// <summary>Wider, and sums of 255 · 127 could pass 2³¹.</summary>
    public const int WidthMaximum = 65_536;

    /// <summary>The fastest first.</summary>
    public static readonly ScreenKernel[] All = [new NativeKernel(), new AvxVnniKernel(), new Avx512Kernel(), new Avx2Kernel(), new PlainKernel()];

    /// <summary>None where bytes are multiplied no faster than floats.</summary>
    public static ScreenKernel? Best { get; } = All.FirstOrDefault(kernel => kernel.IsSupported && kernel is not PlainKernel);

    public string Name { get; } = name;

    /// <summary>Of a tile: so many rows lie side by side in a packed group, four bytes of each in turn.</summary>
    public int Rows { get; } = rows;

    /// <summary>Of a tile: so many features lie side by side in a packed panel, four bytes of each in turn. A multiple of 16 that divides 32.</summary>
    public int Features { get; } = features;

    /// <summary>Row values lie between 1 − this and this − 1 before it is added.</summary>
    public int Offset { get; } = offset;

    public abstract bool IsSupported { get; }

    /// <param name="panel">[quads, Features, 4], aligned to 64 bytes.</param>
    /// <param name="group">[quads, Rows, 4].</param>
    /// <param name="startF">Where each feature's sum starts.</param>
    /// <param name="tile">[Rows, Features], aligned to 64 bytes; overwritten.</param>
    public abstract void Sum(sbyte* panel, byte* group, int quads, int* startF, int* tile);

    /// <summary>Adds to each pair's sum the products of its row and its feature over a piece of the width.</summary>
    /// <param name="x">[rows, length], any bytes; as all here aligned to 64 bytes.</param>
    /// <param name="w">[places, length].</param>
    /// <param name="length">A multiple of <see cref="PairLength"/>.</param>
    public abstract void AddPairs(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums);

    private sealed class NativeKernel() : ScreenKernel("AVX512-VNNI", rows: 12, features: 32, offset: 128)
    {
        // CPUID leaf 7, ECX: the bit of AVX512_VNNI. That the system keeps the registers is what Avx512BW says.
        private const int Vnni = 1 << 11;

        private static readonly delegate* unmanaged<sbyte*, byte*, int, int*, int*, void> sum = (delegate* unmanaged<sbyte*, byte*, int, int*, int*, void>)Load("driftwatch_screen_vnni512");

        private static readonly delegate* unmanaged<byte*, sbyte*, int, Candidate*, int, int*, void> pairSums = (delegate* unmanaged<byte*, sbyte*, int, Candidate*, int, int*, void>)Load("driftwatch_pairs_vnni512");

        public override bool IsSupported => sum != null && pairSums != null;

        public override void Sum(sbyte* panel, byte* group, int quads, int* startF, int* tile) => sum(panel, group, quads, startF, tile);

        public override void AddPairs(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums)
        {
            fixed (Candidate* firstPair = pairs)
            fixed (int* firstSum = sums) pairSums(x, w, length, firstPair, pairs.Length, firstSum);
        }

        private static void* Load(string name) =>
            Avx512BW.IsSupported && (X86Base.CpuId(7, 0).Ecx & Vnni) != 0
            && NativeLibrary.TryLoad("driftwatch-screen", typeof(ScreenKernel).Assembly, DllImportSearchPath.AssemblyDirectory, out var library)
            && NativeLibrary.TryGetExport(library, name, out var address)
                ? (void*)address
                : null;
    }

    private sealed class AvxVnniKernel() : ScreenKernel("AVX-VNNI", rows: 6, features: 16, offset: 128)
    {
        public override bool IsSupported => AvxVnni.IsSupported;

        public override void AddPairs(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums) => PairSums.WholeVnni(x, w, length, pairs, sums);

        // 12 sums, 2 weights and 1 input in the 16 registers that this instruction can name.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Sum(sbyte* panel, byte* group, int quads, int* startF, int* tile)
        {
            Vector256<int> a0 = Vector256.LoadAligned(startF), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
            Vector256<int> b0 = Vector256.LoadAligned(startF + 8), b1 = b0, b2 = b0, b3 = b0, b4 = b0, b5 = b0;

            for (var end = group + quads * 24; group < end; group += 24, panel += 64)
            {
                var a = Vector256.LoadAligned(panel);
                var b = Vector256.LoadAligned(panel + 32);
                var x = Vector256.Create(*(int*)group).AsByte();
                a0 = AvxVnni.MultiplyWideningAndAdd(a0, x, a); b0 = AvxVnni.MultiplyWideningAndAdd(b0, x, b);
                x = Vector256.Create(*(int*)(group + 4)).AsByte();
                a1 = AvxVnni.MultiplyWideningAndAdd(a1, x, a); b1 = AvxVnni.MultiplyWideningAndAdd(b1, x, b);
                x = Vector256.Create(*(int*)(group + 8)).AsByte();
                a2 = AvxVnni.MultiplyWideningAndAdd(a2, x, a); b2 = AvxVnni.MultiplyWideningAndAdd(b2, x, b);
                x = Vector256.Create(*(int*)(group + 12)).AsByte();
                a3 = AvxVnni.MultiplyWideningAndAdd(a3, x, a); b3 = AvxVnni.MultiplyWideningAndAdd(b3, x, b);
                x = Vector256.Create(*(int*)(group + 16)).AsByte();
                a4 = AvxVnni.MultiplyWideningAndAdd(a4, x, a); b4 = AvxVnni.MultiplyWideningAndAdd(b4, x, b);
                x = Vector256.Create(*(int*)(group + 20)).AsByte();
                a5 = AvxVnni.MultiplyWideningAndAdd(a5, x, a); b5 = AvxVnni.MultiplyWideningAndAdd(b5, x, b);
            }

            a0.StoreAligned(tile); b0.StoreAligned(tile + 8); a1.StoreAligned(tile + 16); b1.StoreAligned(tile + 24);
            a2.StoreAligned(tile + 32); b2.StoreAligned(tile + 40); a3.StoreAligned(tile + 48); b3.StoreAligned(tile + 56);
            a4.StoreAligned(tile + 64); b4.StoreAligned(tile + 72); a5.StoreAligned(tile + 80); b5.StoreAligned(tile + 88);
        }
    }

    // Without a dot product: bytes to pairs in 16 bits, pairs to fours in 32. 2 · 127 · 127 just fits 16 bits, so rows have 7 bits here.
    private sealed class Avx512Kernel() : ScreenKernel("AVX-512BW", rows: 6, features: 16, offset: 64)
    {
        public override bool IsSupported => Avx512BW.IsSupported;

        public override void AddPairs(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums) => PairSums.Whole512(x, w, length, pairs, sums);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Sum(sbyte* panel, byte* group, int quads, int* startF, int* tile)
        {
            Vector512<int> a0 = Vector512.LoadAligned(startF), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;

            for (var end = group + quads * 24; group < end; group += 24, panel += 64)
            {
                var a = Vector512.LoadAligned(panel);
                a0 += Fours(group, a); a1 += Fours(group + 4, a); a2 += Fours(group + 8, a);
                a3 += Fours(group + 12, a); a4 += Fours(group + 16, a); a5 += Fours(group + 20, a);
            }

            a0.StoreAligned(tile); a1.StoreAligned(tile + 16); a2.StoreAligned(tile + 32);
            a3.StoreAligned(tile + 48); a4.StoreAligned(tile + 64); a5.StoreAligned(tile + 80);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<int> Fours(byte* x, Vector512<sbyte> weights) =>
            Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(Vector512.Create(*(int*)x).AsByte(), weights), Vector512.Create((short)1));
    }

    // The same at 256 bits, half of the features at a time.
    private sealed class Avx2Kernel() : ScreenKernel("AVX2", rows: 6, features: 16, offset: 64)
    {
        public override bool IsSupported => Avx2.IsSupported;

        public override void AddPairs(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums) => PairSums.Whole256(x, w, length, pairs, sums);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Sum(sbyte* panel, byte* group, int quads, int* startF, int* tile)
        {
            for (var half = 0; half < 2; half++, panel += 32, startF += 8, tile += 8)
            {
                Vector256<int> a0 = Vector256.LoadAligned(startF), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;

                for (var i = 0; i < quads; i++)
                {
                    var a = Vector256.LoadAligned(panel + i * 64);
                    var x = group + i * 24;
                    a0 += Fours(x, a); a1 += Fours(x + 4, a); a2 += Fours(x + 8, a);
                    a3 += Fours(x + 12, a); a4 += Fours(x + 16, a); a5 += Fours(x + 20, a);
                }

                a0.StoreAligned(tile); a1.StoreAligned(tile + 16); a2.StoreAligned(tile + 32);
                a3.StoreAligned(tile + 48); a4.StoreAligned(tile + 64); a5.StoreAligned(tile + 80);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<int> Fours(byte* x, Vector256<sbyte> weights) =>
            Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(Vector256.Create(*(int*)x).AsByte(), weights), Vector256.Create((short)1));
    }

    // What the others are tested against; runs anywhere, and slower than floats.
    private sealed class PlainKernel() : ScreenKernel("plain", rows: 6, features: 16, offset: 128)
    {
        public override bool IsSupported => true;

        public override void AddPairs(byte* x, sbyte* w, int length, ReadOnlySpan<Candidate> pairs, Span<int> sums) => PairSums.Whole(x, w, length, pairs, sums);

        public override void Sum(sbyte* panel, byte* group, int quads, int* startF, int* tile)
        {
            for (var row = 0; row < Rows; row++)
                for (var f = 0; f < Features; f++)
                {
                    var sum = startF[f];
                    for (var i = 0; i < quads * 4; i++) sum += group[i / 4 * 4 * Rows + row * 4 + i % 4] * panel[i / 4 * 4 * Features + f * 4 + i % 4];
                    tile[row * Features + f] = sum;
                }
        }
    }
}
