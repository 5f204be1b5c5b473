using System.Text.Json;
using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class FeatureMapFitTests
{
    /// <summary>The family with known features: at least as many pairs are right as SciPy's dense matching above ½ gets right, and no fewer are found (maps.json).</summary>
    [Theory]
    [InlineData("rotated")]
    [InlineData("independent")]
    [InlineData("half")]
    [InlineData("unrelated")]
    public void Of_the_pairs_that_are_accepted_at_least_as_many_belong_together_as_SciPys_do(string model)
    {
        var folder = SharedFamily.Folder("synthetic");
        var matching = FeatureMapFit.Match(
            SharedFamily.Pairs(Path.Combine(folder, $"activations-{model}.safetensors"), Path.Combine(folder, "activations-reference.safetensors"), "sequence_ids"),
            SharedFamily.Encoder(folder, model), SharedFamily.Encoder(folder, "reference"));
        var (mine, reference) = (SharedFamily.Numbers(Path.Combine(folder, $"matches-{model}.safetensors"), "best_true_feature"), SharedFamily.Numbers(Path.Combine(folder, "matches-reference.safetensors"), "best_true_feature"));
        using var family = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "family.json")));
        using var maps = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "maps.json")));
        var shared = family.RootElement.GetProperty("half_shared_features").EnumerateArray().Select(feature => feature.GetInt32()).ToHashSet();
        var expected = maps.RootElement.GetProperty(model);

        var right = matching.Pairs.Count(pair => mine[pair.Source] == reference[pair.Target] && model != "unrelated" && (model != "half" || shared.Contains(reference[pair.Target])));
        Assert.True(matching.Pairs.Count >= expected.GetProperty("matched_over_half").GetInt32(), $"{matching.Pairs.Count} pairs");
        if (model == "unrelated") Assert.Empty(matching.Pairs);
        else Assert.True((double)right / matching.Pairs.Count >= expected.GetProperty("right_of_matched").GetDouble() - 1e-12, $"{right} of {matching.Pairs.Count}");
    }
}
