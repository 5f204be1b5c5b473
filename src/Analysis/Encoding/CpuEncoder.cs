using DriftWatch.Analysis.Encoding.Screening;

namespace DriftWatch.Analysis.Encoding;

/// <summary>All kinds that are a product and a test, fast on this processor, with the bits of <see cref="ReferenceEncoder"/> whatever the processor and the number of threads.</summary>
/// <remarks>
/// Rows are taken in blocks, so that weights are read from memory once a block. Where the dictionary is large enough and bytes are multiplied faster than floats, 8-bit sums first say
/// which features cannot fire (<see cref="ScreenedBlockEncoder"/>).
/// Buffers are kept between calls: one caller at a time.
/// A GLU encoder's gate lies between 0 and 1, so what fires has passed the test without it: the gate's product is taken for tiles in which something has, its exponential for what has.
/// Not here: matching pursuit. Each of its steps needs the residual that the step before left, so there is no product to take at once for all rows and features.
/// </remarks>
public sealed unsafe class CpuEncoder : IEncoder
{
    // Measured on Zen 4 (2,304 → 16,384): 0.5 to 4 MiB differ by 3 %; below, weights come from memory too often.
    private const int BlockBytes = 2 << 20;
    private const int BlockRowsMaximum = 384;

    /// <summary>What the encoder keeps of a weight beside the dictionary's own, at most: where it screens.</summary>
    public const int BytesPerWeight = ScreenedWeights.BytesPerWeight;

    // Below, a sum costs hardly more than the bound on it.
    private const int ScreenedWidthMinimum = 256;
    private const int ScreenedLatentsMinimum = 2048;

    // Of a worker's screened block; with fewer, features are parted too. Measured on two threads, 2,304 → 16,384: parts of the features are 13 % faster at 200 rows in all, equal at 768, and
    // 2 to 5 % slower at 1,024; with top-k, whose parts do not know of each other's largest, a quarter slower at 256.
    private const int RowsMinimum = 384, RowsOfTopKMinimum = 96;

    private readonly BlockEncoder[] workers;
    private readonly int rowsOfGroup;
    private readonly int rowsOfBlockMaximum;
    private readonly int partsMaximum;
    private readonly bool screened;
    private readonly ParallelOptions parallel;
    private readonly Action<int> work;
    private readonly List<SparseCodes> results = [];
    private readonly float[] divisorF;
    private readonly RowHits merged;
    private int[] features = [];
    private float[] values = [];

    // The call in progress.
    private float* rows;
    private int rowCount;
    private int groups;
    private int blocks;
    private int parts;
    private int next;

    public CpuEncoder(SparseAutoencoder sae, int threads) : this(sae, threads, PanelKernel.Best, Pays(sae) ? ScreenKernel.Best : null)
    {
    }

