using DriftWatch.Analysis.Canonical.Fidelity;

namespace DriftWatch.Analysis.Diffing;

/// <summary>A latent in two models.</summary>
/// <param name="Decoders">Of a crosscoder; null: one dictionary serves both.</param>
/// <param name="InB">As B writes it, looked for in A.</param>
/// <param name="InA">As A writes it, looked for in B: there A and B have changed places.</param>
public sealed record DiffedLatent(int Latent, DecoderPair? Decoders, ScaledLatent InB, ScaledLatent InA)
{
    /// <summary>By its decoder rows; under one dictionary by whether it fires for one model and not for the other, as <see cref="ScaledLatent.Origin"/> has it.</summary>
    public LatentSide Side => (InA.Rows, InB.Rows) is (0, 0) ? LatentSide.Dead : Decoders?.Side ?? ByFiring;

    private LatentSide ByFiring =>
        InB.Rows >= InA.Rows && InB.Own <= ScaledLatent.OwnMaximum ? LatentSide.BOnly
        : InA.Rows >= InB.Rows && InA.Own <= ScaledLatent.OwnMaximum ? LatentSide.AOnly
        : LatentSide.Shared;

    /// <summary>Of the model that it looks to be of alone, the other taken for the base; null where it looks like both's.</summary>
    public ScaledLatent? Scaled => Side switch { LatentSide.BOnly => InB, LatentSide.AOnly => InA, _ => null };

    /// <summary>Is it that model's own? Null where it does not look so.</summary>
    public LatentOrigin? Origin => Scaled?.OriginWhere(looksSpecific: true);
}
