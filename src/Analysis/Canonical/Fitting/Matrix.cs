using System.Numerics;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>A row-major matrix that stays where it is in memory.</summary>
internal sealed unsafe class Matrix<T> where T : unmanaged, INumber<T>
{
    private readonly T[] values;

    public Matrix(int rows, int columns)
    {
        (Rows, Columns) = (rows, columns);
        values = GC.AllocateArray<T>(checked(rows * columns), pinned: true);
        fixed (T* first = values) Start = first;
    }

    public int Rows { get; }
    public int Columns { get; }
    public T* Start { get; }
    public Span<T> Values => values;
    public ref T this[int row, int column] => ref values[row * Columns + column];

    public Span<T> Row(int row) => values.AsSpan(row * Columns, Columns);

    /// <summary>All of it, or the rows from the first on.</summary>
    public MatrixView<T> View(int? rows = null) => new(values, Start, rows ?? Rows, Columns, Columns, 1);

    public MatrixView<T> Transposed(int? rows = null) => View(rows).Transposed;

    public Matrix<T> Copy()
    {
        var copy = new Matrix<T>(Rows, Columns);
        Values.CopyTo(copy.Values);
        return copy;
    }
}

/// <summary>A part of a matrix, or its transpose.</summary>
/// <param name="numbers">The matrix's own: who works on the addresses keeps them alive (<see cref="KeepAlive"/>), since the collector does not see addresses.</param>
internal readonly unsafe struct MatrixView<T>(T[] numbers, T* start, int rows, int columns, int rowStride, int columnStride) where T : unmanaged
{
    public int Rows => rows;
    public int Columns => columns;
    public int RowStride => rowStride;
    public int ColumnStride => columnStride;

    public T* At(int row, int column) => start + (long)row * rowStride + (long)column * columnStride;

    public MatrixView<T> Transposed => new(numbers, start, columns, rows, columnStride, rowStride);

    public MatrixView<T> Part(int firstRow, int firstColumn, int rowCount, int columnCount) => new(numbers, At(firstRow, firstColumn), rowCount, columnCount, rowStride, columnStride);

    /// <summary>The numbers stay in memory until here.</summary>
    public void KeepAlive() => GC.KeepAlive(numbers);
}
