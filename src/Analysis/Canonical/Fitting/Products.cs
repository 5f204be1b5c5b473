using System.Numerics;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>C += α A B on all cores, in one order of summation whatever their number: over the depth in chunks, each chunk's sum added to C.</summary>
/// <remarks>Buffers are kept between calls: one caller at a time. Operands are copied into the order that the kernel reads, so a transpose costs nothing.</remarks>
internal sealed unsafe class Products<T>(int threads) where T : unmanaged, INumber<T>
{
    private const int DepthMaximum = 256;

    // More than threads, since the parts of a triangle are not equally large.
    private const int PartsPerThread = 8;

    private readonly TileKernel<T> kernel = TileKernel<T>.Best;
    private readonly ParallelOptions parallel = new() { MaxDegreeOfParallelism = threads };
    private T[] groups = [];
    private T[] panels = [];

    /// <param name="upperOnly">C is square and what lies below its diagonal is not wanted; it may be changed or not.</param>
    public void Add(MatrixView<T> c, T alpha, MatrixView<T> a, MatrixView<T> b, bool upperOnly = false)
    {
        if (a.Columns != b.Rows || c.Rows != a.Rows || c.Columns != b.Columns) throw new ArgumentException($"[{c.Rows}, {c.Columns}] is no product of [{a.Rows}, {a.Columns}] and [{b.Rows}, {b.Columns}]", nameof(c));
        for (var first = 0; first < a.Columns; first += DepthMaximum)
        {
            var depth = Math.Min(DepthMaximum, a.Columns - first);
            AddChunk(c, alpha, a.Part(0, first, a.Rows, depth), b.Part(first, 0, depth, b.Columns), upperOnly);
        }
        c.KeepAlive();
        a.KeepAlive();
        b.KeepAlive();
    }

    private void AddChunk(MatrixView<T> c, T alpha, MatrixView<T> a, MatrixView<T> b, bool upperOnly)
    {
        var depth = a.Columns;
        var (groupCount, panelCount) = (CeilingOf(c.Rows, kernel.Rows), CeilingOf(c.Columns, kernel.Columns));
        Reserve(ref groups, (long)groupCount * kernel.Rows * depth);
        Reserve(ref panels, (long)panelCount * kernel.Columns * depth);
        var groupsStart = Aligned(groups);
        var panelsStart = Aligned(panels);
        InParts(groupCount, group => Pack(a.Transposed, group * kernel.Rows, kernel.Rows, groupsStart + (long)group * kernel.Rows * depth, alpha));
        InParts(panelCount, panel => Pack(b, panel * kernel.Columns, kernel.Columns, panelsStart + (long)panel * kernel.Columns * depth, T.One));
        InParts(groupCount * panelCount, item =>
        {
            // All groups of a panel, then the next panel: it stays in the cache.
            var (panel, group) = (item / groupCount, item % groupCount);
            if (upperOnly && (panel + 1) * kernel.Columns <= group * kernel.Rows) return;
            var space = stackalloc T[kernel.Rows * kernel.Columns + 16];
            var tile = (T*)(((nint)space + 63) & ~(nint)63);
            kernel.Sum(panelsStart + (long)panel * kernel.Columns * depth, groupsStart + (long)group * kernel.Rows * depth, depth, tile);
            AddTile(c, group * kernel.Rows, panel * kernel.Columns, tile);
        });
    }

    private void AddTile(MatrixView<T> c, int firstRow, int firstColumn, T* tile)
    {
        var columns = Math.Min(kernel.Columns, c.Columns - firstColumn);
        for (var row = 0; row < Math.Min(kernel.Rows, c.Rows - firstRow); row++)
        {
            var sums = tile + row * kernel.Columns;
            if (c.ColumnStride != 1)
            {
                for (var column = 0; column < columns; column++) *c.At(firstRow + row, firstColumn + column) += sums[column];
                continue;
            }
            var to = new Span<T>(c.At(firstRow + row, firstColumn), columns);
            var i = 0;
            for (; i + Vector<T>.Count <= columns; i += Vector<T>.Count) (new Vector<T>(to[i..]) + new Vector<T>(new ReadOnlySpan<T>(sums + i, Vector<T>.Count))).CopyTo(to[i..]);
            for (; i < columns; i++) to[i] += sums[i];
        }
    }

    /// <summary>[depth, width]: columns <paramref name="first"/> and on side by side, filled up with zeros.</summary>
    private static void Pack(MatrixView<T> from, int first, int width, T* to, T factor)
    {
        var taken = Math.Min(width, from.Columns - first);
        for (var d = 0; d < from.Rows; d++, to += width)
        {
            var x = from.At(d, first);
            for (var i = 0; i < taken; i++) to[i] = factor * x[(long)i * from.ColumnStride];
            for (var i = taken; i < width; i++) to[i] = T.Zero;
        }
    }

    private void InParts(int items, Action<int> work)
    {
        var parts = Math.Min(items, parallel.MaxDegreeOfParallelism * PartsPerThread);
        if (parallel.MaxDegreeOfParallelism == 1 || items < PartsPerThread)
        {
            for (var item = 0; item < items; item++) work(item);
            return;
        }
        Parallel.For(0, parts, parallel, part =>
        {
            for (var item = (int)((long)part * items / parts); item < (int)((long)(part + 1) * items / parts); item++) work(item);
        });
    }

    private static void Reserve(ref T[] buffer, long length)
    {
        if (buffer.Length < length + 16) buffer = GC.AllocateUninitializedArray<T>(checked((int)(length + 16)), pinned: true);
    }

    private static T* Aligned(T[] pinned)
    {
        fixed (T* first = pinned) return (T*)(((nint)first + 63) & ~(nint)63);
    }

    private static int CeilingOf(int dividend, int divisor) => (dividend + divisor - 1) / divisor;
}
