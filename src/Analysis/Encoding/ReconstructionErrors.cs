namespace DriftWatch.Analysis.Encoding;

/// <summary>‖x − x̂‖² of rows that were just encoded, on the threads of their encoder; a row's is the same whichever takes it. 0 for a transcoder, whose target is not in the message.</summary>
/// <remarks>An x̂ adds up as many rows of the decoder as features fire, which come from memory: by one thread it would take a third of the time that two take to encode. One caller at a time; buffers are kept.</remarks>
public sealed unsafe class ReconstructionErrors
{
    private const int RowsOfTurn = 8;

    private readonly SparseAutoencoder sae;
    private readonly Reconstruction? reconstruction;
    private readonly Action<int, int, int> work;
    private readonly float[][] estimateTD;
    private double[] errorB = [];

    // The call in progress.
    private float* rows;
    private SparseCodes codes = new();

    public ReconstructionErrors(IEncoder encoder)
    {
        sae = encoder.Dictionary;
        reconstruction = sae.Transcodes ? null : new(sae);
        estimateTD = [.. Enumerable.Range(0, encoder.Threads).Select(_ => new float[sae.Width])];
        work = Take;
    }

    /// <summary>Of each row of the last call.</summary>
    public ReadOnlySpan<double> OfRows => errorB;

    /// <param name="rowsBD">As they were encoded.</param>
    /// <param name="encoded">What they fire.</param>
    public void Take(ReadOnlySpan<float> rowsBD, SparseCodes encoded)
    {
        if (errorB.Length < encoded.Rows) errorB = new double[encoded.Rows];
        if (reconstruction is null) return;
        codes = encoded;
        fixed (float* first = rowsBD)
        {
            rows = first;
            Parts.ForEach(encoded.Rows, RowsOfTurn, estimateTD.Length, work);
        }
    }

    private void Take(int thread, int first, int count)
    {
        var estimateD = estimateTD[thread];
        for (var row = first; row < first + count; row++)
        {
            var rowD = new ReadOnlySpan<float>(rows + (long)row * sae.Width, sae.Width);
            reconstruction!.Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
            errorB[row] = Energy.OfDifference(rowD, estimateD);
        }
    }
}
