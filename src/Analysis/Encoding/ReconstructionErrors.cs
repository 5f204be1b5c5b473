namespace DriftWatch.Analysis.Encoding;

/// <summary>‖x − x̂‖² of rows that were just encoded, on the threads of their encoder; a row's is the same whichever takes it. 0 for a transcoder, whose target is not in the message.</summary>
/// <remarks>An x̂ adds up as many rows of the decoder as features fire, which come from memory: by one thread it would take a third of the time that two take to encode. One caller at a time; buffers are kept.</remarks>
public sealed unsafe class ReconstructionErrors
{
    private const int RowsOfTurn = 8;

    private readonly SparseAutoencoder sae;
    private readonly Reconstruction? reconstruction;
    private readonly ParallelOptions parallel;
    private readonly Action<int> work;
    private readonly float[][] estimateTD;
    private double[] errorB = [];

    // The call in progress.
    private float* rows;
    private SparseCodes codes = new();
    private int next;

    public ReconstructionErrors(IEncoder encoder)
    {
        sae = encoder.Dictionary;
        reconstruction = sae.Transcodes ? null : new(sae);
        parallel = new() { MaxDegreeOfParallelism = encoder.Threads };
        estimateTD = [.. Enumerable.Range(0, encoder.Threads).Select(_ => new float[sae.Width])];
        work = Run;
    }

    /// <summary>Of each row of the last call.</summary>
    public ReadOnlySpan<double> OfRows => errorB;

    /// <param name="rowsBD">As they were encoded.</param>
    /// <param name="encoded">What they fire.</param>
    public void Take(ReadOnlySpan<float> rowsBD, SparseCodes encoded)
    {
        if (errorB.Length < encoded.Rows) errorB = new double[encoded.Rows];
        if (reconstruction is null) return;
        (codes, next) = (encoded, 0);
        fixed (float* first = rowsBD)
        {
            rows = first;
            var threads = Math.Min(estimateTD.Length, (encoded.Rows + RowsOfTurn - 1) / RowsOfTurn);
            if (threads == 1) Run(0);
            else Parallel.For(0, threads, parallel, work);
        }
    }

    private void Run(int thread)
    {
        var estimateD = estimateTD[thread];
        for (var end = Interlocked.Add(ref next, RowsOfTurn); end - RowsOfTurn < codes.Rows; end = Interlocked.Add(ref next, RowsOfTurn))
            for (var row = end - RowsOfTurn; row < Math.Min(end, codes.Rows); row++)
            {
                var rowD = new ReadOnlySpan<float>(rows + (long)row * sae.Width, sae.Width);
                reconstruction!.Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
                errorB[row] = Energy.OfDifference(rowD, estimateD);
            }
    }
}
