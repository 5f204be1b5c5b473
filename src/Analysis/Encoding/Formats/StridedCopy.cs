using System.Buffers;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>From the order in which numbers lie in a file to the order in which they are wanted, in one pass over the file.</summary>
/// <remarks>
/// Dimensions are walked with the widest source step outside, so the file is read forwards whatever the strides: rows, columns (Fortran,
/// transposed views) and slices alike. Some rows at a time go through a small buffer, so that a transposition writes neighbours together.
/// </remarks>
internal static class StridedCopy
{
    private const int BufferNumbers = 1 << 20;

    private readonly record struct Dimension(int Size, long From, long To);

    /// <param name="source">At or before the tensor's first number.</param>
    /// <param name="targetStrides">For each dimension of the tensor.</param>
    public static void Read(NumberStream source, StoredTensor tensor, ReadOnlySpan<long> targetStrides, Span<float> target)
    {
        if (target.Length == 0) return;
        var dimensions = Walk(tensor, targetStrides);
        source.SkipTo(tensor.Offset);
        if (dimensions is [] or [{ From: 1, To: 1 }])
        {
            source.Read(target);
            return;
        }
        var buffer = ArrayPool<float>.Shared.Rent(BufferNumbers);
        Read(source, tensor.Offset, dimensions, 0, target, buffer.AsSpan(0, BufferNumbers));
        ArrayPool<float>.Shared.Return(buffer);
    }

    /// <summary>Widest step first, neighbours that lie as one joined. Steps that overlap would need to go backwards, so they are refused.</summary>
    private static Dimension[] Walk(StoredTensor tensor, ReadOnlySpan<long> targetStrides)
    {
        var all = new List<Dimension>();
        for (var i = 0; i < tensor.Shape.Length; i++)
            if (tensor.Shape[i] != 1) all.Add(new(tensor.Shape[i], tensor.Strides[i], targetStrides[i]));

        var joined = new List<Dimension>();
        var span = 1L;   // How far the dimensions inside reach.
        foreach (var dimension in all.OrderBy(dimension => dimension.From).ThenBy(dimension => dimension.To))
        {
            if (dimension.From != 0 && dimension.From < span) throw Overlapping(tensor);
            if (dimension.From != 0) span = dimension.From * (dimension.Size - 1) + span;
            if (joined is [.., var inside] && dimension.From == inside.From * inside.Size && dimension.To == inside.To * inside.Size)
                joined[^1] = inside with { Size = inside.Size * dimension.Size };
            else joined.Add(dimension);
        }
        // Repeated numbers (step 0) are read once and written often, along two dimensions at most.
        if (joined.Count(dimension => dimension.From == 0) > 2) throw Overlapping(tensor);
        joined.Reverse();
        return [.. joined];
    }

    private static MalformedException Overlapping(StoredTensor tensor) =>
        new("tensor", $"the strides [{string.Join(", ", tensor.Strides)}] of the tensor {tensor} overlap; save a copy of it (contiguous, cloned)");

    private static void Read(NumberStream source, long at, ReadOnlySpan<Dimension> dimensions, long to, Span<float> target, Span<float> buffer)
    {
        if (dimensions.Length > 2)
        {
            for (var i = 0; i < dimensions[0].Size; i++)
                Read(source, at + i * dimensions[0].From, dimensions[1..], to + i * dimensions[0].To, target, buffer);
            return;
        }
        var rows = dimensions.Length == 2 ? dimensions[0] : new(1, 0, 0);
        var columns = dimensions[^1];
        // Columns at a time, if a row alone is too long for the buffer; else rows at a time.
        var columnsAtOnce = columns.From == 0 ? columns.Size : (int)Math.Min(columns.Size, Math.Max(1, buffer.Length / columns.From));
        var length = columns.From * (columnsAtOnce - 1) + 1;
        var rowsAtOnce = columnsAtOnce < columns.Size ? 1 : rows.From == 0 ? rows.Size : (int)Math.Min(rows.Size, (buffer.Length - length) / rows.From + 1);
        for (var row = 0; row < rows.Size; row += rowsAtOnce)
            for (var column = 0; column < columns.Size; column += columnsAtOnce)
            {
                var block = (Rows: rows with { Size = Math.Min(rowsAtOnce, rows.Size - row) }, Columns: columns with { Size = Math.Min(columnsAtOnce, columns.Size - column) });
                var numbers = buffer[..(int)(block.Rows.From * (block.Rows.Size - 1) + block.Columns.From * (block.Columns.Size - 1) + 1)];
                source.SkipTo(at + row * rows.From + column * columns.From);
                source.Read(numbers);
                Scatter(numbers, block.Rows, block.Columns, target[(int)(to + row * rows.To + column * columns.To)..]);
            }
    }

    private static void Scatter(ReadOnlySpan<float> from, Dimension rows, Dimension columns, Span<float> to)
    {
        // The inner loop is the one that writes neighbours.
        var (outer, inner) = rows.To < columns.To && rows.Size > 1 ? (columns, rows) : (rows, columns);
        for (var i = 0; i < outer.Size; i++)
        {
            var (first, target) = ((int)(i * outer.From), (int)(i * outer.To));
            if (inner is { From: 1, To: 1 }) from.Slice(first, inner.Size).CopyTo(to[target..]);
            else
                for (var j = 0; j < inner.Size; j++) to[target + (int)(j * inner.To)] = from[first + (int)(j * inner.From)];
        }
    }
}
