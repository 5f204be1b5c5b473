using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>A row and a feature that may fire in it, by its place in the strip; what their sum is about.</summary>
internal readonly record struct Candidate(int Row, int Place, float Sum);

/// <summary>Which pairs of a block's rows and a strip's features could fire, from 8-bit sums and a bound on what 8 bits lose.</summary>
/// <remarks>
/// With x = x̂ + eₓ and w = ŵ + e_w, hats for what 8 bits hold: x w = x̂ŵ + eₓŵ + x e_w, so by Cauchy and Schwarz |x w − x̂ŵ| ≤ ‖eₓ‖‖ŵ‖ + ‖x‖‖e_w‖, all measured.
/// The exact sum is itself rounded: D fused steps lose at most D 2⁻²⁴ ‖x‖‖w‖. Bias, gain and cut are then applied to the upper end as they are to an exact sum, and since each
/// rounding is monotonous, what fires is always a candidate.
/// </remarks>
internal sealed unsafe class CandidateSearch(SparseAutoencoder sae, FiringTest test, ScreenKernel kernel, ScreenedWeights weights)
{
    /// <summary>2⁻²⁴, a float's rounding, and 1 % more for the terms of higher order.</summary>
    public const float Rounding = 1.01f / (1 << 24);

    /// <summary>More than gradual underflow can lose in 65,536 steps (2⁻¹⁴⁹ each), and in the bound's own terms.</summary>
    public const float Underflow = 1e-36f;

    /// <summary>For the products of norms, whose own rounding is a few 2⁻²⁴.</summary>
    public const float Inflation = 1.0001f;

    /// <summary>Of so many features a piece of the width fits the first-level cache.</summary>
    public const int TileFeatures = 64;

    private const int StripFeatures = ScreenedWeights.StripFeatures;
    private const int CandidatesOneIn = 5;
    private const int Lanes = 16;

    // No power of 2, by which they would take each other's place in the cache.
    private const int OutlierStride = StripFeatures + Lanes;
    private const int PassBytes = 512 << 10;

    private readonly AlignedArray<int> tile = new(kernel.Rows * kernel.Features);
    private readonly AlignedArray<float> outlierWeights = new(ScreenedRows.OutliersLimit * OutlierStride);

    // As they are found: row · StripFeatures + place in the strip, and the sum.
    private AlignedArray<int> places = new(0);
    private AlignedArray<float> sumsOfPlaces = new(0);
    private Candidate[] sorted = [];
    private int[] startOf = [];
    private RowBound[] bounds = [];
    private int count;

    /// <summary>Tiles of features, in each the order of rows: refining reads weights of a tile from the first-level cache, and rows one after the other.</summary>
    public Span<Candidate> Found => sorted.AsSpan(0, count);

    /// <summary>For all strips.</summary>
    public void Begin(ScreenedRows rows)
    {
        if (bounds.Length < rows.Count) bounds = new RowBound[rows.Count];
        // The reference's D steps, the outliers' here, and some for what is done once.
        var roundings = Rounding * (sae.Width + 4 * rows.Outliers.Count + 64);
        for (var row = 0; row < rows.Count; row++)
        {
            ref readonly var known = ref rows.Known(row);
            bounds[row] = new(known.Scale, known.Error * Inflation, known.Norm * Inflation, rows.Norm(row) * roundings * Inflation);
        }
    }

    /// <param name="rows">As given to <see cref="Begin"/>.</param>
    /// <param name="reachR">Top-k: what each row's score has to reach, or is surely not among the k largest.</param>
    /// <returns>False: there are so many that summing all exactly is faster.</returns>
    public bool Find(int strip, ScreenedRows rows, ReadOnlySpan<float> reachR)
    {
        var most = Most(StripFeatures);
        if (sorted.Length < most)
        {
            var room = most + kernel.Rows * StripFeatures + Lanes;
            (places, sumsOfPlaces, sorted) = (new(room), new(room), new Candidate[most]);
        }
        most = Most(Math.Min(StripFeatures, sae.Latents - strip * StripFeatures));
        count = 0;
        PickOutlierWeights(strip, rows.Outliers);
        var (first, end) = (strip * StripFeatures, Math.Min((strip + 1) * StripFeatures, weights.Panels * kernel.Features));
        // Some panels stay in the second-level cache, and a group of rows is read once for all of them.
        var together = Math.Max(1, PassBytes / weights.Stride / kernel.Features) * kernel.Features;
        for (; first < end; first += together)
        {
            for (var row = 0; row < rows.Count; row += kernel.Rows)
            {
                for (var feature = first; feature < Math.Min(first + together, end); feature += kernel.Features)
                {
                    kernel.Sum(weights.Panel(feature / kernel.Features), rows.Group(row), weights.Stride / 4, weights.Start(feature), tile.Start);
                    for (var lane = 0; lane < kernel.Features; lane += Lanes) Collect(feature + lane, tile.Start + lane, rows, row, Math.Min(kernel.Rows, rows.Count - row), reachR);
                }
                if (count > most) return false;
            }
        }
        Sort(rows.Count);
        return true;

        int Most(int features) => Math.Max(rows.Count * (features / CandidatesOneIn), features);
    }

