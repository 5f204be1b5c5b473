namespace DriftWatch.Analysis.Diffing;

/// <summary>Whose a latent looks.</summary>
public enum LatentSide
{
    /// <summary>Both write it alike.</summary>
    Shared,
    AOnly,
    BOnly,

    /// <summary>One writes it more than the other, and neither alone.</summary>
    Other,

    /// <summary>Neither writes it, or it never fires.</summary>
    Dead,
}

/// <summary>A crosscoder's latent by its decoder rows of the two models, in the scale of training.</summary>
/// <param name="Cosine">Of the two; null where one of them is zero.</param>
public sealed record DecoderPair(double NormA, double NormB, double? Cosine)
{
    /// <summary>Up to this from 0, ½ or 1 a relative norm counts as A's, shared or B's.</summary>
    /// <remarks>Minder et al., arXiv 2504.02922 (table of relative norms), and science-of-finetuning's diffing-toolkit: &lt; 0.1, 0.4 to 0.6, &gt; 0.9.</remarks>
    public const double Margin = 0.1;

    /// <summary>½ ((‖d_B‖ − ‖d_A‖) / max(‖d_A‖, ‖d_B‖) + 1): 0 where A alone writes it, 1 where B does; null: neither.</summary>
    public double? RelativeNorm => Math.Max(NormA, NormB) is var most && most > 0 ? ((NormB - NormA) / most + 1) / 2 : null;

    public LatentSide Side => RelativeNorm switch
    {
        null => LatentSide.Dead,
        < Margin => LatentSide.AOnly,
        > 1 - Margin => LatentSide.BOnly,
        > 0.5 - Margin and < 0.5 + Margin => LatentSide.Shared,
        _ => LatentSide.Other,
    };
}
