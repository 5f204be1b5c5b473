using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Diffing;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Daemon.Reports;

/// <summary>What <c>sae diff</c> says of two models, for machines as it stands and for people by <see cref="ModelDiffTable"/> and <see cref="ModelDiffPage"/>.</summary>
/// <param name="RowsLeftOut">Not finite, or outliers, on either side.</param>
/// <param name="Dead">Latents without decoder rows, or that never fire.</param>
/// <param name="Other">Latents that one model writes more than the other, and neither alone.</param>
/// <param name="Turned">Of the shared latents that fire in enough rows the first by how far their decoder rows have turned; empty under one dictionary.</param>
internal sealed record ModelDiffReport(
    string Kind, string Format, string Architecture, string Hash, ModelDiffSideView A, ModelDiffSideView B, long Rows, RowsLeftOut RowsLeftOut, int Latents, int Dead, int Shared, int Other,
    ModelDiffLimits Limits, IReadOnlyList<string> Notes, OnlyView BOnly, OnlyView AOnly, IReadOnlyList<DiffedLatentView> Turned)
{
    public const int TopMaximum = 65_536, TopDefault = 20;

    /// <summary>Above, a model's rows are hardly described, and what is left over of them decides little.</summary>
    private const double FvuMaximum = 0.5;

    internal IReadOnlyList<DiffedLatent> All { get; private init; } = [];

    public static ModelDiffReport Of(SparseAutoencoder sae, ModelDiff diff, PairedFiles pairs, int top)
    {
        DiffedLatent[] all = [.. Enumerable.Range(0, diff.Latents).Select(diff.Of)];
        int On(LatentSide side) => all.Count(latent => latent.Side == side);
        var (a, b) = (Side(pairs.SourceModel, pairs.SourceHook, diff.A), Side(pairs.TargetModel, pairs.TargetHook, diff.B));
        return new(
            diff.IsCrosscoder ? "crosscoder" : "dictionary", sae.Format, sae.Architecture, sae.Hash, a, b, diff.Rows, pairs.LeftOut, diff.Latents, On(LatentSide.Dead), On(LatentSide.Shared), On(LatentSide.Other),
            new(), [.. NotesOn(diff)], Only(LatentSide.BOnly), Only(LatentSide.AOnly),
            [.. all.Where(latent => latent is { Side: LatentSide.Shared, Decoders.Cosine: not null } && Math.Max(latent.InA.Rows, latent.InB.Rows) >= ScaledLatent.RowsMinimum).OrderBy(latent => latent.Decoders!.Cosine).ThenBy(latent => latent.Latent).Take(top).Select(View)])
        { All = all };

        ModelDiffSideView Side(string? model, string? hook, ModelFit fit) => new(model, hook, fit.L0, fit.Fvu);

        OnlyView Only(LatentSide side)
        {
            DiffedLatent[] only = [.. all.Where(latent => latent.Side == side)];
            int From(LatentOrigin origin) => only.Count(latent => latent.Origin == origin);
            return new(
                only.Length, From(LatentOrigin.Specific), From(LatentOrigin.CompleteShrinkage), From(LatentOrigin.LatentDecoupling), From(LatentOrigin.Misfit), From(LatentOrigin.Unknown),
                [.. only.OrderByDescending(latent => latent.Origin).ThenByDescending(latent => latent.Scaled!.Rows).ThenBy(latent => latent.Latent).Take(top).Select(View)]);
        }

        DiffedLatentView View(DiffedLatent latent) => DiffedLatentView.Of(latent, diff.Rows);
    }

    private static IEnumerable<string> NotesOn(ModelDiff diff)
    {
        foreach (var (name, option, fit) in new[] { ("A", "--activations-a", diff.A), ("B", "--activations-b", diff.B) })
            if (fit.Fvu is not { } fvu || fvu > FvuMaximum)
                yield return $"{name}'s rows are hardly described (FVU {fit.Fvu?.ToString("0.00", System.Globalization.CultureInfo.InvariantCulture) ?? "unknown, they do not vary"}): is {option} the model, place and scale that {(diff.IsCrosscoder ? $"the crosscoder's {(name == "A" ? "first" : "second")} head" : "the dictionary")} was trained on?";
        if (!diff.IsCrosscoder) yield return "One dictionary describes both models: what it has no latent for is not seen. A crosscoder of both is made for that.";
    }
}

/// <param name="Model">What the files' metadata say; null: nothing.</param>
internal sealed record ModelDiffSideView(string? Model, string? Hook, double L0, double? Fvu);

/// <summary>From where on a latent is called what.</summary>
internal sealed record ModelDiffLimits
{
    public double RelativeNormMargin => DecoderPair.Margin;
    public double ErrorMaximum => ScaledLatent.ErrorMaximum;
    public double ReconstructionMaximum => ScaledLatent.ReconstructionMaximum;
    public double FitMinimum => ScaledLatent.FitMinimum;
    public long RowsMinimum => ScaledLatent.RowsMinimum;
}

/// <summary>Latents that look like one model's alone, and how many of them are.</summary>
/// <param name="Latents">Its own first, then the most frequent.</param>
internal sealed record OnlyView(int Count, int Specific, int CompleteShrinkage, int LatentDecoupling, int Misfit, int Unknown, IReadOnlyList<DiffedLatentView> Latents);

/// <summary>A latent; β and ν of the model that it looks to be of alone (<see cref="Origin"/> is null where it looks like both's, and they are B's).</summary>
/// <param name="RateA">Share of A's rows in which it fires.</param>
/// <param name="NuError">The other model's β over its own.</param>
internal sealed record DiffedLatentView(
    int Latent, LatentOrigin? Origin, double? RelativeNorm, double? NormA, double? NormB, double? Cosine, double RateA, double RateB,
    double? NuError, double? NuReconstruction, double? NuActivation, ScaledTarget BetaError, ScaledTarget BetaReconstruction, ScaledTarget BetaActivation)
{
    public static DiffedLatentView Of(DiffedLatent latent, long rows)
    {
        var (scaled, decoders) = (latent.Scaled ?? latent.InB, latent.Decoders);
        var lost = latent.Side == LatentSide.AOnly;
        return new(
            latent.Latent, latent.Origin, decoders?.RelativeNorm, decoders?.NormA, decoders?.NormB, decoders?.Cosine, (double)latent.InA.Rows / Math.Max(1, rows), (double)latent.InB.Rows / Math.Max(1, rows),
            scaled.Error, scaled.Reconstruction, scaled.Activation, Sides(scaled.ErrorBeta), Sides(scaled.ReconstructionBeta), Sides(scaled.ActivationBeta));

        // Of what A alone has, A and B have changed places.
        ScaledTarget Sides(ScaledTarget target) => lost ? new(target.B, target.A) : target;
    }
}
