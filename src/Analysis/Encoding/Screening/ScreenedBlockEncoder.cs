using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>A row and a feature that may fire in it; what the score can be at most.</summary>
internal readonly record struct Pair(int Row, int Feature, float Upper);

/// <summary>The same bits as <see cref="DenseBlockEncoder"/> with a fraction of the arithmetic: 8-bit sums say which features cannot fire, and only the others are summed exactly.</summary>
/// <remarks>
/// Three steps for a strip of features at a time: find candidates (8 bits, all pairs of row and feature, <see cref="CandidateSearch"/>), refine (16 bits, the candidates,
/// <see cref="Refinement"/>), settle (the one order, what is left: hardly more than what fires).
/// Top-k: a feature is also left out if k others are surely larger (<see cref="KthBound"/>).
/// Where more than a fifth of a strip are candidates, screening costs more than it spares: such strips are summed exactly, and if they are most of a block, the next blocks are not screened.
/// </remarks>
internal sealed unsafe class ScreenedBlockEncoder : BlockEncoder
{
    /// <summary>Weights are read from memory once for so many rows, and what fills up their last group.</summary>
    public const int RowsMaximum = 1024;

    private const int StripFeatures = ScreenedWeights.StripFeatures;
    private const int BlocksUnscreened = 15;

    private readonly FiringTest test;
    private readonly ScreenedWeights weights;
    private readonly PanelKernel denseKernel;
    private readonly ScreenedRows rows;
    private readonly DenseTiles dense;
    private readonly AlignedArray<float> densePanel;
    private readonly CandidateSearch search;
    private readonly Refinement refinement;
    private readonly float[] vectorD;
    private readonly bool topK;
    private readonly KthBound kth;
    private readonly List<Pair> pending = [];
    private float[] sums = [];
    private bool densePacked;
    private int unscreened;

    public ScreenedBlockEncoder(SparseAutoencoder sae, FiringTest test, ScreenKernel kernel, ScreenedWeights weights, PanelKernel denseKernel) : base(sae)
    {
        (this.test, this.weights, this.denseKernel) = (test, weights, denseKernel);
        rows = new(sae, kernel, weights.Stride);
        dense = new(sae, test, denseKernel);
        densePanel = new((long)denseKernel.Features * sae.Width);
        search = new(sae, test, kernel, weights);
        refinement = new(sae, test, kernel, weights);
        vectorD = new float[weights.Stride];
        topK = TopKEncoder.Encodes(sae);
        kth = new(sae);
    }

    /// <summary>Are the kind and the numbers such that a bound on the sum is a bound on the score?</summary>
    public static bool Encodes(SparseAutoencoder sae) =>
        CpuEncoder.Encodes(sae) && sae.Heads == 1 && sae.GluEncoderDF.Length == 0 && sae.Kind != AutoencoderKind.GroupMax && sae.Width <= ScreenKernel.WidthMaximum && TopKEncoder.Gain(sae).All(gain => gain >= 0);

    /// <summary>Features in strips.</summary>
    public static int StripsOf(SparseAutoencoder sae) => (sae.Latents + StripFeatures - 1) / StripFeatures;

    protected override void Encode(float* rowsBD, int count, int part, int parts, List<RowHits> hits)
    {
        var strips = StripsOf(Sae);
        var range = ((int)((long)part * strips / parts), (int)((long)(part + 1) * strips / parts));
        var screens = unscreened == 0;
        if (!screens) unscreened--;
        if (!topK)
        {
            Pass(rowsBD, count, range, screens, hits);
            return;
        }
        foreach (var share in KthBound.Shares)
        {
            kth.Begin(count, screens ? share : 0);
            Pass(rowsBD, count, range, screens, hits);
            if (kth.Missed == 0) return;
            hits = kth.TakeMissed(rowsBD, hits, out rowsBD);
            count = hits.Count;
        }
    }

    private void Pass(float* rowsBD, int count, (int First, int End) strips, bool screens, List<RowHits> hits)
    {
        rows.Take(rowsBD, count);
        search.Begin(rows);
        if (topK) kth.Expect(rows);
        densePacked = false;
        var denseStrips = 0;
        for (var strip = strips.First; strip < strips.End; strip++)
        {
            if (screens && search.Find(strip, rows, kth.ReachR)) Refine(strip);
            else
            {
                denseStrips++;
                Settle(hits);
                EncodeDense(strip, hits);
            }
            if (topK) kth.Raise(last: strip == strips.End - 1);
            if (!topK || pending.Count > count * (4L * Sae.K + 64)) Settle(hits);
        }
        if (topK) kth.FindMissed(rows, hits);
        Settle(hits);
        // Top-k that expects nothing has most of its first strip for candidates: that says nothing of other blocks.
        if (screens && denseStrips - (topK && !kth.Expects ? 1 : 0) > (strips.End - strips.First) / 2) unscreened = BlocksUnscreened;
    }

