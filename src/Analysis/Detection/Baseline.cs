using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Frozen statistics that windows are compared with.</summary>
/// <param name="From">Whose rows they are: the approved version, or the reference model.</param>
/// <param name="EncodingHash">Windows compare only with a baseline of the same dictionary, transform and row selection.</param>
/// <param name="Hash">SHA-256 of the stored summary; events name it.</param>
/// <param name="Novelty">Fitted on its first windows; null: too few sequences, or frozen by an old version.</param>
public sealed record Baseline(WindowKey From, string EncodingHash, string Hash, WindowSummary Summary, NoveltyModel? Novelty = null)
{
    private Firing[]? firingF;

    /// <summary>Firing per feature, computed once: a baseline is compared with many windows.</summary>
    public Firing[] FiringF => firingF ??= Summary.FiringF();
}
