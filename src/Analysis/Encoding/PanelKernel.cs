using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding;

/// <summary>The innermost product: a tile of <see cref="Rows"/> × <see cref="Features"/> sums, held in registers over the whole width.</summary>
/// <remarks>
/// The width is never cut into pieces with sums of their own: a lane is one row and one feature, and adds up in the order of
/// <see cref="DotProduct"/>. So every kernel gives the same bits.
/// </remarks>
internal abstract unsafe class PanelKernel(string name, int rows, int features)
{
    public static readonly PanelKernel[] All = [new Vector512Kernel(), new Vector256Kernel(), new PortableKernel()];

    public static PanelKernel Best { get; } =
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? All[0]
        : Vector256.IsHardwareAccelerated && Fma.IsSupported ? All[1]
        : All[2];

    public string Name { get; } = name;

    /// <summary>Rows of a tile: how many inputs lie side by side in a packed group.</summary>
    public int Rows { get; } = rows;

    /// <summary>Features of a tile: how many weights lie side by side in a packed panel. A multiple of 16.</summary>
    public int Features { get; } = features;

    /// <param name="panel">[width, Features], aligned to 64 bytes.</param>
    /// <param name="group">[width, Rows].</param>
    /// <param name="tile">[Rows, Features], aligned to 64 bytes; overwritten.</param>
    public abstract void Sum(float* panel, float* group, int width, float* tile);

    // Written out row by row: in an array or a loop over rows the sums would live in memory. 24 sums, 2 weights and the input's copies fill the 32 registers.
    private sealed class Vector512Kernel() : PanelKernel("Vector512", rows: 12, features: 32)
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Sum(float* panel, float* group, int width, float* tile)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            Vector512<float> a6 = default, a7 = default, a8 = default, a9 = default, a10 = default, a11 = default;
            Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
            Vector512<float> b6 = default, b7 = default, b8 = default, b9 = default, b10 = default, b11 = default;

            for (var end = group + width * 12; group < end; group += 12, panel += 32)
            {
                var a = Vector512.LoadAligned(panel);
                var b = Vector512.LoadAligned(panel + 16);
                var x = Vector512.Create(group[0]);
                a0 = Vector512.FusedMultiplyAdd(x, a, a0); b0 = Vector512.FusedMultiplyAdd(x, b, b0);
                x = Vector512.Create(group[1]);
                a1 = Vector512.FusedMultiplyAdd(x, a, a1); b1 = Vector512.FusedMultiplyAdd(x, b, b1);
                x = Vector512.Create(group[2]);
                a2 = Vector512.FusedMultiplyAdd(x, a, a2); b2 = Vector512.FusedMultiplyAdd(x, b, b2);
                x = Vector512.Create(group[3]);
                a3 = Vector512.FusedMultiplyAdd(x, a, a3); b3 = Vector512.FusedMultiplyAdd(x, b, b3);
                x = Vector512.Create(group[4]);
                a4 = Vector512.FusedMultiplyAdd(x, a, a4); b4 = Vector512.FusedMultiplyAdd(x, b, b4);
                x = Vector512.Create(group[5]);
                a5 = Vector512.FusedMultiplyAdd(x, a, a5); b5 = Vector512.FusedMultiplyAdd(x, b, b5);
                x = Vector512.Create(group[6]);
                a6 = Vector512.FusedMultiplyAdd(x, a, a6); b6 = Vector512.FusedMultiplyAdd(x, b, b6);
                x = Vector512.Create(group[7]);
                a7 = Vector512.FusedMultiplyAdd(x, a, a7); b7 = Vector512.FusedMultiplyAdd(x, b, b7);
                x = Vector512.Create(group[8]);
                a8 = Vector512.FusedMultiplyAdd(x, a, a8); b8 = Vector512.FusedMultiplyAdd(x, b, b8);
                x = Vector512.Create(group[9]);
                a9 = Vector512.FusedMultiplyAdd(x, a, a9); b9 = Vector512.FusedMultiplyAdd(x, b, b9);
                x = Vector512.Create(group[10]);
                a10 = Vector512.FusedMultiplyAdd(x, a, a10); b10 = Vector512.FusedMultiplyAdd(x, b, b10);
                x = Vector512.Create(group[11]);
                a11 = Vector512.FusedMultiplyAdd(x, a, a11); b11 = Vector512.FusedMultiplyAdd(x, b, b11);
            }

