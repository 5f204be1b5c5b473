using System.Globalization;
using System.Runtime.InteropServices;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Canonical;

/// <summary>The tensors of a transform file of kind <c>feature-map</c>: <c>source</c>, <c>target</c> I32 [n], <c>weight</c>, <c>correlation</c> F32 [n], <c>threshold</c> F32 [target features] where some θ is not 0.</summary>
/// <remarks>A source feature may stand several times. <c>source_features</c> and <c>target_features</c> stand in the metadata: most features of a large dictionary may be in no pair.</remarks>
public static class FeatureMapFile
{
    public const string Kind = "feature-map";

    /// <summary>More than any dictionary has: what a damaged file says must not be allocated.</summary>
    private const int FeaturesMaximum = 1 << 24;

    internal static FeatureMap Read(WeightTensors tensors, TransformCard card)
    {
        var (sources, targets) = (Features(card, "source_features"), Features(card, "target_features"));
        var (source, target) = (Ids(tensors, "source", sources), Ids(tensors, "target", targets));
        var (weight, correlation) = (Finite(tensors, "weight", source.Length), Finite(tensors, "correlation", source.Length));
        var thresholdT = tensors.Has("threshold") ? Finite(tensors, "threshold", targets) : new float[targets];
        if (target.Length != source.Length) throw Refused($"source has {source.Length} features and target {target.Length}; entry n of both is one pair");
        if (!Array.TrueForAll(weight, value => value > 0)) throw Refused("a weight is zero or below; activations are above zero");
        var entries = Enumerable.Range(0, source.Length).Select(i => new FeatureMapEntry(source[i], target[i], weight[i], correlation[i])).OrderBy(entry => entry.Source).ThenBy(entry => entry.Target).ToArray();
        for (var i = 1; i < entries.Length; i++)
            if ((entries[i].Source, entries[i].Target) == (entries[i - 1].Source, entries[i - 1].Target)) throw Refused($"the pair {entries[i].Source} → {entries[i].Target} stands twice");
        return new(sources, targets, entries, thresholdT);
    }

    public static void Write(Stream file, TransformCard card, FeatureMap map)
    {
        var entries = map.Entries;
        int[] shape = [entries.Count];
        var tensors = new List<(string, string, int[], ReadOnlyMemory<byte>)>
        {
            ("source", "I32", shape, Bytes<int>([.. entries.Select(entry => entry.Source)])),
            ("target", "I32", shape, Bytes<int>([.. entries.Select(entry => entry.Target)])),
            ("weight", "F32", shape, Bytes<float>([.. entries.Select(entry => entry.Weight)])),
            ("correlation", "F32", shape, Bytes<float>([.. entries.Select(entry => entry.Correlation)])),
        };
        if (map.ThresholdT.Any(threshold => threshold != 0)) tensors.Add(("threshold", "F32", [map.TargetFeatures], Bytes<float>([.. map.ThresholdT])));
        var sized = card with
        {
            More = card.More.SetItem("source_features", map.SourceFeatures.ToString(CultureInfo.InvariantCulture)).SetItem("target_features", map.TargetFeatures.ToString(CultureInfo.InvariantCulture)),
        };
        SafetensorsWriter.Write(file, tensors, sized.Metadata());
    }

    private static byte[] Bytes<T>(T[] values) where T : unmanaged => MemoryMarshal.AsBytes<T>(values).ToArray();

    private static int Features(TransformCard card, string name) =>
        int.TryParse(card.More.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var features) && features is > 0 and <= FeaturesMaximum
            ? features
            : throw Refused($"its metadata say {name} '{card.More.GetValueOrDefault(name) ?? "(none)"}'; it should be how many features the dictionary has, 1 to {FeaturesMaximum}");

    private static int[] Ids(WeightTensors tensors, string name, int features)
    {
        if (!tensors.Header.Tensors.TryGetValue(name, out var tensor)) throw Refused($"it lacks the tensor {name} I32 [pairs]");
        var ids = tensors.ReadWhole(tensor);
        foreach (var id in ids)
            if (id < 0 || id >= features) throw Refused($"{name} names feature {id}, and {name}_features is {features}");
        return [.. ids.Select(id => (int)id)];
    }

    private static float[] Finite(WeightTensors tensors, string name, int length)
    {
        var values = tensors.Read(name, length);
        return Array.TrueForAll(values, float.IsFinite) ? values : throw Refused($"{name} holds NaN or ∞");
    }

    private static MalformedException Refused(string why) => new("transform", why);
}
