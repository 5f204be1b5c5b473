using System.Text.Json.Nodes;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Learns a map of activations from paired rows.</summary>
public static class TransformFit
{
    /// <exception cref="Activations.MalformedException">Nothing can be learned from these rows: what was found and what to use instead; reason <c>fit</c>.</exception>
    public static LearnedTransform Learn(IPairedActivations paired, FitOptions options, IProgress<FitProgress>? progress = null, CancellationToken stopping = default) => options.Kind switch
    {
        "affine" or "orthogonal" or "low-rank" => Linear(paired, options, progress, stopping),
        "mlp" => MlpFit.Learn(paired, options, progress, stopping),
        var kind => throw new ArgumentException($"'{kind}' is no kind of activation map. Use {string.Join(", ", FitOptions.Kinds)}.", nameof(options)),
    };

    private static LearnedTransform Linear(IPairedActivations paired, FitOptions options, IProgress<FitProgress>? progress, CancellationToken stopping)
    {
        var products = new Products<double>(options.Threads);
        var choosesPenalty = options.Kind != "orthogonal" && options.Penalty is null;
        var choosesRank = options.Kind == "low-rank" && options.Rank is null;
        var folds = choosesPenalty || choosesRank ? PairedMoments.FoldCount : 1;
        var moments = PairedMoments.Of(paired, options.HoldOut, folds, products, progress, stopping);
        moments.Data.Check(paired.SourceWidth, splits: options.HoldOut || folds > 1);
        var centred = moments.All.Centred();
        if (options.Penalty is null or 0) RidgeFit.RefuseRankDeficient(centred, products);

        var choices = new JsonObject();
        var penalty = options.Penalty ?? 0;
        if (choosesPenalty)
        {
            (penalty, var tried) = RidgeFit.Choose(moments, products, progress, stopping);
            choices["penalties"] = new JsonArray([.. tried.Select(each => (JsonNode)new JsonObject { ["penalty"] = each.Penalty, ["r2"] = each.R2 })]);
        }
        if (options.Kind != "orthogonal") choices["penalty"] = penalty;

        progress?.Report(new("solving", 0, 0));
        Matrix<double> aST;
        TransformTensor[] tensors;
        switch (options.Kind)
        {
            case "affine":
                aST = RidgeFit.Solve(centred, penalty, products);
                tensors = [Tensor("A", aST)];
                break;
            case "orthogonal":
                (aST, var scale) = ProcrustesFit.Solve(centred, options.Scale, products);
                choices["scale"] = scale;
                tensors = [Tensor("A", aST)];
                break;
            default:
                var rank = Math.Min(options.Rank ?? int.MaxValue, Math.Min(paired.SourceWidth, paired.TargetWidth));
                if (choosesRank)
                {
                    (rank, var tried) = LowRankFit.Choose(moments, penalty, products, progress, stopping);
                    choices["ranks"] = new JsonArray([.. tried.Select(each => (JsonNode)new JsonObject { ["rank"] = each.Rank, ["r2"] = each.R2 })]);
                }
                choices["rank"] = rank;
                var (uSR, vtRT) = LowRankFit.Solve(centred, penalty, products);
                (uSR, vtRT) = (Leading(uSR, uSR.Rows, rank), Leading(vtRT, rank, vtRT.Columns));
                aST = new(paired.SourceWidth, paired.TargetWidth);
                products.Add(aST.View(), 1, uSR.View(), vtRT.View());
                tensors = [Tensor("U", uSR), Tensor("V", vtRT)];
                break;
        }
        // b = ȳ − x̄A.
        var bT = (double[])centred.TargetMeanT.Clone();
        for (var s = 0; s < aST.Rows; s++)
            for (var t = 0; t < bT.Length; t++) bT[t] -= centred.SourceMeanS[s] * aST[s, t];
        double? r2 = moments.HeldOut.Count == 0 ? null : R2(moments.HeldOut, centred, aST, products);
        return Learned(options.Kind, [.. tensors, new("b", [bT.Length], [.. bT.Select(value => (float)value)])], moments.Data, r2, choices);
    }

    internal static LearnedTransform Learned(string kind, IReadOnlyList<TransformTensor> tensors, FittingData data, double? heldOutR2, JsonObject choices) => new(
        new(kind)
        {
            Data = data.Hash,
            Rows = data.Rows,
            Sequences = data.Sequences,
            Choices = choices.ToJsonString(),
            Fidelity = heldOutR2 is { } r2 ? new JsonObject { ["r2"] = r2 }.ToJsonString() : null,
        },
        tensors, heldOutR2, data, choices);

    private static double R2(Moments heldOut, CentredMoments learned, Matrix<double> aST, Products<double> products) =>
        1 - heldOut.About(learned.SourceMeanS, learned.TargetMeanT).ErrorOf(aST, products) / heldOut.Centred().TargetEnergy;

    private static TransformTensor Tensor(string name, Matrix<double> matrix) => new(name, [matrix.Rows, matrix.Columns], [.. matrix.Values.ToArray().Select(value => (float)value)]);

    private static Matrix<double> Leading(Matrix<double> matrix, int rows, int columns)
    {
        var leading = new Matrix<double>(rows, columns);
        for (var row = 0; row < rows; row++) matrix.Row(row)[..columns].CopyTo(leading.Row(row));
        return leading;
    }
}
