using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>One model's row of a token, its reconstruction, and the latents that made it.</summary>
/// <param name="rowD">As the model wrote it; <paramref name="reconstructionD"/> in the same scale.</param>
/// <param name="features">Latents that fire.</param>
/// <param name="values">What each contributes is its value times its decoder row (<see cref="Reconstruction.Contribution"/>).</param>
public readonly ref struct DescribedRow(ReadOnlySpan<float> rowD, ReadOnlySpan<float> reconstructionD, ReadOnlySpan<int> features, ReadOnlySpan<float> values)
{
    public ReadOnlySpan<float> RowD { get; } = rowD;
    public ReadOnlySpan<float> ReconstructionD { get; } = reconstructionD;
    public ReadOnlySpan<int> Features { get; } = features;
    public ReadOnlySpan<float> Values { get; } = values;
}

/// <summary>Whether a latent of the fine-tune is the fine-tune's alone.</summary>
public enum LatentOrigin
{
    /// <summary>It fires too seldom to say.</summary>
    Unknown,

    /// <summary>Its direction does not describe B's own rows when it fires: the dictionary no longer fits there, and the firings say little.</summary>
    Misfit,

    /// <summary>The base's own latent does what it does: nobody would take it for the fine-tune's alone.</summary>
    Shared,

    /// <summary>The base has it in what its latents leave over: its latent was shrunk away.</summary>
    CompleteShrinkage,

    /// <summary>The base has it in other latents.</summary>
    LatentDecoupling,

    /// <summary>The base has it nowhere.</summary>
    Specific,
}

/// <summary>β of one target: by which factor the latent fits what there is of it in the base (A) and in the fine-tune (B) best.</summary>
public readonly record struct ScaledTarget(double A, double B)
{
    /// <summary>ν: β of A over β of B; null where β of B is not above 0.</summary>
    public double? Nu() => B > 0 ? A / B : null;
}

/// <summary>How much of a latent of the fine-tune (B) there is in the base (A).</summary>
/// <param name="Rows">In which it fires in B.</param>
/// <param name="Own">Share of it that the same latent of A accounts for.</param>
/// <param name="ErrorBeta">Of what a side's other latents leave over.</param>
/// <param name="ReconstructionBeta">Of a side's reconstruction. <paramref name="ActivationBeta"/>: of its rows.</param>
public sealed record ScaledLatent(int Feature, long Rows, double Own, ScaledTarget ErrorBeta, ScaledTarget ReconstructionBeta, ScaledTarget ActivationBeta)
{
    public const long RowsMinimum = 30;
    public const double OwnMaximum = 0.1, FitMinimum = 0.1, ErrorMaximum = 0.2, ReconstructionMaximum = 0.5;

    /// <summary>β of what B's other latents leave over: 1 where the latent describes B's own rows as it should.</summary>
    public double Fit => ErrorBeta.B;

    public double? Error => ErrorBeta.Nu();
    public double? Reconstruction => ReconstructionBeta.Nu();
    public double? Activation => ActivationBeta.Nu();

    public LatentOrigin Origin => OriginWhere(looksSpecific: Own <= OwnMaximum);

    /// <param name="looksSpecific">Nobody would say that A has it, too: it hardly fires there, or its decoder row of A is short.</param>
    public LatentOrigin OriginWhere(bool looksSpecific) =>
        Rows < RowsMinimum ? LatentOrigin.Unknown
        : Fit < FitMinimum ? LatentOrigin.Misfit
        : !looksSpecific ? LatentOrigin.Shared
        : Error > ErrorMaximum ? LatentOrigin.CompleteShrinkage
        : Reconstruction > ReconstructionMaximum ? LatentOrigin.LatentDecoupling
        : LatentOrigin.Specific;
}

