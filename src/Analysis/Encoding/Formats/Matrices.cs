namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>What weights need when they are read: turned, scaled.</summary>
internal static class Matrices
{
    private const int Block = 64;   // Of 64 × 64 numbers: both sides stay in the cache.

    /// <summary>[rows, columns] → [columns, rows].</summary>
    public static float[] Transposed(float[] matrixRC, int rows, int columns)
    {
        var transposedCR = new float[matrixRC.Length];
        for (var row = 0; row < rows; row += Block)
            for (var column = 0; column < columns; column += Block)
                for (var r = row; r < Math.Min(rows, row + Block); r++)
                    for (var c = column; c < Math.Min(columns, column + Block); c++)
                        transposedCR[(long)c * rows + r] = matrixRC[(long)r * columns + c];
        return transposedCR;
    }

    /// <summary>In place.</summary>
    public static void Scale(Span<float> values, float factor)
    {
        foreach (ref var value in values) value *= factor;
    }

    public static float[] Scaled(float[] values, float factor)
    {
        var scaled = values.ToArray();
        Scale(scaled, factor);
        return scaled;
    }
}
