using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>The target model's own rows and features: what every view is compared with.</summary>
internal sealed class NativeSums(int width, int features)
{
    /// <summary>Statistics of <see cref="Features"/>.</summary>
    public const int Sum = 0, Squares = 1;

    public double[] RowsL { get; } = new double[Resampling.Lanes];

    /// <summary>Firings of all features together.</summary>
    public double[] FiredL { get; } = new double[Resampling.Lanes];

    /// <summary>Σ‖y − D(c)‖², D the reference dictionary's decoder.</summary>
    public double[] ErrorL { get; } = new double[Resampling.Lanes];
    public Spread Spread { get; } = new(width);
    public FeatureSums Features { get; } = new(features, 2);
    public long[] FiringsF { get; } = new long[features];
    public int[] SequencesF { get; } = new int[features];

    public void Add(ReadOnlySpan<float> rowsNT, SparseCodes codes, int first, ReadOnlySpan<double> errorN, ReadOnlySpan<double> weightsL)
    {
        var rows = rowsNT.Length / width;
        var (error, fired) = (0.0, 0);
        var before = new HashSet<int>();
        for (var row = first; row < first + rows; row++)
        {
            error += errorN[row];
            var fires = codes.FeaturesOf(row);
            var values = codes.ValuesOf(row);
            fired += fires.Length;
            for (var i = 0; i < fires.Length; i++)
            {
                Features.Add(fires[i], Sum, values[i]);
                Features.Add(fires[i], Squares, (double)values[i] * values[i]);
                FiringsF[fires[i]]++;
                if (before.Add(fires[i])) SequencesF[fires[i]]++;
            }
        }
        Features.EndSequence(weightsL);
        Spread.Add(rowsNT, weightsL);
        Resampling.Add(RowsL, weightsL, rows);
        Resampling.Add(FiredL, weightsL, fired);
        Resampling.Add(ErrorL, weightsL, error);
    }
}