            Store(a0, b0, tile, 0); Store(a1, b1, tile, 1); Store(a2, b2, tile, 2); Store(a3, b3, tile, 3);
            Store(a4, b4, tile, 4); Store(a5, b5, tile, 5); Store(a6, b6, tile, 6); Store(a7, b7, tile, 7);
            Store(a8, b8, tile, 8); Store(a9, b9, tile, 9); Store(a10, b10, tile, 10); Store(a11, b11, tile, 11);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(Vector512<float> a, Vector512<float> b, float* tile, int row)
        {
            a.StoreAligned(tile + row * 32);
            b.StoreAligned(tile + row * 32 + 16);
        }
    }

    // The same with 16 registers: 12 sums, 2 weights, 1 input.
    private sealed class Vector256Kernel() : PanelKernel("Vector256", rows: 6, features: 16)
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Sum(float* panel, float* group, int width, float* tile)
        {
            Vector256<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            Vector256<float> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;

            for (var end = group + width * 6; group < end; group += 6, panel += 16)
            {
                var a = Vector256.LoadAligned(panel);
                var b = Vector256.LoadAligned(panel + 8);
                var x = Vector256.Create(group[0]);
                a0 = Vector256.FusedMultiplyAdd(x, a, a0); b0 = Vector256.FusedMultiplyAdd(x, b, b0);
                x = Vector256.Create(group[1]);
                a1 = Vector256.FusedMultiplyAdd(x, a, a1); b1 = Vector256.FusedMultiplyAdd(x, b, b1);
                x = Vector256.Create(group[2]);
                a2 = Vector256.FusedMultiplyAdd(x, a, a2); b2 = Vector256.FusedMultiplyAdd(x, b, b2);
                x = Vector256.Create(group[3]);
                a3 = Vector256.FusedMultiplyAdd(x, a, a3); b3 = Vector256.FusedMultiplyAdd(x, b, b3);
                x = Vector256.Create(group[4]);
                a4 = Vector256.FusedMultiplyAdd(x, a, a4); b4 = Vector256.FusedMultiplyAdd(x, b, b4);
                x = Vector256.Create(group[5]);
                a5 = Vector256.FusedMultiplyAdd(x, a, a5); b5 = Vector256.FusedMultiplyAdd(x, b, b5);
            }

            Store(a0, b0, tile, 0); Store(a1, b1, tile, 1); Store(a2, b2, tile, 2);
            Store(a3, b3, tile, 3); Store(a4, b4, tile, 4); Store(a5, b5, tile, 5);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(Vector256<float> a, Vector256<float> b, float* tile, int row)
        {
            a.StoreAligned(tile + row * 16);
            b.StoreAligned(tile + row * 16 + 8);
        }
    }

    // Any processor; fused in hardware on Arm, in software (slow, and exact) on x86 without FMA.
    private sealed class PortableKernel() : PanelKernel("portable", rows: 4, features: 16)
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Sum(float* panel, float* group, int width, float* tile)
        {
            for (var half = 0; half < 16; half += 8)
            {
                Vector128<float> a0 = default, a1 = default, a2 = default, a3 = default;
                Vector128<float> b0 = default, b1 = default, b2 = default, b3 = default;

                for (var i = 0; i < width; i++)
                {
                    var a = Vector128.LoadAligned(panel + i * 16 + half);
                    var b = Vector128.LoadAligned(panel + i * 16 + half + 4);
                    var x = Vector128.Create(group[i * 4]);
                    a0 = Vector128.FusedMultiplyAdd(x, a, a0); b0 = Vector128.FusedMultiplyAdd(x, b, b0);
                    x = Vector128.Create(group[i * 4 + 1]);
                    a1 = Vector128.FusedMultiplyAdd(x, a, a1); b1 = Vector128.FusedMultiplyAdd(x, b, b1);
                    x = Vector128.Create(group[i * 4 + 2]);
                    a2 = Vector128.FusedMultiplyAdd(x, a, a2); b2 = Vector128.FusedMultiplyAdd(x, b, b2);
                    x = Vector128.Create(group[i * 4 + 3]);
                    a3 = Vector128.FusedMultiplyAdd(x, a, a3); b3 = Vector128.FusedMultiplyAdd(x, b, b3);
                }

                Store(a0, b0, tile + half, 0); Store(a1, b1, tile + half, 1); Store(a2, b2, tile + half, 2); Store(a3, b3, tile + half, 3);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(Vector128<float> a, Vector128<float> b, float* tile, int row)
        {
            a.StoreAligned(tile + row * 16);
            b.StoreAligned(tile + row * 16 + 4);
        }
    }
}
