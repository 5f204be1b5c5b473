using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Encoding;

namespace DriftWatch.Analysis.Tests.Canonical;

public sealed class FeatureMapTests
{
    [Fact]
    public void It_is_the_sum_of_weighted_features_sorted_and_what_has_no_entry_is_dropped_and_counted() => Property.Holds(Property.AnySeed, tests: 50, seed =>
    {
        var random = new Random(seed);
        var (sources, targets) = (1 + random.Next(12), 1 + random.Next(12));
        var entries = Enumerable.Range(0, sources).SelectMany(s => Enumerable.Range(0, targets).Where(_ => random.Next(4) == 0).Select(t => new FeatureMapEntry(s, t, 0.1f + random.NextSingle(), 0.5f))).ToArray();
        float[] thresholdT = [.. Enumerable.Range(0, targets).Select(_ => random.Next(2) * 0.5f)];
        var map = new FeatureMap(sources, targets, entries, thresholdT);
        var (own, canonical) = (new SparseCodes(), new SparseCodes());
        for (var row = 0; row < 5; row++)
        {
            int[] fired = [.. Enumerable.Range(0, sources).Where(_ => random.Next(2) == 0)];
            own.AddRow(fired, [.. fired.Select(_ => random.NextSingle() + 0.1f)]);
        }

        map.Apply(own, canonical);

        Assert.Equal(own.Rows, canonical.Rows);
        var (mass, dropped) = (0.0, 0.0);
        for (var row = 0; row < own.Rows; row++)
        {
            var sumT = new float[targets];
            for (var i = 0; i < own.FeaturesOf(row).Length; i++)
            {
                var (s, value) = (own.FeaturesOf(row)[i], own.ValuesOf(row)[i]);
                foreach (var entry in entries.Where(entry => entry.Source == s)) sumT[entry.Target] = MathF.FusedMultiplyAdd(entry.Weight, value, sumT[entry.Target]);
                mass += value;
                if (!entries.Any(entry => entry.Source == s)) dropped += value;
            }
            int[] expected = [.. Enumerable.Range(0, targets).Where(t => sumT[t] > thresholdT[t])];
            Assert.Equal(expected, canonical.FeaturesOf(row).ToArray());
            Assert.Equal(expected.Select(t => sumT[t]), canonical.ValuesOf(row).ToArray());
        }
        Assert.Equal(mass > 0 ? dropped / mass : 0, map.Unmapped(0, own.Rows), 1e-12);
        Assert.Equal(Enumerable.Range(0, targets).Select(t => entries.Any(entry => entry.Target == t)), map.ReachedT);
    });

    [Fact]
    public void A_file_gives_back_the_map_and_its_card()
    {
        var own = Own();
        var map = new FeatureMap(own.Dictionary.Features, 9, [new(0, 4, 1.5f, 0.9f), new(0, 8, 0.25f, 0.6f), new(3, 1, 1, 0.75f)], [0, 0, 0, 0, 0.5f, 0, 0, 0, 0]);

        var read = Assert.IsType<OwnDictionary>(TransformFile.Read(new MemoryStream(File(map, Card())), "maps/some.safetensors", own));

        Assert.Equal(map.Entries, read.Map.Entries);
        Assert.Equal(map.ThresholdT, read.Map.ThresholdT);
        Assert.Equal((own.Dictionary.Features, 9, 'B', own.Dictionary.Width), (read.Map.SourceFeatures, read.Map.TargetFeatures, read.Grade, read.SourceWidth));
        Assert.Equal(Target, read.Card.TargetSae);
        Assert.Matches("^[0-9a-f]{64}$", read.Hash);
    }

    [Fact]
    public void What_is_wrong_with_a_file_is_said()
    {
        var own = Own();
        var map = new FeatureMap(own.Dictionary.Features, 9, [new(0, 4, 1.5f, 0.9f)], new float[9]);
        Refused("Name it with sae", File(map, Card()), null);
        Refused("Use the dictionary that the map was learned with", File(map, Card() with { SourceSae = Target }), own);
        Refused("(source_sae is missing)", File(map, Card() with { SourceSae = null }), own);
        Refused("the model's own dictionary has 20", File(new(21, 9, [], new float[9]), Card()), own);
        Refused("source_features '(none)'", Of([], ("source", [0])), own);
        Refused("lacks the tensor source", Of(Sizes(20, 9)), own);
        Refused("source names feature 20", Of(Sizes(20, 9), ("source", [20]), ("target", [0])), own);
        Refused("target names feature -1", Of(Sizes(20, 9), ("source", [1]), ("target", [-1])), own);
        Refused("lack the tensor weight", Of(Sizes(20, 9), ("source", [1]), ("target", [1])), own);
        Refused("weight is zero or below", Weighted([1], [1], [0]), own);
        Refused("NaN or ∞", Weighted([1], [1], [float.NaN]), own);
        Refused("source has 2 features and target 1", Weighted([1, 2], [1], [1, 1]), own);
        Refused("the pair 1 → 2 stands twice", Weighted([1, 1], [2, 2], [1, 2]), own);
        Refused("bytes of data follow", File(map, Card())[..^1], own);
    }

    private static readonly string Target = new('7', 64);

    private static CpuEncoder Own() => new(SomeAutoencoder.Of(new Random(3), AutoencoderKind.Standard, InputNormalization.None, width: 6, features: 20) with { Hash = new('5', 64) }, 1);

    private static TransformCard Card() => new(FeatureMapFile.Kind) { SourceSae = new('5', 64), TargetSae = Target, Grade = 'B' };

    private static byte[] File(FeatureMap map, TransformCard card)
    {
        var file = new MemoryStream();
        FeatureMapFile.Write(file, card, map);
        return file.ToArray();
    }

    private static (string, string)[] Sizes(int sources, int targets) => [("source_features", $"{sources}"), ("target_features", $"{targets}")];

    private static byte[] Of((string, string)[] metadata, params (string Name, int[] Ids)[] tensors) => Some.Safetensors(Metadata(metadata), [.. tensors.Select(tensor => I32(tensor.Name, tensor.Ids))]);

    private static byte[] Weighted(int[] source, int[] target, float[] weight) => Some.Safetensors(
        Metadata(Sizes(20, 9)), I32("source", source), I32("target", target), ("weight", "F32", [weight.Length], Some.Bytes(weight)), ("correlation", "F32", [weight.Length], Some.Bytes(weight)));

    private static Dictionary<string, string> Metadata((string, string)[] more) => new[] { ("kind", "feature-map"), ("source_sae", new string('5', 64)) }.Concat(more).ToDictionary(StringComparer.Ordinal);

    private static (string, string, int[], byte[]) I32(string name, int[] ids) => (name, "I32", [ids.Length], System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(ids).ToArray());

    private static void Refused(string mentions, byte[] file, IEncoder? own)
    {
        var refusal = Assert.Throws<MalformedException>(() => TransformFile.Read(new MemoryStream(file), "maps/some.safetensors", own));
        Assert.Equal("transform", refusal.Reason);
        Assert.StartsWith("maps/some.safetensors: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
    }
}
