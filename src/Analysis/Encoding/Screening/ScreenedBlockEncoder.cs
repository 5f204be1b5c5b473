using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>The same bits as <see cref="DenseBlockEncoder"/> with a fraction of the arithmetic: 8-bit sums say which features cannot fire, and only the others are summed exactly.</summary>
/// <remarks>
/// With x = x̂ + eₓ and w = ŵ + e_w, hats for what 8 bits hold: x w = x̂ŵ + eₓŵ + x e_w, so by Cauchy and Schwarz |x w − x̂ŵ| ≤ ‖eₓ‖‖ŵ‖ + ‖x‖‖e_w‖, all measured.
/// The exact sum is itself rounded: D fused steps lose at most D 2⁻²⁴ ‖x‖‖w‖. A feature is a candidate if it could fire at the upper end; bias, gain and cut are then applied as for an
/// exact sum, and since each rounding is monotonous, what fires is always a candidate.
/// Three steps for a strip of features at a time: screen (8 bits, all pairs of row and feature), refine (float32 in a fast order, the candidates; its bound is a hundred times tighter),
/// settle (the one order, what is left: hardly more than what fires). Top-k: a feature is also left out if k others are surely larger.
/// Where more than a fifth of a strip are candidates, screening costs more than it spares: such strips are summed exactly, and if they are most of a block, the next blocks are not screened.
/// Pieces of the width keep refining and settling in the second-level cache.
/// </remarks>
internal sealed unsafe class ScreenedBlockEncoder : BlockEncoder
{
    /// <summary>Weights are read from memory once for so many rows.</summary>
    public const int RowsMaximum = 1024;

    private const int StripFeatures = ScreenedWeights.StripFeatures;
    private const int CandidatesOneIn = 5;
    private const int BlocksUnscreened = 15;

    /// <summary>2⁻²⁴, a float's rounding, and 1 % more for the terms of higher order.</summary>
    private const float Rounding = 1.01f / (1 << 24);

    /// <summary>More than gradual underflow can lose in 65,536 steps (2⁻¹⁴⁹ each), and in the bound's own terms.</summary>
    private const float Underflow = 1e-36f;

    /// <summary>For the products of norms, whose own rounding is a few 2⁻²⁴.</summary>
    private const float Inflation = 1.0001f;

    private readonly FiringTest test;
    private readonly ScreenKernel kernel;
    private readonly ScreenedWeights weights;
    private readonly PanelKernel denseKernel;
    private readonly ScreenedRows rows;
    private readonly DenseTiles dense;
    private readonly AlignedArray<int> tile = new(ScreenKernel.Rows * ScreenKernel.Features);
    private readonly AlignedArray<float> densePanel;
    private readonly AlignedArray<float> outlierWeights;
    private readonly float[] vectorD;
    private readonly bool topK;
    private readonly List<RowHits> bounds = [];
    private readonly int[] startOfFeature = new int[StripFeatures + 1];
    private readonly List<Pair> pending = [];
    private Pair[] candidates = [], sorted = [];
    private float[] sums = [];
    private int candidateCount;
    private bool densePacked;
    private int unscreened;

    /// <summary>A row and a feature; what the score can be at most.</summary>
    private readonly record struct Pair(int Row, int Feature, float Upper);

    public ScreenedBlockEncoder(SparseAutoencoder sae, FiringTest test, ScreenKernel kernel, ScreenedWeights weights, PanelKernel denseKernel) : base(sae)
    {
        (this.test, this.kernel, this.weights, this.denseKernel) = (test, kernel, weights, denseKernel);
        rows = new(sae, kernel, weights.Stride);
        dense = new(sae, test, denseKernel);
        densePanel = new((long)denseKernel.Features * sae.Width);
        outlierWeights = new(ScreenKernel.Features * 32);
        vectorD = new float[weights.Stride];
        topK = TopKEncoder.Encodes(sae);
    }

    /// <summary>Are the kind and the numbers such that a bound on the sum is a bound on the score?</summary>
    public static bool Encodes(SparseAutoencoder sae) =>
        CpuEncoder.Encodes(sae) && sae.Heads == 1 && sae.GluEncoderDF.Length == 0 && sae.Kind != AutoencoderKind.GroupMax && sae.Width <= ScreenKernel.WidthMaximum && TopKEncoder.Gain(sae).All(gain => gain >= 0);

    /// <summary>Features in strips of 256.</summary>
    public static int StripsOf(SparseAutoencoder sae) => (sae.Latents + StripFeatures - 1) / StripFeatures;

