using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>A block's rows of one model, as a dictionary describes them. What <see cref="Describe"/> gives holds until the next row.</summary>
internal sealed class DescribedSide(IEncoder encoder)
{
    private readonly SparseAutoencoder sae = encoder.Dictionary;
    private readonly Reconstruction reconstruction = new(encoder.Dictionary);
    private readonly SparseCodes codes = new();
    private readonly float[] estimateD = new float[encoder.Dictionary.Width];
    private float[] rowsND = [], contributions = [];

    /// <param name="rows">Kept until the next block; may be longer than <paramref name="count"/> rows.</param>
    public void Take(float[] rows, int count)
    {
        rowsND = rows;
        WholeRows.Encode(encoder, rows.AsSpan(0, count * sae.Width), codes);
    }

    public DescribedRow Describe(int row)
    {
        var rowD = rowsND.AsSpan(row * sae.Width, sae.Width);
        var features = codes.FeaturesOf(row);
        var values = codes.ValuesOf(row);
        var normalization = RowNormalization.Of(rowD, sae);
        reconstruction.Decode(rowD, features, values, estimateD);
        if (contributions.Length < features.Length) contributions = new float[features.Length];
        for (var i = 0; i < features.Length; i++) contributions[i] = reconstruction.Contribution(features[i], values[i], normalization);
        return new(rowD, estimateD, features, contributions.AsSpan(0, features.Length));
    }
}
