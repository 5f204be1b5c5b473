namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Top-k: what a score has to reach to be among the k largest of its row, as far as is known.</summary>
/// <remarks>
/// Sure: k features have been found whose scores are at least that. It rises slowly, so from the second block on a row starts with an expectation, a little less than what nearly all rows of
/// the last block came to in proportion to their norm. Rows in which fewer than k features reach it are encoded once more with less, if need be once more without: the result never depends on it.
/// </remarks>
internal sealed unsafe class KthBound(SparseAutoencoder sae)
{
    // One row in twenty may be encoded again; less spread between blocks than this is not worth it.
    private const int MissedOneIn = 20;
    private const float Caution = 0.98f;

    /// <summary>Of what is expected: at first, then of rows that did not come to it, and at last nothing. Without any, most features of the first strip are candidates.</summary>
    public static ReadOnlySpan<float> Shares => [1, 0.9f, 0];

    // Fewer rows say little about the next ones.
    private const int RowsMinimum = 32;

    private readonly List<int> missed = [];
    private readonly List<RowHits> hitsOfMissed = [];
    private float[] reachR = [], expectedR = [], perNormR = [];
    private AlignedArray<float> missedRows = new(0);
    private float perNorm;
    private float share;
    private int count;

    /// <summary>Lower bounds of the largest scores of each row.</summary>
    public List<RowHits> Bounds { get; } = [];

    /// <summary>Of each row: a score below is not among the k largest, or (∞) the row is to be encoded once more. Empty if there is no k.</summary>
    public ReadOnlySpan<float> ReachR => reachR.AsSpan(0, count);

    /// <summary>So many rows have to be encoded once more.</summary>
    public int Missed => missed.Count;

    /// <summary>Is anything known of the rows before the first strip?</summary>
    public bool Expects { get; private set; }

    /// <param name="share">Of what is expected; 0: of nothing.</param>
    public void Begin(int rows, float share)
    {
        (count, this.share, Expects) = (rows, share, share * perNorm > 0);
        while (Bounds.Count < rows) Bounds.Add(BlockEncoder.HitsOfRow(sae));
        if (reachR.Length < rows) (reachR, expectedR, perNormR) = (new float[rows], new float[rows], new float[rows]);
        for (var row = 0; row < rows; row++) Bounds[row].Clear();
    }

    public void Expect(ScreenedRows rows)
    {
        for (var row = 0; row < count; row++)
        {
            var expected = share * perNorm * rows.Norm(row);
            reachR[row] = expectedR[row] = float.IsFinite(expected) ? expected : 0;
        }
    }

    /// <param name="last">No more features come.</param>
    public void Raise(bool last)
    {
        for (var row = 0; row < count; row++)
        {
            Bounds[row].Tighten(slack: last ? 0 : sae.K / 2);
            reachR[row] = MathF.Max(Bounds[row].Cut, expectedR[row]);
        }
    }

    /// <summary>Notes the rows that did not come to what was expected, drops what was found in them, and learns from all.</summary>
    public void FindMissed(ScreenedRows rows, List<RowHits> hits)
    {
        missed.Clear();
        for (var row = 0; row < count; row++)
        {
            var ratio = Bounds[row].Cut / rows.Norm(row);
            perNormR[row] = ratio > 0 ? ratio : 0;
            if (Bounds[row].Cut >= expectedR[row]) continue;
            missed.Add(row);
            hits[row].Clear();
            reachR[row] = float.PositiveInfinity;
        }
        if (share < 1 || count < RowsMinimum) return;
        Array.Sort(perNormR, 0, count);
        perNorm = Caution * perNormR[count / MissedOneIn];
    }

    /// <summary>The missed rows side by side, and where their hits go. What was given so before may be given again.</summary>
    public List<RowHits> TakeMissed(float* rowsBD, List<RowHits> hits, out float* missedBD)
    {
        if (missedRows.Length < (long)missed.Count * sae.Width) missedRows = new((long)missed.Count * sae.Width);
        for (var i = 0; i < missed.Count; i++)
        {
            new ReadOnlySpan<float>(rowsBD + (long)missed[i] * sae.Width, sae.Width).CopyTo(new(missedRows.Start + (long)i * sae.Width, sae.Width));
            if (hitsOfMissed.Count == i) hitsOfMissed.Add(hits[missed[i]]);
            else hitsOfMissed[i] = hits[missed[i]];
        }
        hitsOfMissed.RemoveRange(missed.Count, hitsOfMissed.Count - missed.Count);
        missedBD = missedRows.Start;
        return hitsOfMissed;
    }
}