    private void Refine(int strip)
    {
        foreach (var candidate in refinement.Of(search.Found, strip, rows, kth.ReachR))
        {
            var (row, feature) = (candidate.Row, strip * StripFeatures + candidate.Place);
            var (upper, lower) = refinement.Ends(candidate, strip, rows);
            if (refinement.IsSilent(upper, row, feature, kth.ReachR)) continue;
            pending.Add(new(row, feature, upper));
            if (topK && lower > 0) kth.Bounds[row].Add(feature, lower);
        }
    }

    /// <summary>Sums what is pending in the one order and decides.</summary>
    private void Settle(List<RowHits> hits)
    {
        if (topK) DropSurelySmaller();
        var some = CollectionsMarshal.AsSpan(pending);
        // The last turn is filled up with its last pair.
        var room = (some.Length + PairSums.PairsOfTurn - 1) / PairSums.PairsOfTurn * PairSums.PairsOfTurn;
        if (sums.Length < room) Array.Resize(ref sums, room);
        sums.AsSpan(0, room).Clear();
        float** w = stackalloc float*[PairSums.PairsOfTurn], x = stackalloc float*[PairSums.PairsOfTurn];
        float** nextW = stackalloc float*[PairSums.PairsOfTurn], nextX = stackalloc float*[PairSums.PairsOfTurn];
        fixed (float* firstSum = sums)
            for (var from = 0; from < Sae.Width; from += PieceLength.Exact)
                for (var first = 0; first < some.Length; first += PairSums.PairsOfTurn)
                {
                    PointAt(some, first, from, w, x);
                    PointAt(some, first + PairSums.PairsOfTurn, from, nextW, nextX);
                    PairSums.Exact(w, x, nextW, nextX, firstSum + first, Math.Min(PieceLength.Exact, Sae.Width - from));
                }
        for (var i = 0; i < some.Length; i++) Decide(some[i].Row, some[i].Feature, sums[i], hits[some[i].Row]);
        pending.Clear();
    }

    private void PointAt(ReadOnlySpan<Pair> pairs, int first, int from, float** w, float** x)
    {
        for (var i = 0; i < PairSums.PairsOfTurn; i++)
        {
            ref readonly var pair = ref pairs[Math.Min(first + i, pairs.Length - 1)];
            w[i] = weights.Exact(pair.Feature / StripFeatures).At(pair.Feature % StripFeatures, from);
            x[i] = rows.Exact.At(pair.Row, from);
        }
    }

    private void DropSurelySmaller()
    {
        var kept = 0;
        foreach (var pair in CollectionsMarshal.AsSpan(pending))
            if (!(pair.Upper < kth.ReachR[pair.Row] || float.IsPositiveInfinity(kth.ReachR[pair.Row]))) pending[kept++] = pair;
        pending.RemoveRange(kept, pending.Count - kept);
    }

    private void Decide(int row, int feature, float sum, RowHits hitsOfRow)
    {
        var score = (sum + *test.Bias(feature)) * *test.Gain(0, feature);
        if (!((test.Signed ? MathF.Abs(score) : score) > MathF.Max(*test.Cut(0, feature), hitsOfRow.Cut))) return;
        var value = test.Gated ? GatedEncoder.Magnitude(sum, Sae, feature) : score;
        if (value != 0) hitsOfRow.Add(feature, value);
    }

    private void EncodeDense(int strip, List<RowHits> hits)
    {
        if (!densePacked)
        {
            dense.Begin(rows.Count);
            for (var row = 0; row < rows.Count; row++)
            {
                rows.Exact.Read(row, vectorD);
                dense.Take(row, vectorD.AsSpan(0, Sae.Width));
            }
            densePacked = true;
        }
        var (n, features) = (denseKernel.Features, weights.Exact(strip));
        for (var first = 0; first < features.Count; first += n)
        {
            // What is behind the last feature has a bias of −∞ and never fires.
            for (var f = 0; f < Math.Min(n, features.Count - first); f++)
            {
                features.Read(first + f, vectorD);
                for (var i = 0; i < Sae.Width; i++) densePanel.Start[i * n + f] = vectorD[i];
            }
            dense.Encode(densePanel.Start, strip * StripFeatures + first, hits, topK ? kth.Bounds : null);
        }
    }
}
