namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>One pass's sums, apart for each cross-validation fold and for what is held out: every penalty, rank and fold is judged without another look at the rows.</summary>
internal sealed record PairedMoments(Moments[] Folds, Moments HeldOut, Moments All, FittingData Data)
{
    public const int FoldCount = 5;

    public static PairedMoments Of(IPairedActivations paired, bool holdOut, int folds, Products<double> products, IProgress<FitProgress>? progress, CancellationToken stopping)
    {
        Moments New() => new(paired.SourceWidth, paired.TargetWidth);
        var (parts, heldOut) = (Enumerable.Range(0, folds).Select(_ => New()).ToArray(), New());
        var data = FittingPass.Over(paired, holdOut, "rows", progress, sequence =>
        {
            var moments = sequence.HeldOut ? heldOut : parts[SequenceSplit.FoldOf(sequence.Ordinal, folds)];
            for (var row = 0; row < sequence.Rows; row++)
                moments.Add(
                    sequence.SourceNS.Slice(row * paired.SourceWidth, paired.SourceWidth), sequence.TargetNT.Slice(row * paired.TargetWidth, paired.TargetWidth), products);
        }, stopping);
        foreach (var moments in parts.Append(heldOut)) moments.End(products);
        if (folds == 1) return new(parts, heldOut, parts[0], data);
        var all = New();
        foreach (var part in parts) all.Add(part);
        return new(parts, heldOut, all, data);
    }

    /// <summary>What a fold's map is learned from: all others. The fold's own rows are then seen about these means, so that the intercept needs no sums of its own.</summary>
    public IEnumerable<(CentredMoments Others, CentredMoments Own, double OwnEnergy)> CrossValidation()
    {
        foreach (var fold in Folds.Where(fold => fold.Count > 0))
        {
            var others = new Moments(All.SourceSS.Rows, All.CrossST.Columns);
            others.Add(All);
            others.Add(fold, -1);
            var centred = others.Centred();
            yield return (centred, fold.About(centred.SourceMeanS, centred.TargetMeanT), fold.Centred().TargetEnergy);
        }
    }
}
