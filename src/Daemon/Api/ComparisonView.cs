using System.Text.Json.Serialization;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Daemon.Api;

/// <summary>What a side's rows go through before they are compared.</summary>
/// <param name="Reached">Canonical features that a feature map reaches; null: all.</param>
public sealed record ComparedTransform(string Kind, string? Grade, string Hash, int? Reached);

/// <summary>One side of a comparison: how much it rests on, and how well the dictionary describes it.</summary>
public sealed record ComparedSideView(
    MonitorId Monitor, int Windows, int WindowsLeftOut, DateTimeOffset Start, DateTimeOffset End, long Rows, long Sequences, double Fvu, double L0, ComparedTransform Transform);

/// <param name="NotReachedBy">For a feature that is not mapped: <c>a</c>, <c>b</c> or <c>a and b</c>.</param>
/// <param name="Group">The first of the features listed with it that writes in nearly the same direction: one concept that the dictionary has split.</param>
/// <param name="Scaling">Of a feature that fires more or newly, where paired rows were given: how much of it A has elsewhere.</param>
public sealed record ComparedFeatureView(
    int Feature, string? Label, double RateA, double RateB, double ShareA, double ShareB, Effect? Factor, Effect? Share, Effect? Octaves, double P, double OctavesP, string? NotReachedBy, int? Group,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ScaledLatent? Scaling = null);

/// <summary>The features that differ in one way.</summary>
/// <param name="Count">All of them; <paramref name="Features"/> holds the first.</param>
/// <param name="Large">Those whose change is for certain (95 %) as large as the catalog's detection asks: rateRatio, appearanceShare, magnitudeOctaves.</param>
public sealed record DifferenceView(FeatureChange Change, int Count, int Large, IReadOnlyList<ComparedFeatureView> Features);

