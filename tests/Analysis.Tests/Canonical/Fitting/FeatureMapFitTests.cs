using System.Text.Json;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class FeatureMapFitTests
{
    private const int Sequences = 1200;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Features_of_a_turned_and_of_an_independent_sibling_find_their_own(int seed)
    {
        var family = new SmallFamily(seed);

        foreach (var model in new[] { family.Rotated, family.Independent })
        {
            var matching = Match(family, model);

            var right = matching.Pairs.Count(pair => model.LatentF[pair.Target] == pair.Source);
            Assert.True(matching.Pairs.Count >= 38, $"{matching.Pairs.Count} pairs");
            Assert.True(right >= 0.95 * matching.Pairs.Count, $"{right} of {matching.Pairs.Count}");
            Assert.Empty(matching.Refuted);
            Assert.Equal(matching.Pairs.Count, matching.Confirmation.Count, 3.0);
            Assert.True(matching.Confirmation.Order().ElementAt(matching.Confirmation.Count / 2) > 0.6);
            // Both directions are of unit length, so that a feature is as strong in both; noise in the source makes a regression flatter.
            Assert.All(matching.Pairs, pair => Assert.InRange(pair.Scale, 0.5, 1.5));
        }
    }

    [Fact]
    public void A_model_that_shares_nothing_gets_no_pair_and_neither_does_a_wrong_pairing()
    {
        var family = new SmallFamily(3);
        var wrong = new PairedArrays(
            family.Rows(family.Rotated, 10, Sequences), family.Rotated.Width, family.Rows(family.Reference, 11, Sequences), family.Reference.Width, SmallFamily.SequenceOf(Sequences));

        Assert.Empty(Match(family, family.Unrelated).Pairs);
        Assert.Empty(FeatureMapFit.Learn(wrong, new CpuEncoder(family.Rotated.Dictionary(), 1), new CpuEncoder(family.Reference.Dictionary(), 1)).Matching.Pairs);
    }

    [Fact]
    public void How_the_stream_is_cut_into_blocks_changes_nothing()
    {
        var family = new SmallFamily(4);

        Assert.Equal(Match(family, family.Rotated, sequencesOfBlock: 64).Pairs, Match(family, family.Rotated, sequencesOfBlock: 7).Pairs);
    }

    [Fact]
    public void What_shuffled_pairings_find_too_is_chance_and_not_accepted()
    {
        // Two features that fire in every row of a sequence or in none, alike on both sides; by chance, too, when few sequences have them.
        static FeaturePairSums Sums(int sequences)
        {
            var sums = new FeaturePairSums(1, 1);
            for (var sequence = 0; sequence < 200; sequence++)
            {
                var codes = FeaturePairSumsTests.Codes([[sequence < sequences ? 1.0 : 0], [0.0]]);
                sums.AddSequence(codes, 0, codes, 0, 2);
            }
            return sums;
        }

        Assert.Single(FeatureMatching.Of(Sums(2), Sums(0), [Sums(0)]).Pairs);
        Assert.Empty(FeatureMatching.Of(Sums(2), Sums(0), [Sums(2)]).Pairs);
        // More sequences than chance ever has.
        Assert.Equal(3, Assert.Single([FeatureMatching.Of(Sums(4), Sums(0), [Sums(2)]).Cut]).SequencesMinimum);
    }

    [Fact]
    public void A_pair_that_held_out_sequences_speak_against_is_refuted()
    {
        static FeaturePairSums Sums(bool together)
        {
            var sums = new FeaturePairSums(1, 1);
            for (var sequence = 0; sequence < 40; sequence++)
                sums.AddSequence(FeaturePairSumsTests.Codes([[sequence % 2], [0]]), 0, FeaturePairSumsTests.Codes([[together == (sequence % 2 == 1) ? 1 : 0], [0]]), 0, 2);
            return sums;
        }
        var fitted = Sums(together: true);
        for (var i = 0; i < 9; i++) fitted.Add(Sums(together: true));

        Assert.Single(FeatureMatching.Of(fitted, Sums(together: true), []).Pairs);
        var refuted = FeatureMatching.Of(fitted, Sums(together: false), []);
        Assert.Empty(refuted.Pairs);
        Assert.Single(refuted.Refuted);
    }

    private static FeatureMatching Match(SmallFamily family, SomeModel model, int sequencesOfBlock = 64) => FeatureMapFit.Learn(
        new PairedArrays(family.Rows(model, 10, Sequences), model.Width, family.Rows(family.Reference, 10, Sequences), family.Reference.Width, SmallFamily.SequenceOf(Sequences), sequencesOfBlock),
        new CpuEncoder(model.Dictionary(), 1), new CpuEncoder(family.Reference.Dictionary(), 1)).Matching;

    /// <summary>The family with known features: at least as many pairs are right as SciPy's dense matching above ½ gets right, and no fewer are found (maps.json).</summary>
    [Theory]
    [InlineData("rotated")]
    [InlineData("independent")]
    [InlineData("half")]
    [InlineData("unrelated")]
    public void Of_the_pairs_that_are_accepted_at_least_as_many_belong_together_as_SciPys_do(string model)
    {
        var folder = SharedFamily.Folder("synthetic");
        var matching = FeatureMapFit.Learn(
            SharedFamily.Pairs(Path.Combine(folder, $"activations-{model}.safetensors"), Path.Combine(folder, "activations-reference.safetensors"), "sequence_ids"),
            SharedFamily.Encoder(folder, model), SharedFamily.Encoder(folder, "reference")).Matching;
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