/// <summary>Are latents that look specific to a fine-tune really its own? Latent scaling (Minder et al., arXiv 2504.02922), as running sums over paired rows.</summary>
/// <remarks>
/// For latent j with decoder row d of B and activation f on B's rows, β = Σ f (Y·d) / (Σ f² ‖d‖²) is the factor by which f·d fits Y best; ν = β of A over β of B. Per side m Y is the error with the latent's own contribution
/// put back, x − x̂ + fᵐ dᵐ; the reconstruction x̂; the row x. Therefore Σf², Σf·fᵐ, Σf (x·d) and Σf (x̂·d) are all that is kept: sums of whole units, which merge in any order with the same bits.
/// Cut-offs of 0.2 (error) and 0.5 (reconstruction) are that paper's. That a latent looks specific is 0.1 or less of it in the same latent of A: with a crosscoder its decoder row of A is short, with one dictionary
/// for both models it does not fire in A, and of two dictionaries of their own all latents look so. With β of B below 0.1 a factor of it means nothing (not in the paper: one dictionary for both may fit the fine-tune badly).
/// </remarks>
/// <param name="decoderBFD">[F, width], the fine-tune's.</param>
/// <param name="decoderAFD">[F, width], of the same latents in the base; null: A's latents are others.</param>
public sealed class LatentScaling(float[] decoderBFD, float[]? decoderAFD, int width)
{
    private readonly Sums[] sumsF = new Sums[decoderBFD.Length / width];
    private readonly double[] ownF = new double[decoderBFD.Length / width];   // Of A's row in progress.

    public int Features => sumsF.Length;

    /// <summary>Adds the rows of one token.</summary>
    public void Add(in DescribedRow a, in DescribedRow b)
    {
        if (decoderAFD is not null)
            for (var i = 0; i < a.Features.Length; i++) ownF[a.Features[i]] = a.Values[i];
        for (var i = 0; i < b.Features.Length; i++)
        {
            var (j, f) = (b.Features[i], (double)b.Values[i]);
            var directionD = decoderBFD.AsSpan(j * width, width);
            sumsF[j] += new Sums(
                1, ExactSum.Of(f * f), ExactSum.Of(f * ownF[j]),
                ExactSum.Of(f * Energy.OfProduct(a.RowD, directionD)), ExactSum.Of(f * Energy.OfProduct(a.ReconstructionD, directionD)), ExactSum.Of(f * Energy.OfProduct(b.RowD, directionD)), ExactSum.Of(f * Energy.OfProduct(b.ReconstructionD, directionD)));
        }
        if (decoderAFD is not null)
            foreach (var j in a.Features) ownF[j] = 0;
    }

    /// <summary>Takes in the sums of other rows through the same dictionaries.</summary>
    public void Merge(LatentScaling other)
    {
        if (other.Features != Features) throw new ArgumentException($"sums of {other.Features} latents cannot be merged into sums of {Features}", nameof(other));
        for (var j = 0; j < sumsF.Length; j++) sumsF[j] += other.sumsF[j];
    }

    public ScaledLatent Of(int feature)
    {
        var sums = sumsF[feature];
        var directionD = decoderBFD.AsSpan(feature * width, width);
        var square = Energy.Of(directionD);
        var scale = sums.Square.Value * square;
        if (!(scale > 0)) return new(feature, sums.Rows, 0, default, default, default);
        var ownA = decoderAFD is null ? 0 : sums.OwnA.Value * Energy.OfProduct(decoderAFD.AsSpan(feature * width, width), directionD);
        return new(
            feature, sums.Rows, ownA / scale,
            new((sums.RowA.Value - sums.ReconstructionA.Value + ownA) / scale, (sums.RowB.Value - sums.ReconstructionB.Value + scale) / scale),
            new(sums.ReconstructionA.Value / scale, sums.ReconstructionB.Value / scale), new(sums.RowA.Value / scale, sums.RowB.Value / scale));
    }

    /// <param name="OwnA">Σ f·fᴬ.</param>
    /// <param name="RowA">Σ f (x·d), and so on.</param>
    private readonly record struct Sums(long Rows, ExactSum Square, ExactSum OwnA, ExactSum RowA, ExactSum ReconstructionA, ExactSum RowB, ExactSum ReconstructionB)
    {
        public static Sums operator +(in Sums a, in Sums b) => new(
            a.Rows + b.Rows, a.Square + b.Square, a.OwnA + b.OwnA, a.RowA + b.RowA, a.ReconstructionA + b.ReconstructionA, a.RowB + b.RowB, a.ReconstructionB + b.ReconstructionB);
    }
}