    protected override void Encode(float* rowsBD, int count, int part, int parts, List<RowHits> hits)
    {
        rows.Take(rowsBD, count);
        densePacked = false;
        if (topK)
        {
            while (bounds.Count < count) bounds.Add(HitsOfRow(Sae));
            foreach (var bound in bounds) bound.Clear();
        }
        var (strips, denseStrips) = (StripsOf(Sae), 0);
        var (first, end) = ((int)((long)part * strips / parts), (int)((long)(part + 1) * strips / parts));
        for (var strip = first; strip < end; strip++)
        {
            if (unscreened == 0 && Screen(strip)) Refine(strip);
            else
            {
                denseStrips++;
                Settle(hits);
                EncodeDense(strip, hits);
            }
            if (!topK) Settle(hits);
            else
            {
                for (var row = 0; row < count; row++) bounds[row].Tighten(slack: Sae.K / 2);
                if (pending.Count > count * (4L * Sae.K + 64)) Settle(hits);
            }
        }
        if (topK)
            for (var row = 0; row < count; row++) bounds[row].Tighten(slack: 0);
        Settle(hits);
        unscreened = unscreened > 0 ? unscreened - 1 : denseStrips > (end - first) / 2 ? BlocksUnscreened : 0;
    }

    /// <summary>Notes the candidates of a strip, in the order of features.</summary>
    /// <returns>False: there are so many that dense is faster.</returns>
    private bool Screen(int strip)
    {
        var most = Math.Max(rows.Count * (StripFeatures / CandidatesOneIn), StripFeatures);
        if (candidates.Length < most + ScreenKernel.Rows * ScreenKernel.Features) Array.Resize(ref candidates, most + ScreenKernel.Rows * ScreenKernel.Features);
        candidateCount = 0;
        var end = Math.Min((strip + 1) * StripFeatures / ScreenKernel.Features, weights.Panels);
        for (var panel = strip * StripFeatures / ScreenKernel.Features; panel < end; panel++)
        {
            PickOutlierWeights(panel * ScreenKernel.Features);
            for (var row = 0; row < rows.Count; row += ScreenKernel.Rows)
            {
                kernel.Sum(weights.Panel(panel), rows.Group(row), weights.Stride / 4, weights.Start(panel * ScreenKernel.Features), tile.Start);
                Collect(panel * ScreenKernel.Features, row, Math.Min(ScreenKernel.Rows, rows.Count - row));
                if (candidateCount > most) return false;
            }
        }
        SortByFeature(strip * StripFeatures);
        return true;
    }

    private void PickOutlierWeights(int firstFeature)
    {
        var strip = weights.Strip(firstFeature / StripFeatures);
        for (var o = 0; o < rows.Outliers.Count; o++)
            for (var f = 0; f < ScreenKernel.Features; f++) outlierWeights.Start[o * ScreenKernel.Features + f] = strip[firstFeature % StripFeatures + f, rows.Outliers[o]];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Collect(int firstFeature, int firstRow, int count)
    {
        var real = (1ul << Math.Min(ScreenKernel.Features, Sae.Latents - firstFeature)) - 1;
        var scale = Vector512.LoadAligned(weights.Scale(firstFeature));
        var norm = Vector512.LoadAligned(weights.Norm(firstFeature));
        var rounded = Vector512.LoadAligned(weights.RoundedNorm(firstFeature));
        var error = Vector512.LoadAligned(weights.Error(firstFeature));
        var bias = Vector512.LoadAligned(test.Bias(firstFeature));
        var gain = Vector512.LoadAligned(test.Gain(0, firstFeature));
        var cut = Vector512.LoadAligned(test.Cut(0, firstFeature));
        // The reference's D steps, the outliers' here, and some for what is done once.
        var roundings = Rounding * (Sae.Width + 4 * rows.Outliers.Count + 64);
        for (var i = 0; i < count; i++)
        {
            var row = firstRow + i;
            var known = rows.Known(row);
            var sum = Vector512.ConvertToSingle(Vector512.LoadAligned(tile.Start + i * ScreenKernel.Features)) * (scale * known.Scale);
            var outliers = rows.OutliersOf(row);
            for (var o = 0; o < outliers.Length; o++)
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(outliers[o]), Vector512.LoadAligned(outlierWeights.Start + o * ScreenKernel.Features), sum);
            var away = rounded * (known.Error * Inflation) + error * (known.Norm * Inflation) + norm * (rows.Norm(row) * roundings * Inflation) + Vector512.Create(Underflow);
            var upper = (sum + away + bias) * gain;
            if (test.Signed) upper = Vector512.Max(Vector512.Abs(upper), Vector512.Abs((sum - away + bias) * gain));
            // Not "greater": what is not a number is not known to be silent.
            var silent = Vector512.LessThanOrEqual(upper, topK ? Vector512.MaxNative(cut, Vector512.Create(MathF.BitDecrement(bounds[row].Cut))) : cut);
            for (var lanes = ~silent.ExtractMostSignificantBits() & real; lanes != 0; lanes &= lanes - 1)
                candidates[candidateCount++] = new(row, firstFeature + BitOperations.TrailingZeroCount(lanes), 0);
        }
    }