/// <summary>A comparison as <c>GET /v1/compare</c> and <c>compare --json</c> show it; text and page are written from it too.</summary>
/// <param name="Tested">Features that fired on either side and can be seen on both.</param>
/// <param name="NotMapped">Features that one side's map does not reach.</param>
/// <param name="Notes">What to know before believing it.</param>
public sealed record ComparisonView(
    ComparedSideView A, ComparedSideView B, Probe Probe, string Space, string Dictionary, int Features, int Tested, int NotMapped, double FalseDiscoveryRate,
    IReadOnlyList<string> Notes, IReadOnlyList<DifferenceView> Differences)
{
    /// <summary>Of each kind. Grouping compares each with each.</summary>
    public const int TopMaximum = 500, TopDefault = 20;

    private const double LengthsDiffer = 1.25;

    /// <param name="scaling">Over paired rows of both, in the space's dictionary; null: none were given.</param>
    public static ComparisonView Of(ComparedVersions compared, int top, LatentScaling? scaling = null) => new(
        Side(compared.A), Side(compared.B), compared.Request.Probe, compared.Space.Id, compared.Space.Dictionary.Hash, compared.Space.Dictionary.Features,
        compared.Comparison.Tested, compared.Comparison.NotMapped, compared.Detection.FalseDiscoveryRate, [.. NotesOn(compared), .. NotesOn(compared, scaling)],
        [.. Enum.GetValues<FeatureChange>().Select(change => Difference(compared, change, top, scaling))]);

    private static ComparedSideView Side(ComparedVersion side) => new(
        side.Monitor, side.Windows, side.LeftOut, side.Start, side.End, side.Summary.Rows, side.Summary.Sequences, side.Summary.Fvu, side.Summary.L0.Ratio,
        new(side.TransformKind, side.Plan.Transform.Grade?.ToString(), side.Plan.Transform.Hash, side.ReachedF?.Count(reached => reached)));

    private static DifferenceView Difference(ComparedVersions compared, FeatureChange change, int top, LatentScaling? scaling)
    {
        var all = compared.Comparison.Features.Where(feature => feature.Change == change).ToArray();
        var shown = all.Take(top).ToArray();
        // Not mapped is not a change, and magnitudes change either way.
        var groups = change is FeatureChange.NotMapped or FeatureChange.Magnitude ? new int?[shown.Length] : FeatureGroups.OfAlike([.. shown.Select(feature => feature.Feature)], compared.Space.Dictionary);
        return new(change, all.Length, all.Count(feature => feature.IsLarge(compared.Detection)), [.. shown.Select((feature, i) => new ComparedFeatureView(
            feature.Feature, compared.Space.Labels.Of(feature.Feature), feature.RateA, feature.RateB, feature.ShareA, feature.ShareB, feature.Factor, feature.Share, feature.Octaves, feature.P, feature.OctavesP,
            change == FeatureChange.NotMapped ? NotReached(compared, feature.Feature) : null, groups[i], IsScaled(change) ? scaling?.Of(feature.Feature) : null))]);
    }

    private static string NotReached(ComparedVersions compared, int feature) =>
        string.Join(" and ", new[] { (Name: "a", compared.A.ReachedF), (Name: "b", compared.B.ReachedF) }.Where(side => side.ReachedF?[feature] == false).Select(side => side.Name));

    private static IEnumerable<string> NotesOn(ComparedVersions compared)
    {
        foreach (var side in new[] { compared.A, compared.B })
        {
            if (side.LeftOut > 0) yield return $"{side.LeftOut} windows of {side.Monitor} were left out: stored under another dictionary, transform or outlierNorm than the configuration's.";
            if (side.Plan.Transform.Grade is >= 'D' and var grade) yield return $"{side.Monitor} is seen through a transform of grade {grade}: what differs may be the map and not the model.";
            if (side.Plan.Transform is { Card: not null, Grade: null }) yield return $"{side.Monitor} is seen through a transform that nobody graded: what differs may be the map and not the model. 'driftwatch transform evaluate' grades it.";
        }
        if (compared.Request.Probe == Probe.Traffic) yield return "Traffic was compared: what differs may be the prompts. Where canary windows are stored (probe canary) only the model can differ.";
        var (a, b) = (Length(compared.A), Length(compared.B));
        if (Math.Max(a, b) > LengthsDiffer * Math.Min(a, b)) yield return $"Sequences are not alike: {a:0.#} rows each in A and {b:0.#} in B. Longer ones have more features each, so take rare, new and silent features with care.";
        if (compared.A.Plan.Transform.Hash != compared.B.Plan.Transform.Hash && (compared.A.Plan.Own ?? compared.B.Plan.Own) is not null) yield return "A side has a dictionary of its own: FVU and L0 of the two do not compare, and some features differ because it divides otherwise what is there. Two versions of one model compare more sharply.";
    }

    /// <summary>What B has more of may only look as if A lacked it.</summary>
    private static bool IsScaled(FeatureChange change) => change is FeatureChange.FiresMore or FeatureChange.New;

    private static IEnumerable<string> NotesOn(ComparedVersions compared, LatentScaling? scaling)
    {
        if (scaling is null) yield break;
        foreach (var (name, side) in new[] { ("A", compared.A), ("B", compared.B) })
            if (side.Plan.Transform is not IdentityTransform)
                yield return $"{name}'s paired rows were brought to the space by its transform: what the map does not carry is missing there{(name == "A" ? ", and a feature of B may look B's own for that alone" : "")}.";
        var origins = compared.Comparison.Features.Where(feature => IsScaled(feature.Change)).Select(feature => scaling.Of(feature.Feature).Origin).ToArray();
        int Of(LatentOrigin origin) => origins.Count(each => each == origin);
        yield return $"On the paired rows, of {origins.Length} features that fire more or newly in B: {Of(LatentOrigin.Specific)} are B's own; {Of(LatentOrigin.CompleteShrinkage)} look so, but A has them in what its features leave over (complete shrinkage); "
            + $"{Of(LatentOrigin.LatentDecoupling)} look so, but A has them in other features (latent decoupling); {Of(LatentOrigin.Shared)} fire in A too; {Of(LatentOrigin.Misfit)} do not describe B's own rows, which the dictionary fits badly; {Of(LatentOrigin.Unknown)} fire in too few paired rows to say.";
    }

    private static double Length(ComparedVersion side) => (double)side.Summary.Rows / side.Summary.Sequences;
}
