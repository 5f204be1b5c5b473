namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A tensor as its file describes it, before a byte of it is read.</summary>
/// <param name="DType">As safetensors names it: F32, BF16, I64, …</param>
/// <param name="Strides">How far apart neighbours along each dimension lie in the storage, in numbers.</param>
/// <param name="Offset">Where the first number lies in the storage.</param>
/// <param name="StorageLength">How many numbers the storage holds; it is read from its beginning to its end.</param>
public sealed record StoredTensor(string Name, string DType, int[] Shape, long[] Strides, long Offset, long StorageLength)
{
    /// <summary>How many numbers the shape has. The container has checked that this fits.</summary>
    public long Count => Shape.Aggregate(1L, (count, size) => count * size);

    /// <summary>Row after row, as safetensors and C lay it out.</summary>
    public static long[] RowMajor(ReadOnlySpan<int> shape)
    {
        var strides = new long[shape.Length];
        var stride = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(1, shape[i]);
        }
        return strides;
    }

    /// <summary>Column after column, as Fortran does.</summary>
    public static long[] ColumnMajor(ReadOnlySpan<int> shape)
    {
        var turned = shape.ToArray();
        Array.Reverse(turned);
        var strides = RowMajor(turned);
        Array.Reverse(strides);
        return strides;
    }

    public override string ToString() => $"{Name} {DType} [{string.Join(", ", Shape)}]";
}
