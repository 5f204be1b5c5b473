namespace DriftWatch.Analysis.Encoding;

/// <summary>Features of a batch, sparse by row (CSR): row r's are at RowStart[r] to RowStart[r + 1], ascending by feature. Buffers grow and are reused.</summary>
public sealed class SparseCodes
{
    private int[] rowStart = new int[1];
    private int[] feature = new int[1024];
    private float[] value = new float[1024];

    public int Rows { get; private set; }
    public int Count => rowStart[Rows];

    public ReadOnlySpan<int> FeaturesOf(int row) => feature.AsSpan(rowStart[row]..rowStart[row + 1]);
    public ReadOnlySpan<float> ValuesOf(int row) => value.AsSpan(rowStart[row]..rowStart[row + 1]);

    public void Clear() => Rows = 0;

    /// <summary>Some rows, kept while this is reused.</summary>
    public SparseCodes Copy(int first, int rows)
    {
        var copy = new SparseCodes();
        for (var row = first; row < first + rows; row++) copy.AddRow(FeaturesOf(row), ValuesOf(row));
        return copy;
    }

    /// <summary>Appends the next row.</summary>
    public void AddRow(ReadOnlySpan<int> features, ReadOnlySpan<float> values)
    {
        var start = Count;
        var end = start + features.Length;
        if (rowStart.Length < Rows + 2) Array.Resize(ref rowStart, Math.Max(Rows + 2, rowStart.Length * 2));
        if (feature.Length < end)
        {
            Array.Resize(ref feature, Math.Max(end, feature.Length * 2));
            Array.Resize(ref value, feature.Length);
        }
        features.CopyTo(feature.AsSpan(start));
        values.CopyTo(value.AsSpan(start));
        rowStart[++Rows] = end;
    }
}
