using System.Collections.Immutable;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class FeatureGroupsTests
{
    /// <summary>0 and 1 write nearly the same, 2 the opposite, 3 something else, 4 nothing.</summary>
    private static readonly SparseAutoencoder sae = new()
    {
        Kind = AutoencoderKind.Standard,
        Width = 2,
        Features = 5,
        EncoderDF = [],
        EncoderBiasF = [],
        DecoderBiasD = [],
        DecoderFD = [1, 0, 0.9f, 0.3f, -1, 0, 0, 1, 0, 0],
    };

    [Fact]
    public void Latents_that_write_the_same_and_move_the_same_way_are_one_group() =>
        Assert.Equal([0, 0, null, null, null], FeatureGroups.Of([Up(0), Up(1), Up(2), Up(3), Up(4)], sae));

    [Fact]
    public void One_that_rises_while_the_other_falls_is_another_matter() =>
        Assert.Equal([null, null], FeatureGroups.Of([Up(0), new(1, null, 0.2, 0.1, -5, 1e-6)], sae));

    [Fact]
    public void A_set_is_a_configuration_and_stands_alone() =>
        Assert.Equal([null, null], FeatureGroups.Of([new(0, "token:0+1", 0.1, 0.2, 5, 1e-6), Up(1)], sae));

    [Fact]
    public void Features_that_are_known_to_have_moved_alike_need_no_rates()
    {
        Assert.Equal([1, 1, null], FeatureGroups.OfAlike([1, 0, 2], sae));
        Assert.Equal([null, null], FeatureGroups.OfAlike([0, 1], sae with { DecoderFD = [] }));
    }

    [Fact]
    public void No_features_no_groups() => Assert.Empty(FeatureGroups.Of([], sae));

    private static FeatureEvidence Up(int feature) => new(feature, null, 0.1, 0.2, 5, 1e-6);
}
