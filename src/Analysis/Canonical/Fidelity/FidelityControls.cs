using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>What knows nothing of the map, measured on the same rows: a figure means what it says only beside these.</summary>
/// <remarks>Identity is for comparison only: where it is good the models are alike, which is no fault of a map. The grade counts from the best of the others.</remarks>
public static class FidelityControls
{
    public const string Identity = "identity", Mean = "mean only", Orthogonal = "random orthogonal map", Dictionary = "random dictionary", Shuffled = "shuffled pairing";

    private const long Seed = 20261121;

    /// <summary>All but shuffled pairing, which is the map itself against other sequences.</summary>
    /// <param name="source">The source's own dictionary where the map is one of features: the random one has as many features and fires as often.</param>
    internal static IReadOnlyList<IMappedView> Of(EvaluationData data, IEncoder reference, IEncoder? source, int threads)
    {
        var (sourceWidth, targetWidth) = (data.Paired.SourceWidth, data.Paired.TargetWidth);
        var (sourceNS, targetNT) = (data.Calibration.SourceNS(), data.Calibration.TargetNT());
        var mean = new AffineTransform(new float[sourceWidth * targetWidth], [.. Means.Of(targetNT, targetWidth).Select(x => (float)x)], null, "mean");
        var views = new List<IMappedView>();
        if (sourceWidth == targetWidth) views.Add(new ActivationView(Identity, new IdentityTransform(sourceWidth), reference));
        views.Add(new ActivationView(Mean, mean, reference));
        views.Add(new ActivationView(Orthogonal, RandomOrthogonal.Matching(sourceNS, targetNT, sourceWidth, targetWidth, new(Seed, 1)), reference));

        var (native, codes) = (new SparseCodes(), new SparseCodes());
        WholeRows.Encode(reference, targetNT, native);
        if (source is not null) WholeRows.Encode(source, sourceNS, codes);
        var (features, l0) = source is null ? (reference.Dictionary.Features, L0(native)) : (source.Dictionary.Features, L0(codes));
        var random = new CpuEncoder(RandomDictionary.For(sourceNS, sourceWidth, features, l0, new(Seed, 2)), threads);
        random.Encode(sourceNS, codes);
        views.Add(new FeatureView(Dictionary, random, new MatchedDictionary(native, reference.Dictionary.Features, codes, features).Map));
        return views;
    }

    /// <summary>FVU, on the target's own rows, of a random dictionary with as many features as the reference, that fire as often.</summary>
    internal static double RandomFvu(EvaluationData data, IEncoder reference, int threads)
    {
        var targetNT = data.Calibration.TargetNT();
        var width = data.Paired.TargetWidth;
        var codes = new SparseCodes();
        WholeRows.Encode(reference, targetNT, codes);
        var sae = RandomDictionary.For(targetNT, width, reference.Dictionary.Features, L0(codes), new(Seed, 3));
        new CpuEncoder(sae, threads).Encode(targetNT, codes);
        var reconstruction = new Reconstruction(sae);
        var (error, decodedT) = (0.0, new float[width]);
        for (var row = 0; row < codes.Rows; row++)
        {
            reconstruction.Decode(targetNT.AsSpan(row * width, width), codes.FeaturesOf(row), codes.ValuesOf(row), decodedT);
            error += Energy.OfDifference(targetNT.AsSpan(row * width, width), decodedT);
        }
        return Means.SpreadOf(targetNT, width) is > 0 and var spread ? error / spread : 1;
    }

    private static double L0(SparseCodes codes) => (double)codes.Count / Math.Max(1, codes.Rows);
}
