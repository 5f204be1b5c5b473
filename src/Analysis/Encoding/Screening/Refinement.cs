using System.Runtime.CompilerServices;

namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Leaves of a strip's candidates those that 16-bit sums cannot tell from firing: hardly more than what fires.</summary>
/// <remarks>
/// The row x = x̂ + x′ + e and the weights w = ŵ + w′ + f each as two times 8 bits and what is left. Screening knows x̂ŵ, and most of what its bound is wide for is (x − x̂)ŵ + x(w − ŵ).
/// First x′ŵ is added, for all: |x w − x̂ŵ − x′ŵ| ≤ ‖e‖‖ŵ‖ + ‖x‖‖w − ŵ‖, half of the bound, and a quarter of the candidates stay. Then x̂w′, for those:
/// |x w − x̂ŵ − x′ŵ − x̂w′| ≤ ‖e‖‖ŵ‖ + ‖x − x̂‖‖w′‖ + ‖x‖‖f‖, a hundred times tighter. A byte a weight is read each time, where exact sums would read four. All norms are measured.
/// </remarks>
internal sealed unsafe class Refinement(SparseAutoencoder sae, FiringTest test, ScreenKernel kernel, ScreenedWeights weights)
{
    private const int StripFeatures = ScreenedWeights.StripFeatures;

    // Between two of them what comes next is asked for.
    private const int PairsOfTurn = 64;

    private int[] sums = [];

    /// <param name="candidates">Overwritten.</param>
    /// <returns>Those that stay, with sums in which <see cref="Ends(Candidate, int, ScreenedRows)"/> is what they may be wrong by.</returns>
    public Span<Candidate> Of(Span<Candidate> candidates, int strip, ScreenedRows rows, ReadOnlySpan<float> reachR)
    {
        Add(candidates, rows.Rests, ScreenedRows.RestOffset, weights.Rounded(strip), weights.Start(strip * StripFeatures));
        var kept = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            var (row, place, sum) = candidates[i];
            var feature = strip * StripFeatures + place;
            sum += sums[i] * (rows.KnownRest(row).Scale * *weights.Scale(feature));
            var away = rows.Known(row).Norm * *weights.Error(feature) + rows.KnownRest(row).Error * *weights.RoundedNorm(feature);
            var (upper, _) = Ends(sum, away * CandidateSearch.Inflation + Rounded(row, feature, rows), feature);
            if (!IsSilent(upper, row, feature, reachR)) candidates[kept++] = new(row, place, sum);
        }
        candidates = candidates[..kept];
        Add(candidates, rows.Rounded, kernel.Offset, weights.Rest(strip), weights.RestStart(strip * StripFeatures));
        for (var i = 0; i < candidates.Length; i++)
        {
            var (row, place, sum) = candidates[i];
            candidates[i] = new(row, place, sum + sums[i] * (rows.Known(row).Scale * *weights.RestScale(strip * StripFeatures + place)));
        }
        return candidates;
    }

    /// <summary>The least and the most that the score of a refined candidate can be; of a signed one its magnitude.</summary>
    public (float Upper, float Lower) Ends(Candidate refined, int strip, ScreenedRows rows)
    {
        var (row, place, sum) = refined;
        var feature = strip * StripFeatures + place;
        var away = rows.Known(row).Norm * *weights.RestError(feature) + rows.Known(row).Error * *weights.RestNorm(feature) + rows.KnownRest(row).Error * *weights.RoundedNorm(feature);
        return Ends(sum, away * CandidateSearch.Inflation + Rounded(row, feature, rows), feature);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsSilent(float upper, int row, int feature, ReadOnlySpan<float> reachR) => upper <= *test.Cut(0, feature) || !reachR.IsEmpty && upper < reachR[row];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (float Upper, float Lower) Ends(float sum, float away, int feature)
    {
        float bias = *test.Bias(feature), gain = *test.Gain(0, feature);
        float upper = (sum + away + bias) * gain, lower = (sum - away + bias) * gain;
        return test.Signed ? (MathF.Max(MathF.Abs(upper), MathF.Abs(lower)), MathF.Max(lower, -upper)) : (upper, lower);
    }

    /// <summary>The reference's D steps, the outliers' of screening, and some for what is done once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float Rounded(int row, int feature, ScreenedRows rows) =>
        rows.Norm(row) * *weights.Norm(feature) * (CandidateSearch.Rounding * CandidateSearch.Inflation * (sae.Width + 4 * rows.Outliers.Count + 128)) + CandidateSearch.Underflow;

    /// <summary>Sums of x w over the whole width, of which none reaches 65,536 · 127².</summary>
    /// <param name="offset">Of the rows: a multiple of the kernel's.</param>
    /// <param name="startF">Where each place's sum starts with rows of the kernel's offset.</param>
    private void Add(ReadOnlySpan<Candidate> candidates, Pieces<byte> x, int offset, Pieces<sbyte> w, int* startF)
    {
        if (candidates.IsEmpty) return;
        if (sums.Length < candidates.Length) sums = new int[Math.Max(candidates.Length, 2 * sums.Length)];
        for (var i = 0; i < candidates.Length; i++) sums[i] = startF[candidates[i].Place] * (offset / kernel.Offset);
        // A tile ahead, and no more: a whole piece ahead, rows and weights in use would leave the second-level cache for it.
        var tile = Math.Min(CandidateSearch.TileFeatures, w.Count);
        var ahead = new Prefetch(w.At(tile, 0), (long)(w.Count - tile) * weights.Stride, turns: candidates.Length * w.PiecesOfEach);
        Prefetch.All(w.At(0, 0), tile * w.LengthFrom(0));
        for (var from = 0; from < weights.Stride; from += PieceLength.Rounded)
            for (var first = 0; first < candidates.Length; first += PairsOfTurn)
            {
                var some = candidates.Slice(first, Math.Min(PairsOfTurn, candidates.Length - first));
                kernel.AddPairs(x.At(0, from), w.At(0, from), w.LengthFrom(from), some, sums.AsSpan(first));
                ahead.Go(some.Length);
            }
    }
}
