using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Frozen statistics that windows are compared with.</summary>
/// <param name="From">Whose rows they are: the approved version, or the reference model.</param>
/// <param name="EncodingHash">Windows compare only with a baseline of the same dictionary, transform and row selection.</param>
/// <param name="Hash">SHA-256 of the stored summary; events name it.</param>
/// <param name="Novelty">Fitted on its first windows; null: too few sequences, or frozen by an old version.</param>
public sealed record Baseline(WindowKey From, string EncodingHash, string Hash, WindowSummary Summary, NoveltyModel? Novelty = null)
{
    /// <summary>Why detectors that look at activations, or at how a dictionary fits them, cannot say anything.</summary>
    public const string OtherActivations = "the baseline is another model's, and this model has a dictionary of its own: their activations do not compare";

    private Firing[]? firingF;
    private int[]? firedPlaceF;

    /// <summary>Canonical features that the windows' model can show, where it is seen through a feature map; null: all. That another one does not fire says nothing.</summary>
    public bool[]? ReachedF { get; private init; }

    /// <summary>The windows' activations lie where the baseline's do. False where only features compare.</summary>
    public bool SameActivations { get; private init; } = true;

    /// <summary>Firing per feature, computed once: a baseline is compared with many windows.</summary>
    public Firing[] FiringF => firingF ??= Summary.FiringF();

    /// <summary>How strongly a feature fired, in how many sequences.</summary>
    public ReadOnlySpan<Tally> MagnitudesOf(int feature) => (firedPlaceF ??= FiredPlace())[feature] is > 0 and var place ? Summary.Magnitudes.Of(place - 1) : [];

    // 1 and more: its place among those that fired.
    private int[] FiredPlace()
    {
        var placeF = new int[Summary.Features];
        for (var place = 0; place < Summary.Fired.Length; place++) placeF[Summary.Fired[place].Feature] = place + 1;
        return placeF;
    }

    /// <summary>As windows behind a feature map compare with it.</summary>
    /// <param name="encoding">Of these windows. With another one only the rates and magnitudes of the features that the map reaches compare: all else is left out here, once for all detectors.</param>
    public Baseline Through(FeatureMap map, string encoding) => encoding == EncodingHash
        ? new(From, EncodingHash, Hash, Summary, Novelty) { ReachedF = map.ReachedT }
        : new(From, EncodingHash, Hash, Summary.Only(map.ReachedT)) { ReachedF = map.ReachedT, SameActivations = false };
}