    private void PickOutlierWeights(int strip, List<int> outliers)
    {
        var features = weights.Exact(strip);
        for (var o = 0; o < outliers.Count; o++)
            for (var f = 0; f < features.Count; f++) outlierWeights.Start[o * OutlierStride + f] = features[f, outliers[o]];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Collect(int feature, int* sums, ScreenedRows rows, int firstRow, int rowCount, ReadOnlySpan<float> reachR)
    {
        var real = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(sae.Latents - feature)).AsSingle();
        var placeOfLane = Vector512<int>.Indices + Vector512.Create(feature % StripFeatures);
        var scale = Vector512.LoadAligned(weights.Scale(feature));
        var norm = Vector512.LoadAligned(weights.Norm(feature));
        var rounded = Vector512.LoadAligned(weights.RoundedNorm(feature));
        var error = Vector512.LoadAligned(weights.Error(feature));
        var bias = Vector512.LoadAligned(test.Bias(feature));
        var gain = Vector512.LoadAligned(test.Gain(0, feature));
        var cut = Vector512.LoadAligned(test.Cut(0, feature));
        var weightsOfOutliers = outlierWeights.Start + feature % StripFeatures;
        for (var i = 0; i < rowCount; i++)
        {
            var row = firstRow + i;
            ref readonly var bound = ref bounds[row];
            var sum = Vector512.ConvertToSingle(Vector512.LoadAligned(sums + i * kernel.Features)) * (scale * Vector512.Create(bound.Scale));
            var outliers = rows.OutliersOf(row);
            for (var o = 0; o < outliers.Length; o++) sum = Vector512.FusedMultiplyAdd(Vector512.Create(outliers[o]), Vector512.LoadAligned(weightsOfOutliers + o * OutlierStride), sum);
            var away = Vector512.FusedMultiplyAdd(rounded, Vector512.Create(bound.Error), Vector512.Create(Underflow));
            away = Vector512.FusedMultiplyAdd(norm, Vector512.Create(bound.Whole), Vector512.FusedMultiplyAdd(error, Vector512.Create(bound.Norm), away));
            var upper = (sum + away + bias) * gain;
            if (test.Signed) upper = Vector512.Max(Vector512.Abs(upper), Vector512.Abs((sum - away + bias) * gain));
            // Not "greater": what is not a number is not known to be silent. What equals the k-th may win by its place.
            var silent = Vector512.LessThanOrEqual(upper, cut);
            if (!reachR.IsEmpty) silent |= Vector512.LessThan(upper, Vector512.Create(reachR[row]));
            var found = Vector512.AndNot(real, silent);
            var place = placeOfLane + Vector512.Create(row * StripFeatures);
            if (Avx512F.IsSupported)
            {
                // Without asking whether there are any: about every other has one, and a wrong guess takes longer than to store none.
                Avx512F.Compress(default, found.AsInt32(), place).Store(places.Start + count);
                Avx512F.Compress(default, found, sum).Store(sumsOfPlaces.Start + count);
                count += BitOperations.PopCount(found.ExtractMostSignificantBits());
                continue;
            }
            for (var lanes = found.ExtractMostSignificantBits(); lanes != 0; lanes &= lanes - 1)
            {
                var lane = BitOperations.TrailingZeroCount(lanes);
                (places.Start[count], sumsOfPlaces.Start[count++]) = (place[lane], sum[lane]);
            }
        }
    }

    /// <summary>A row's factors in the bound on what 8 bits lose.</summary>
    private readonly record struct RowBound(float Scale, float Error, float Norm, float Whole);

    private void Sort(int rows)
    {
        var keys = StripFeatures / TileFeatures * rows;
        if (startOf.Length <= keys) startOf = new int[keys + 1];
        Array.Clear(startOf);
        for (var i = 0; i < count; i++) startOf[KeyOf(places.Start[i]) + 1]++;
        for (var key = 0; key < keys; key++) startOf[key + 1] += startOf[key];
        for (var i = 0; i < count; i++)
        {
            var (row, place) = Math.DivRem((uint)places.Start[i], StripFeatures);
            sorted[startOf[KeyOf(places.Start[i])]++] = new((int)row, (int)place, sumsOfPlaces.Start[i]);
        }

        int KeyOf(int place) => (int)((uint)place % StripFeatures / TileFeatures) * rows + (int)((uint)place / StripFeatures);
    }
}