    /// <param name="screen">null: dense.</param>
    internal CpuEncoder(SparseAutoencoder sae, int threads, PanelKernel kernel, ScreenKernel? screen)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (!Encodes(sae)) throw new ArgumentException($"{sae.Kind} has the reference encoder only; FastestEncoder chooses it", nameof(sae));
        Dictionary = sae;
        screened = screen is not null && ScreenedBlockEncoder.Encodes(sae);
        var test = new FiringTest(sae);
        if (screened)
        {
            var weights = new ScreenedWeights(sae, screen!, threads);
            Ready = weights.Packing;
            workers = [.. Enumerable.Range(0, threads).Select(_ => new ScreenedBlockEncoder(sae, test, screen!, weights, kernel))];
            (rowsOfGroup, rowsOfBlockMaximum) = (screen!.Rows, ScreenedBlockEncoder.RowsMaximum);
            // Top-k: parts do not know of each other's largest, so they should not be too small.
            partsMaximum = Math.Max(1, ScreenedBlockEncoder.StripsOf(sae) / 2);
        }
        else
        {
            var weights = new PackedWeights(sae.EncoderDF, sae, kernel.Features);
            var gates = test.Gates ? new PackedWeights(sae.GluEncoderDF, sae, kernel.Features) : null;
            Ready = gates is null ? weights.Packing : Task.WhenAll(weights.Packing, gates.Packing);
            workers = [.. Enumerable.Range(0, threads).Select(_ => new DenseBlockEncoder(sae, test, kernel, weights, gates))];
            (rowsOfGroup, rowsOfBlockMaximum) = (kernel.Rows, Math.Clamp(BlockBytes / (sae.Width * sizeof(float)), 1, BlockRowsMaximum));
            partsMaximum = weights.Panels;
        }
        merged = BlockEncoder.HitsOfRow(sae);
        divisorF = sae.SelectByDecoderNorm && TopKEncoder.Encodes(sae) ? TopKEncoder.Gain(sae) : [];
        parallel = new() { MaxDegreeOfParallelism = threads };
        work = worker => Run(workers[worker]);
        Description = $"cpu ({kernel.Name}{(screened ? $", screened by {screen!.Name}" : "")}, {threads} {(threads == 1 ? "thread" : "threads")})";
    }

    /// <summary>Has the dictionary a fast path? Else <see cref="ReferenceEncoder"/> is all there is.</summary>
    public static bool Encodes(SparseAutoencoder sae) => sae.Kind != AutoencoderKind.MatchingPursuit;

    /// <summary>Is it large enough for screening to spare more than it costs?</summary>
    internal static bool Pays(SparseAutoencoder sae) => sae.Width >= ScreenedWidthMinimum && sae.Latents >= ScreenedLatentsMinimum;

    public SparseAutoencoder Dictionary { get; }
    public string Description { get; }
    public Task Ready { get; }
    public int Threads => workers.Length;

    public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes)
    {
        Ready.GetAwaiter().GetResult();
        codes.Clear();
        rowCount = rowsBD.Length / Dictionary.Width;
        Divide();
        while (results.Count < blocks * parts) results.Add(new());
        next = -1;
        fixed (float* first = rowsBD)
        {
            rows = first;
            var useful = Math.Min(workers.Length, blocks * parts);
            if (useful == 1) Run(workers[0]);
            else Parallel.For(0, useful, parallel, work);
        }
        for (var block = 0; block < blocks; block++) Append(block, codes);
    }

    /// <summary>Blocks of row groups, the same number for each worker; where there are few, which wait for the weights, parts of the features as well.</summary>
    private void Divide()
    {
        groups = CeilingOf(rowCount, rowsOfGroup);
        var fewest = CeilingOf(groups, CeilingOf(rowsOfBlockMaximum, rowsOfGroup));
        var few = groups < (!screened ? 4 : (TopKEncoder.Encodes(Dictionary) ? RowsOfTopKMinimum : RowsMinimum) / rowsOfGroup) * workers.Length;
        parts = few ? Math.Min(workers.Length, partsMaximum) : 1;
        blocks = few ? Math.Min(groups, Math.Max(fewest, CeilingOf(workers.Length, parts))) : Math.Min(groups, CeilingOf(fewest, workers.Length) * workers.Length);
    }

    private void Run(BlockEncoder worker)
    {
        for (var item = Interlocked.Increment(ref next); item < blocks * parts; item = Interlocked.Increment(ref next))
        {
            var block = item / parts;
            var first = (int)((long)block * groups / blocks) * rowsOfGroup;
            var end = Math.Min((int)((long)(block + 1) * groups / blocks) * rowsOfGroup, rowCount);
            worker.Encode(rows + (long)first * Dictionary.Width, end - first, item % parts, parts, results[item]);
        }
    }

    private void Append(int block, SparseCodes codes)
    {
        for (var row = 0; row < results[block * parts].Rows; row += Dictionary.Heads)
        {
            var count = 0;
            for (var head = 0; head < Dictionary.Heads; head++)
            {
                for (var part = 0; part < parts; part++)
                {
                    var result = results[block * parts + part];
                    merged.AddRange(result.FeaturesOf(row + head), result.ValuesOf(row + head));
                }
                count = merged.MoveTo(ref features, ref values, count);
            }
            for (var i = 0; divisorF.Length > 0 && i < count; i++) values[i] /= divisorF[features[i]];
            codes.AddRow(features.AsSpan(0, count), values.AsSpan(0, count));
        }
    }

    private static int CeilingOf(int dividend, int divisor) => (dividend + divisor - 1) / divisor;
}
