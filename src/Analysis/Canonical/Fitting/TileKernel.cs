using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>The innermost product in a type of number: a tile of Rows × Columns sums over the depth, held in registers; each sum in ascending order, one fused multiply-add a step.</summary>
internal abstract unsafe class TileKernel<T>(int rows, int columns) where T : unmanaged
{
    public int Rows { get; } = rows;
    public int Columns { get; } = columns;

    /// <param name="panel">[depth, Columns], aligned to 64 bytes.</param>
    /// <param name="group">[depth, Rows].</param>
    /// <param name="tile">[Rows, Columns], aligned to 64 bytes; overwritten.</param>
    public abstract void Sum(T* panel, T* group, int depth, T* tile);

    public static TileKernel<T> Best { get; } =
        typeof(T) == typeof(double) ? (TileKernel<T>)(object)new DoubleKernel()
        : typeof(T) == typeof(float) ? (TileKernel<T>)(object)new FloatKernel()
        : throw new NotSupportedException($"no kernel for {typeof(T).Name}");
}

/// <summary>The encoder's.</summary>
internal sealed unsafe class FloatKernel() : TileKernel<float>(PanelKernel.Best.Rows, PanelKernel.Best.Features)
{
    public override void Sum(float* panel, float* group, int depth, float* tile) => PanelKernel.Best.Sum(panel, group, depth, tile);
}

/// <summary>24 sums and 3 columns of the panel in the 32 registers of AVX-512. The same numbers, slower, where there are fewer or narrower ones.</summary>
internal sealed unsafe class DoubleKernel() : TileKernel<double>(rows: 8, columns: 24)
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Sum(double* panel, double* group, int depth, double* tile)
    {
        Vector512<double> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        Vector512<double> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default;
        Vector512<double> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;

        for (var end = group + depth * 8; group < end; group += 8, panel += 24)
        {
            var a = Vector512.LoadAligned(panel);
            var b = Vector512.LoadAligned(panel + 8);
            var c = Vector512.LoadAligned(panel + 16);
            var x = Vector512.Create(group[0]);
            a0 = Vector512.FusedMultiplyAdd(x, a, a0); b0 = Vector512.FusedMultiplyAdd(x, b, b0); c0 = Vector512.FusedMultiplyAdd(x, c, c0);
            x = Vector512.Create(group[1]);
            a1 = Vector512.FusedMultiplyAdd(x, a, a1); b1 = Vector512.FusedMultiplyAdd(x, b, b1); c1 = Vector512.FusedMultiplyAdd(x, c, c1);
            x = Vector512.Create(group[2]);
            a2 = Vector512.FusedMultiplyAdd(x, a, a2); b2 = Vector512.FusedMultiplyAdd(x, b, b2); c2 = Vector512.FusedMultiplyAdd(x, c, c2);
            x = Vector512.Create(group[3]);
            a3 = Vector512.FusedMultiplyAdd(x, a, a3); b3 = Vector512.FusedMultiplyAdd(x, b, b3); c3 = Vector512.FusedMultiplyAdd(x, c, c3);
            x = Vector512.Create(group[4]);
            a4 = Vector512.FusedMultiplyAdd(x, a, a4); b4 = Vector512.FusedMultiplyAdd(x, b, b4); c4 = Vector512.FusedMultiplyAdd(x, c, c4);
            x = Vector512.Create(group[5]);
            a5 = Vector512.FusedMultiplyAdd(x, a, a5); b5 = Vector512.FusedMultiplyAdd(x, b, b5); c5 = Vector512.FusedMultiplyAdd(x, c, c5);
            x = Vector512.Create(group[6]);
            a6 = Vector512.FusedMultiplyAdd(x, a, a6); b6 = Vector512.FusedMultiplyAdd(x, b, b6); c6 = Vector512.FusedMultiplyAdd(x, c, c6);
            x = Vector512.Create(group[7]);
            a7 = Vector512.FusedMultiplyAdd(x, a, a7); b7 = Vector512.FusedMultiplyAdd(x, b, b7); c7 = Vector512.FusedMultiplyAdd(x, c, c7);
        }

        Store(a0, b0, c0, tile, 0); Store(a1, b1, c1, tile, 1); Store(a2, b2, c2, tile, 2); Store(a3, b3, c3, tile, 3);
        Store(a4, b4, c4, tile, 4); Store(a5, b5, c5, tile, 5); Store(a6, b6, c6, tile, 6); Store(a7, b7, c7, tile, 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<double> a, Vector512<double> b, Vector512<double> c, double* tile, int row)
    {
        a.StoreAligned(tile + row * 24);
        b.StoreAligned(tile + row * 24 + 8);
        c.StoreAligned(tile + row * 24 + 16);
    }
}
