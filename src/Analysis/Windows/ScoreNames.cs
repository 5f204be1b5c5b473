namespace DriftWatch.Analysis.Windows;

/// <summary>Names of the scores of a sequence. Stored: add, never rename.</summary>
public static class ScoreNames
{
    /// <summary>‖x − x̂‖² over ‖x‖², both summed over its rows.</summary>
    public const string Fvu = "fvu";

    /// <summary>Root mean square of its rows' ‖x − x̂‖.</summary>
    public const string Residual = "residual";

    /// <summary>Root mean square of its rows' ‖x‖.</summary>
    public const string Norm = "norm";

    /// <summary>Active features per row.</summary>
    public const string L0 = "l0";

    /// <summary>Different features per firing: low where a prompt says the same again and again.</summary>
    public const string Spread = "spread";

    /// <summary>Share of its activation (Σf over features and rows) that the model's feature map dropped: own features that are no canonical one.</summary>
    public const string Unmapped = "unmapped";

    /// <summary>Distance from the baseline's usual sequence (<see cref="NoveltyModel"/>).</summary>
    public const string Novelty = "novelty";

    /// <summary>How far it lies in the direction that unusual sequences of the windows before moved in (<c>LearnedContrast</c>).</summary>
    public const string Contrast = "contrast";

    /// <summary>A hazard's probe direction: <c>direction:</c> and its key.</summary>
    public const string DirectionPrefix = "direction:";

    /// <summary>How often a hazard's set of features fired: <c>set:</c> and its key.</summary>
    public const string SetPrefix = "set:";
}