    /// <summary>Stable, so that the rows of a feature stay in order.</summary>
    private void SortByFeature(int firstFeature)
    {
        if (sorted.Length < candidates.Length) sorted = new Pair[candidates.Length];
        Array.Clear(startOfFeature);
        for (var i = 0; i < candidateCount; i++) startOfFeature[candidates[i].Feature - firstFeature + 1]++;
        for (var f = 0; f < StripFeatures; f++) startOfFeature[f + 1] += startOfFeature[f];
        for (var i = 0; i < candidateCount; i++) sorted[startOfFeature[candidates[i].Feature - firstFeature]++] = candidates[i];
    }

    /// <summary>Leaves of the candidates those that float32 sums cannot tell from firing.</summary>
    private void Refine(int strip)
    {
        if (sums.Length < sorted.Length) sums = new float[sorted.Length];
        sums.AsSpan(0, candidateCount).Clear();
        for (var from = 0; from < weights.Stride; from += Pieces.Length) AddPiece(weights.Strip(strip), from);

        // The exact sum and this one each lose at most D roundings.
        var roundings = Rounding * (2 * Sae.Width + 64) * Inflation;
        for (var i = 0; i < candidateCount; i++)
        {
            var (row, feature, _) = sorted[i];
            var away = rows.Norm(row) * *weights.Norm(feature) * roundings + Underflow;
            float bias = *test.Bias(feature), gain = *test.Gain(0, feature), cut = *test.Cut(0, feature);
            float upper = (sums[i] + away + bias) * gain, lower = (sums[i] - away + bias) * gain;
            if (test.Signed) (upper, lower) = (MathF.Max(MathF.Abs(upper), MathF.Abs(lower)), MathF.Max(lower, -upper));
            if (upper <= cut || topK && upper < bounds[row].Cut) continue;
            pending.Add(new(row, feature, upper));
            if (topK && lower > 0) bounds[row].Add(feature, lower);
        }
    }

    private void AddPiece(Pieces features, int from)
    {
        var length = Pieces.LengthFrom(from, weights.Stride);
        for (var i = 0; i < candidateCount;)
        {
            var feature = sorted[i].Feature;
            var alike = 1;
            while (alike < 4 && i + alike < candidateCount && sorted[i + alike].Feature == feature) alike++;
            var last = alike - 1;
            var more = PairSums.Rough(features.At(feature % StripFeatures, from),
                rows.Exact.At(sorted[i].Row, from), rows.Exact.At(sorted[i + Math.Min(1, last)].Row, from), rows.Exact.At(sorted[i + Math.Min(2, last)].Row, from), rows.Exact.At(sorted[i + last].Row, from), length);
            for (var j = 0; j < alike; j++) sums[i + j] += more[j];
            i += alike;
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
        fixed (float* firstSum = sums)
            for (var from = 0; from < Sae.Width; from += Pieces.Length)
                for (var first = 0; first < some.Length; first += PairSums.PairsOfTurn)
                {
                    for (var i = 0; i < PairSums.PairsOfTurn; i++)
                    {
                        ref readonly var pair = ref some[Math.Min(first + i, some.Length - 1)];
                        w[i] = weights.Strip(pair.Feature / StripFeatures).At(pair.Feature % StripFeatures, from);
                        x[i] = rows.Exact.At(pair.Row, from);
                    }
                    PairSums.Exact(w, x, firstSum + first, Pieces.LengthFrom(from, Sae.Width));
                }
        for (var i = 0; i < some.Length; i++) Decide(some[i].Row, some[i].Feature, sums[i], hits[some[i].Row]);
        pending.Clear();
    }

    private void DropSurelySmaller()
    {
        var kept = 0;
        foreach (var pair in CollectionsMarshal.AsSpan(pending))
            if (!(pair.Upper < bounds[pair.Row].Cut)) pending[kept++] = pair;
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
        var (n, features) = (denseKernel.Features, weights.Strip(strip));
        for (var first = 0; first < features.Count; first += n)
        {
            // What is behind the last feature has a bias of −∞ and never fires.
            for (var f = 0; f < Math.Min(n, features.Count - first); f++)
            {
                features.Read(first + f, vectorD);
                for (var i = 0; i < Sae.Width; i++) densePanel.Start[i * n + f] = vectorD[i];
            }
            dense.Encode(densePanel.Start, strip * StripFeatures + first, hits, topK ? bounds : null);
        }
    }
}
