using DriftWatch.Analysis.Windows;
using MathNet.Numerics.LinearAlgebra;

namespace DriftWatch.Analysis.Detection;

/// <summary>Has the spread of the raw activations changed, along any direction, whatever the dictionary says?</summary>
/// <remarks>
/// Intuition: a control beside <see cref="ActivationMeanShift"/>; the mean may stay while activations spread out, shrink or turn.
/// Of the sequences' sketches (<see cref="SequenceProfile"/>, 16 random projections of the mean activation) the covariance in the window relative to the baseline's: eigenvalues λ of Σ₀⁻¹Σ₁.
/// Score and effect: the factor by which the variance changed along the direction that changed most, max(λ, 1/λ), over what chance explains: the edges between which all λ lie for equal covariances,
/// ((1 ± √(y₀ + y₁ − y₀y₁)) / (1 − y₀))², yᵢ = 16/nᵢ (Wachter, The limiting empirical measure of multiple discriminant ratios, Annals of Statistics 1980).
/// Threshold: <see cref="DetectionOptions.CovarianceRatio"/>; heavier tails than normal ones widen the edges a little, which it has room for.
/// </remarks>
public sealed class ActivationCovarianceShift(DetectionOptions options) : IDetector
{
    private const int S = SequenceProfile.Sketch;
    private const int SequencesPerDimension = 5;

    public string Name => "activation-covariance-shift";
    public bool ReadsFeatures => false;

    public Finding Judge(WindowSummary window, Baseline baseline)
    {
        if (!baseline.SameActivations) return Finding.Without(Name, Verdict.Undecided, 1, 1, Baseline.OtherActivations);
        if (window.ProfileSum.Length == 0 || baseline.Summary.ProfileSum.Length == 0)
            return Finding.Without(Name, Verdict.Undecided, 1, 1, "the baseline was frozen before profiles of sequences were kept");
        if (Math.Min(window.Sequences, baseline.Summary.Sequences) < SequencesPerDimension * S)
            return Finding.Without(Name, Verdict.Undecided, 1, 1, $"{window.Sequences} sequences; {SequencesPerDimension * S} are needed for a covariance of {S} dimensions");

        var (now, then) = (Covariance(window), Covariance(baseline.Summary));
        // An axis that never varied has no inverse: both sides get what the sums' rounding is far below of.
        var little = Matrix<double>.Build.DenseIdentity(S) * 1e-8;
        (now, then) = (now + little, then + little);
        var root = then.Cholesky().Factor;
        var whitened = root.LowerTriangle().Solve(root.LowerTriangle().Solve(now).Transpose());
        var lambda = ((whitened + whitened.Transpose()) / 2).Evd(Symmetricity.Symmetric).EigenValues;
        var (y1, y0) = ((double)S / window.Sequences, (double)S / baseline.Summary.Sequences);
        var spread = Math.Sqrt(y0 + y1 - y0 * y1);
        var (low, high) = (Math.Pow((1 - spread) / (1 - y0), 2), Math.Pow((1 + spread) / (1 - y0), 2));
        var (wider, narrower) = (lambda.Max(value => value.Real) / high, low / Math.Max(1e-3, lambda.Min(value => value.Real)));
        var effect = Math.Min(1000, Math.Max(1, Math.Max(wider, narrower)));
        return Finding.Without(
            Name,
            effect >= options.CovarianceRatio ? Verdict.Drift : Verdict.Steady,
            effect,
            effect,
            effect <= 1 ? "the activations spread as before" : $"along one direction the activations spread {(wider >= narrower ? "more" : "less")}, by a factor of {effect:0.00} beyond chance");
    }

    /// <summary>Of the sketch part of the profiles.</summary>
    private static Matrix<double> Covariance(WindowSummary summary)
    {
        var covariance = Matrix<double>.Build.Dense(S, S);
        var at = 0;
        for (var i = 0; i < SequenceProfile.Length; i++)
            for (var j = i; j < SequenceProfile.Length; j++, at++)
            {
                if (i < SequenceProfile.Scalars) continue;
                var value = summary.ProfileProducts[at].Value / summary.Sequences - summary.ProfileSum[i].Value / summary.Sequences * (summary.ProfileSum[j].Value / summary.Sequences);
                covariance[i - SequenceProfile.Scalars, j - SequenceProfile.Scalars] = covariance[j - SequenceProfile.Scalars, i - SequenceProfile.Scalars] = value;
            }
        return covariance;
    }
}
