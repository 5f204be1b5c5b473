namespace DriftWatch.Analysis.Encoding;

/// <summary>One thread's way to encode a block of rows against a part of the features. Buffers are kept between calls.</summary>
internal abstract unsafe class BlockEncoder(SparseAutoencoder sae)
{
    private readonly List<RowHits> hits = [];
    private int[] features = [];
    private float[] values = [];

    protected SparseAutoencoder Sae { get; } = sae;

    public static RowHits HitsOfRow(SparseAutoencoder sae) => new(TopKEncoder.Encodes(sae) ? sae.K : RowHits.Unlimited, GroupMaxEncoder.GroupSize(sae));

    /// <param name="result">Cleared; then one row for each row and head.</param>
    public void Encode(float* rowsBD, int rows, int part, int parts, SparseCodes result)
    {
        while (hits.Count < rows * Sae.Heads) hits.Add(HitsOfRow(Sae));
        Encode(rowsBD, rows, part, parts, hits);
        result.Clear();
        for (var row = 0; row < rows * Sae.Heads; row++)
        {
            var count = hits[row].MoveTo(ref features, ref values, 0);
            result.AddRow(features.AsSpan(0, count), values.AsSpan(0, count));
        }
    }

    /// <param name="hits">Empty, of each row and head; features are added in ascending order.</param>
    protected abstract void Encode(float* rowsBD, int rows, int part, int parts, List<RowHits> hits);
}

/// <summary>Every pre-activation is made.</summary>
internal sealed unsafe class DenseBlockEncoder(SparseAutoencoder sae, FiringTest test, PanelKernel kernel, PackedWeights weights, PackedWeights? gates) : BlockEncoder(sae)
{
    private readonly DenseTiles tiles = new(sae, test, kernel);
    private readonly float[] inputD = new float[sae.Width];

    protected override void Encode(float* rowsBD, int rows, int part, int parts, List<RowHits> hits)
    {
        tiles.Begin(rows);
        for (var row = 0; row < rows; row++)
        {
            var rowD = new ReadOnlySpan<float>(rowsBD + (long)row * Sae.Width, Sae.Width);
            RowNormalization.Of(rowD, Sae).Apply(rowD, Sae, inputD);
            tiles.Take(row, inputD);
        }
        var end = (int)((long)(part + 1) * weights.Panels / parts);
        for (var panel = (int)((long)part * weights.Panels / parts); panel < end; panel++) tiles.Encode(weights.Panel(panel), panel * kernel.Features, hits, gatePanel: gates is null ? null : gates.Panel(panel));
    }
}
