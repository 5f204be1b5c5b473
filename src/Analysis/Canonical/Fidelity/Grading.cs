namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>A to F from a score between 0, no better than a control, and 1, as good as the target's own rows.</summary>
/// <remarks>
/// The score is the mean of four shares. Each is the share of the way from the best control (mean only, random orthogonal map, random dictionary, shuffled pairing) to what native rows would give,
/// of one figure: mean feature correlation, matched share, support F1, and FVU through the map (native rows give the reference's own FVU). A share is 0 where the control is as good.
/// Cut-offs, from families whose overlap is known: A 0.75 (the same features in a turned space: 0.85 to 1), B 0.55 (the same features in a fresh space, by a feature map: 0.6), C 0.35 (half of the features shared: 0.45;
/// a small model distilled from a larger one: 0.4), D 0.2 (half of the features, by a feature map: 0.33), E 0.1, below it F (unrelated models: 0). Mean and not median correlation: with half the features carried well the median jumps from 0 to that of the good half.
/// R², SVCCA and CKA do not count: the first misses features that carry little variance, the others are the same for a map and its rotation.
/// A dictionary that leaves more than half of what a random dictionary of its size and sparsity leaves unexplained of the target's rows is no reference: F, whatever the map.
/// </remarks>
public static class Grading
{
    /// <summary>The reference's FVU on native rows, as a share of a random dictionary's, above which every map gets F.</summary>
    public const double DictionaryFvuMaximum = 0.5;

    private static readonly (char Grade, double Score)[] cutOffs = [('A', 0.75), ('B', 0.55), ('C', 0.35), ('D', 0.2), ('E', 0.1)];

    public static IReadOnlyList<(char Grade, double Score)> CutOffs => cutOffs;

    public static char Of(double score, double fvuNative, double fvuRandom) =>
        fvuNative > DictionaryFvuMaximum * fvuRandom ? 'F' : cutOffs.FirstOrDefault(cut => score >= cut.Score, ('F', 0)).Item1;

    /// <summary>The score in every lane: map and controls are resampled alike.</summary>
    internal static double[] Scores(FidelityLanes map, IReadOnlyList<FidelityLanes> controls, double[] fvuNativeL)
    {
        var scores = new double[Resampling.Lanes];
        for (var lane = 0; lane < scores.Length; lane++)
            scores[lane] = (
                Share(map.CorrelationMean[lane], controls.Max(control => control.CorrelationMean[lane]), 1)
                + Share(map.MatchedShare[lane], controls.Max(control => control.MatchedShare[lane]), 1)
                + Share(map.SupportF1[lane], controls.Max(control => control.SupportF1[lane]), 1)
                + Share(-map.FvuThrough[lane], controls.Max(control => -control.FvuThrough[lane]), -fvuNativeL[lane])) / 4;
        return scores;
    }

    /// <summary>How much of the way from a control to perfect.</summary>
    private static double Share(double value, double control, double perfect) => perfect > control ? Math.Clamp((value - control) / (perfect - control), 0, 1) : 0;
}
