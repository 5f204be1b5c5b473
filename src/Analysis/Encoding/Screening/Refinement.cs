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

    private int[] sums = [];

    /// <param name="candidates">Overwritten.</param>
    /// <returns>Those that stay, with sums in which <see cref="Away"/> is what they may be wrong by.</returns>
    public Span<Candidate> Of(Span<Candidate> candidates, int strip, ScreenedRows rows, ReadOnlySpan<float> reachR)
    {
        Add(candidates, rows.Rests, weights.Rounded(strip), weights.Rest(strip));
        var kept = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            var (row, feature, sum) = candidates[i];
            sum += sums[i] * (rows.KnownRest(row).Scale * *weights.Scale(feature));
            var away = rows.Known(row).Norm * *weights.Error(feature) + rows.KnownRest(row).Error * *weights.RoundedNorm(feature);
            var (upper, _) = Ends(sum, away * CandidateSearch.Inflation + Rounded(row, feature, rows), feature);
            if (!IsSilent(upper, row, feature, reachR)) candidates[kept++] = new(row, feature, sum);
        }
        candidates = candidates[..kept];
        Add(candidates, rows.Rounded, weights.Rest(strip), null);
        for (var i = 0; i < candidates.Length; i++)
        {
            var (row, feature, sum) = candidates[i];
            candidates[i] = new(row, feature, sum + sums[i] * (rows.Known(row).Scale * *weights.RestScale(feature)));
        }
        return candidates;
    }

    /// <summary>The least and the most that the score of a refined candidate can be; of a signed one its magnitude.</summary>
    public (float Upper, float Lower) Ends(Candidate refined, ScreenedRows rows)
    {
        var (row, feature, sum) = refined;
        var away = rows.Known(row).Norm * *weights.RestError(feature) + rows.Known(row).Error * *weights.RestNorm(feature) + rows.KnownRest(row).Error * *weights.RoundedNorm(feature);
        return Ends(sum, away * CandidateSearch.Inflation + Rounded(row, feature, rows), feature);
    }

    public bool IsSilent(float upper, int row, int feature, ReadOnlySpan<float> reachR) => upper <= *test.Cut(0, feature) || !reachR.IsEmpty && upper < reachR[row];

    private (float Upper, float Lower) Ends(float sum, float away, int feature)
    {
        float bias = *test.Bias(feature), gain = *test.Gain(0, feature);
        float upper = (sum + away + bias) * gain, lower = (sum - away + bias) * gain;
        return test.Signed ? (MathF.Max(MathF.Abs(upper), MathF.Abs(lower)), MathF.Max(lower, -upper)) : (upper, lower);
    }

    /// <summary>The reference's D steps, the outliers' of screening, and some for what is done once.</summary>
    private float Rounded(int row, int feature, ScreenedRows rows) =>
        rows.Norm(row) * *weights.Norm(feature) * (CandidateSearch.Rounding * CandidateSearch.Inflation * (sae.Width + 4 * rows.Outliers.Count + 128)) + CandidateSearch.Underflow;

    /// <summary>Sums of x w over the whole width, of which none reaches 65,536 · 127².</summary>
    /// <param name="after">Weights that are asked for meanwhile, since they are read next.</param>
    private void Add(ReadOnlySpan<Candidate> candidates, Pieces<sbyte> x, Pieces<sbyte> w, Pieces<sbyte>? after)
    {
        if (sums.Length < candidates.Length) sums = new int[Math.Max(candidates.Length, 2 * sums.Length)];
        sums.AsSpan(0, candidates.Length).Clear();
        for (var from = 0; from < weights.Stride; from += PieceLength.Rounded)
        {
            var next = from + PieceLength.Rounded;
            var (coming, at) = next < weights.Stride ? (w, next) : (after, 0);
            Add(candidates, x, w, from, coming is null ? default : new(coming.At(0, at), coming.Count * coming.LengthFrom(at), turns: candidates.Length));
        }
    }

    // Row by row: its piece is in the first-level cache, the strip's in the second.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<Candidate> candidates, Pieces<sbyte> x, Pieces<sbyte> w, int from, Prefetch ahead)
    {
        var length = w.LengthFrom(from);
        var first = w.At(0, from);
        for (var i = 0; i < candidates.Length;)
        {
            var row = candidates[i].Row;
            var alike = 1;
            while (alike < 4 && i + alike < candidates.Length && candidates[i + alike].Row == row) alike++;
            var some = kernel.Pairs(x.At(row, from), At(candidates, i), At(candidates, i + Math.Min(1, alike - 1)), At(candidates, i + Math.Min(2, alike - 1)), At(candidates, i + alike - 1), length);
            for (var j = 0; j < alike; j++) sums[i + j] += some[j];
            i += alike;
            ahead.Go(alike);
        }

        sbyte* At(ReadOnlySpan<Candidate> candidates, int i) => first + candidates[i].Feature % StripFeatures * length;
    }
}
