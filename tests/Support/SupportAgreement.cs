using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Support;

/// <summary>How far another encoder fires the same features: of those that fire in either, the share that fires in both; and how far their values are apart.</summary>
public sealed class SupportAgreement
{
    private readonly SparseCodes expected = new(), actual = new();
    private long both, either;

    /// <summary>1 where nothing fires.</summary>
    public double Share => either == 0 ? 1 : (double)both / either;

    /// <summary>Of features that fire in both: the largest difference over the largest value of its row, or over 1 if that is less.</summary>
    public double DifferenceMaximum { get; private set; }

    public long Rows { get; private set; }

    public void Add(IEncoder reference, IEncoder other, ReadOnlySpan<float> rowsBD)
    {
        reference.Encode(rowsBD, expected);
        other.Encode(rowsBD, actual);
        if (expected.Rows != actual.Rows) throw new InvalidOperationException($"{actual.Rows} rows of {expected.Rows}");
        for (var row = 0; row < expected.Rows; row++) AddRow(row);
        Rows += expected.Rows;
    }

    private void AddRow(int row)
    {
        var (a, b) = (expected.FeaturesOf(row).ToArray(), actual.FeaturesOf(row).ToArray());
        var (valueOfA, valueOfB) = (expected.ValuesOf(row).ToArray(), actual.ValuesOf(row).ToArray());
        var largest = 1f;
        foreach (var value in valueOfA) largest = Math.Max(largest, Math.Abs(value));
        for (int i = 0, j = 0; i < a.Length || j < b.Length; either++)
        {
            if (j == b.Length || (i < a.Length && a[i] < b[j])) i++;
            else if (i == a.Length || b[j] < a[i]) j++;
            else
            {
                DifferenceMaximum = Math.Max(DifferenceMaximum, Math.Abs((double)valueOfA[i] - valueOfB[j]) / largest);
                (both, i, j) = (both + 1, i + 1, j + 1);
            }
        }
    }

    public override string ToString() => $"{100 * Share:F4} % of {either:N0} firings in {Rows:N0} rows; values differ by {DifferenceMaximum:E1} at most";
}
