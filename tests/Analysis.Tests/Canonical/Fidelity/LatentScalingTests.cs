using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fidelity;

public sealed class LatentScalingTests
{
    /// <summary>Golden/latent_scaling.py.</summary>
    [Fact]
    public void Nu_is_NumPys_from_the_definition()
    {
        foreach (var golden in JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "latent_scaling.json")))!.AsArray())
        {
            var scaling = Scaling(golden!);
            AddRows(scaling, golden!, 0, Rows(golden!));

            for (var j = 0; j < scaling.Features; j++)
            {
                var (expected, latent) = (golden!["latents"]![j]!, scaling.Of(j));
                Assert.Equal((long)expected["rows"]!, latent.Rows);
                Assert.Equal((double)expected["own"]!, latent.Own, 1e-6);
                Assert.Equal((double)expected["fit"]!, latent.Fit, 1e-6);
                Assert.Equal((double)expected["error"]!, latent.Error!.Value, 1e-6);
                Assert.Equal((double?)expected["reconstruction"] is null, latent.Reconstruction is null);
                if (latent.Reconstruction is { } reconstruction) Assert.Equal((double)expected["reconstruction"]!, reconstruction, 1e-5);
                if (latent.Activation is { } activation) Assert.Equal((double)expected["activation"]!, activation, 1e-5);
            }
        }
    }

    [Fact]
    public void Sums_of_parts_merge_to_the_sums_of_the_whole_in_any_order()
    {
        var golden = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "latent_scaling.json")))![0]!;
        var (whole, early, late) = (Scaling(golden), Scaling(golden), Scaling(golden));
        AddRows(whole, golden, 0, Rows(golden));
        AddRows(early, golden, 0, 20);
        AddRows(late, golden, 20, Rows(golden));

        late.Merge(early);

        Assert.All(Enumerable.Range(0, whole.Features), j => Assert.Equal(whole.Of(j), late.Of(j)));
        Assert.Throws<ArgumentException>(() => whole.Merge(new([1, 1], null, 1)));
    }

    [Theory]
    [InlineData(0, 1, 0, 1, LatentOrigin.Shared)]                  // The same latent fires in A.
    [InlineData(0, 0, 0.8f, 0, LatentOrigin.CompleteShrinkage)]    // It is in what A's latents leave over.
    [InlineData(0, 0, 0, 0.9f, LatentOrigin.LatentDecoupling)]     // A's other latents write it.
    [InlineData(0, 0, 0.1f, 0.1f, LatentOrigin.Specific)]
    [InlineData(31, 0, 0.8f, 0, LatentOrigin.Unknown)]             // 29 rows are too few.
    public void A_latent_is_the_fine_tunes_own_where_the_base_has_it_neither_left_over_nor_elsewhere(int silentRows, float own, float leftOver, float written, LatentOrigin origin)
    {
        var scaling = new LatentScaling([1, 0], [1, 0], width: 2);
        for (var row = 0; row < 60; row++)
        {
            var f = row < silentRows ? 0 : 1 + row % 3;
            // B explains itself; what A has of it is said by the case. Both have something else, too.
            scaling.Add(
                new([f * (leftOver + written), 1], [f * written, 1], own > 0 && f > 0 ? [0] : [], own > 0 && f > 0 ? [f * own] : []),
                new([f, 1], [f, 1], f > 0 ? [0] : [], f > 0 ? [f] : []));
        }

        Assert.Equal(origin, scaling.Of(0).Origin);
    }

    [Fact]
    public void Paired_rows_of_the_same_model_share_every_latent_and_a_feature_of_the_fine_tune_alone_is_its_own()
    {
        var family = new Support.SmallFamily(3);
        var dictionary = family.Reference.Dictionary() with { Hash = "one" };
        var width = family.Reference.Width;
        const int rare = 30;
        var same = family.Rows(family.Reference, 1, 300, (rare, 0));
        // What the base never has is in every other row of the fine-tune.
        float[] tuned = [.. same];
        for (var row = 0; row < tuned.Length / width; row += 2)
            for (var i = 0; i < width; i++) tuned[row * width + i] += 3 * family.Reference.DirectionFD[rare * width + i];
        var encoder = new CpuEncoder(dictionary, 1);

        var twins = LatentScalingPass.Over(new SomePairs(width, width, same, same), encoder, encoder);
        var changed = LatentScalingPass.Over(new SomePairs(width, width, same, tuned), encoder, encoder);

        Assert.All(Enumerable.Range(0, dictionary.Features).Select(twins.Of).Where(latent => latent.Rows > 0), latent => Assert.Equal((1, 1, 1), (latent.Own, latent.Error!.Value, latent.Activation!.Value)));
        Assert.Equal(LatentOrigin.Specific, changed.Of(rare).Origin);
        Assert.InRange(changed.Of(0).Own, 0.5, 1.5);
        Assert.Throws<MalformedException>(() => LatentScalingPass.Over(new SomePairs(2, 2, [1, 1], [1, 1]), encoder, encoder));
    }

    /// <summary>The base holds its numbers in another order; its map puts them back.</summary>
    [Fact]
    public void A_model_behind_a_map_is_looked_into_where_the_map_leads()
    {
        var family = new Support.SmallFamily(3);
        var encoder = new CpuEncoder(family.Reference.Dictionary() with { Hash = "one" }, 1);
        var width = family.Reference.Width;
        var rows = family.Rows(family.Reference, 1, 200);
        float[] turned = [.. rows.Chunk(width).SelectMany(row => row.Reverse())];
        var backST = new float[width * width];
        for (var i = 0; i < width; i++) backST[i * width + width - 1 - i] = 1;
        var back = new AffineTransform(backST, new float[width], null, "back");

        var straight = LatentScalingPass.Over(new SomePairs(width, width, rows, rows), encoder, encoder);
        var mapped = LatentScalingPass.Over(new MappedPairs(new SomePairs(width, width, turned, rows), back, new IdentityTransform(width)), encoder, encoder);
        var both = LatentScalingPass.Over(new MappedPairs(new SomePairs(width, width, turned, turned), back, back), encoder, encoder);

        Assert.All(Enumerable.Range(0, straight.Features), j => Assert.Equal((straight.Of(j), straight.Of(j)), (mapped.Of(j), both.Of(j))));
        Assert.NotEqual(straight.Of(0), LatentScalingPass.Over(new SomePairs(width, width, turned, rows), encoder, encoder).Of(0));
        Assert.Contains("width 3", Assert.Throws<MalformedException>(() => LatentScalingPass.Over(new MappedPairs(new SomePairs(3, width, new float[3], rows[..width]), back, back), encoder, encoder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_latent_whose_direction_is_not_in_the_fine_tunes_own_rows_says_nothing()
    {
        var scaling = new LatentScaling([1, 0], [1, 0], width: 2);
        // It fires where its direction is not: what is left over is as large as what it wrote.
        for (var row = 0; row < 60; row++) scaling.Add(new([0, 1], [0, 1], [], []), new([0, 1], [2, 1], [0], [2]));

        Assert.Equal((LatentOrigin.Misfit, 0, null), (scaling.Of(0).Origin, scaling.Of(0).Fit, scaling.Of(0).Error));
    }

    [Fact]
    public void A_latent_that_never_fires_is_unknown() => Assert.Equal(new ScaledLatent(0, 0, 0, default, default, default), new LatentScaling([1, 0], null, 2).Of(0));

    private static LatentScaling Scaling(JsonNode golden) => new(Floats(golden, "decoderB"), (bool)golden["related"]! ? Floats(golden, "decoderA") : null, (int)golden["width"]!);

    private static int Rows(JsonNode golden) => golden["rowA"]!.AsArray().Count / (int)golden["width"]!;

    private static void AddRows(LatentScaling scaling, JsonNode golden, int first, int end)
    {
        for (var row = first; row < end; row++) scaling.Add(Row(golden, "A", row, scaling.Features), Row(golden, "B", row, scaling.Features));
    }

    private static DescribedRow Row(JsonNode golden, string side, int row, int latents)
    {
        var width = (int)golden["width"]!;
        var codes = Floats(golden, $"codes{side}").AsSpan(row * latents, latents).ToArray();
        int[] fired = [.. Enumerable.Range(0, latents).Where(j => codes[j] > 0)];
        return new(Floats(golden, $"row{side}").AsSpan(row * width, width), Floats(golden, $"reconstruction{side}").AsSpan(row * width, width), fired, fired.Select(j => codes[j]).ToArray());
    }

    private static float[] Floats(JsonNode golden, string name) => [.. golden[name]!.AsArray().Select(value => (float)value!)];
}
