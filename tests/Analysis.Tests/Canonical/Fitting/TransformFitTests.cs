using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Tests.Encoding;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class TransformFitTests
{
    [Fact]
    public void Ridge_Procrustes_and_reduced_rank_maps_are_NumPys_and_SciPys()
    {
        var cases = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "fitting.json")))!["cases"]!.AsArray();
        Assert.Equal(13, cases.Count);
        foreach (var expected in cases)
        {
            float[] Numbers(string name) => [.. expected![name]!.AsArray().Select(number => (float)number!.GetValue<double>())];
            var (source, target) = (expected!["source"]!.GetValue<int>(), expected["target"]!.GetValue<int>());
            var paired = new SomePairs(source, target, Numbers("x"), Numbers("y"));

            var learned = TransformFit.Learn(paired, new(expected["kind"]!.GetValue<string>())
            {
                Penalty = expected["penalty"]?.GetValue<double>(),
                Rank = expected["rank"]?.GetValue<int>(),
                Scale = expected["scale"]?.GetValue<bool>() ?? true,
                HoldOut = false,
            });

            var map = Read(learned);
            Close(Numbers("b"), map.Apply(new float[source]).ToArray());
            var (a, b) = (Numbers("a"), Numbers("b"));
            for (var s = 0; s < source; s++)
            {
                var unit = new float[source];
                unit[s] = 1;
                Close([.. Enumerable.Range(0, target).Select(t => a[s * target + t] + b[t])], map.Apply(unit).ToArray());
            }
        }
    }

    [Theory, InlineData("affine"), InlineData("orthogonal"), InlineData("low-rank"), InlineData("mlp")]
    public void How_the_stream_is_cut_and_how_many_cores_there_are_changes_no_bit(string kind)
    {
        LearnedTransform Learned(int blockSequences, int threads) =>
            TransformFit.Learn(SomePairs.Affine(new(7), 3000, 20, 20, 1, blockSequences: blockSequences), new(kind) { Threads = threads, Epochs = 2 });

        var expected = Bytes(Learned(1_000, threads: 1));

        Assert.Equal(expected, Bytes(Learned(1_000, threads: 2)));
        if (kind != "mlp") Assert.Equal(expected, Bytes(Learned(7, threads: 3)));   // Its minibatches are drawn within blocks.
    }

    [Fact]
    public void The_penalty_is_chosen_by_sequences_that_the_map_was_not_learned_from()
    {
        // Barely more rows than columns and much noise: no penalty fits the noise.
        var learned = TransformFit.Learn(SomePairs.Affine(new(3), 120, 60, 40, noise: 20), new("affine"));

        var tried = learned.Choices["penalties"]!.AsArray().Select(each => (Penalty: each!["penalty"]!.GetValue<double>(), R2: each["r2"]!.GetValue<double>())).ToArray();
        Assert.Equal(tried.MaxBy(each => each.R2).Penalty, learned.Choices["penalty"]!.GetValue<double>());
        Assert.True(tried.Max(each => each.R2) > tried[0].R2 + 0.5);
        Assert.Equal((36, 4), (learned.Data.Sequences, learned.Data.HeldOutSequences));
    }

    [Fact]
    public void The_rank_of_what_was_made_with_a_rank_is_found()
    {
        var random = new Random(5);
        var (x, u, v) = (SomeAutoencoder.Gaussians(random, 4000 * 12, 1), SomeAutoencoder.Gaussians(random, 12 * 3, 1), SomeAutoencoder.Gaussians(random, 3 * 10, 1));
        var y = SomeAutoencoder.Gaussians(random, 4000 * 10, 0.5);
        for (var row = 0; row < 4000; row++)
            for (var s = 0; s < 12; s++)
                for (var r = 0; r < 3; r++)
                    for (var t = 0; t < 10; t++) y[row * 10 + t] += x[row * 12 + s] * u[s * 3 + r] * v[r * 10 + t];

        var learned = TransformFit.Learn(new SomePairs(12, 10, x, y), new("low-rank"));

        Assert.Equal(3, learned.Choices["rank"]!.GetValue<int>());
        Assert.Equal([12, 3], learned.Tensors[0].Shape);
        Assert.True(learned.HeldOutR2 > 0.9);
    }

    [Fact]
    public void The_held_out_R2_is_that_of_the_map_applied_to_the_held_out_rows()
    {
        foreach (var kind in FitOptions.Kinds)
        {
            var paired = SomePairs.Affine(new(11), 1500, 9, 9, noise: 2);
            var learned = TransformFit.Learn(paired, new(kind) { Epochs = 3 });

            var (map, block) = (Read(learned), paired.Blocks().Single());
            var rows = block.Sequences.Index().Where(entry => SequenceSplit.IsHeldOut(entry.Index)).SelectMany(entry => Enumerable.Range(entry.Item.First, entry.Item.Rows)).ToArray();
            var mean = Enumerable.Range(0, 9).Select(t => rows.Average(row => (double)block.TargetNT[row * 9 + t])).ToArray();
            var (error, energy) = (0.0, 0.0);
            foreach (var row in rows)
            {
                var mapped = map.Apply(block.SourceNS.AsSpan(row * 9, 9));
                for (var t = 0; t < 9; t++) (error, energy) = (error + Math.Pow(block.TargetNT[row * 9 + t] - mapped[t], 2), energy + Math.Pow(block.TargetNT[row * 9 + t] - mean[t], 2));
            }
            Assert.Equal(rows.Length, learned.Data.HeldOutRows);
            Assert.Equal(1 - error / energy, learned.HeldOutR2!.Value, 1e-4);
        }
    }

    [Fact]
    public void What_nothing_can_be_learned_from_is_refused()
    {
        var good = SomePairs.Affine(new(1), 300, 8, 6, 1).Blocks().Single();
        SomePairs With(Func<int, int, float, float> source) => new(8, 6, [.. good.SourceNS.Select((x, i) => source(i / 8, i % 8, x))], good.TargetNT);

        Refused("no row to learn from", new SomePairs(8, 6, [], []), "affine", "orthogonal", "low-rank", "mlp");
        Refused("There are 9 sequences; 10 or more", new SomePairs(8, 6, good.SourceNS[..(27 * 8)], good.TargetNT[..(27 * 6)]), "affine", "mlp");
        Refused("27 rows to learn from, in 9 sequences, for 40 source columns", SomePairs.Affine(new(1), 30, 40, 6, 1), "affine", "orthogonal", "low-rank", "mlp");
        Refused("rank-deficient: 1 of its 8 columns", With((_, s, x) => s == 3 ? 5 : x), "affine", "orthogonal", "low-rank");
        Refused("rank-deficient: 2 of its 8 columns", With((row, s, x) => s is 6 or 7 ? good.SourceNS[row * 8 + s - 6] * 2 : x), "affine", "orthogonal", "low-rank");

        var constant = new SomePairs(8, 6, good.SourceNS, [.. good.TargetNT.Select((y, i) => i % 6 == 2 ? 1 : y)]);
        Refused("vary together in 5 directions", constant, "orthogonal");
        Assert.True(TransformFit.Learn(constant, new("affine")).HeldOutR2 > 0.5);
    }

    [Fact]
    public void With_a_stated_penalty_a_rank_deficient_source_is_mapped_by_what_varies()
    {
        var good = SomePairs.Affine(new(1), 600, 8, 6, 0.1).Blocks().Single();
        var doubled = new SomePairs(8, 6, [.. good.SourceNS.Select((x, i) => i % 8 == 7 ? 5 : x)], good.TargetNT);

        var learned = TransformFit.Learn(doubled, new("affine") { Penalty = 1 });

        Assert.All(learned.Tensors[0].Values[(7 * 6)..], value => Assert.Equal(0, value));
    }

    private static void Refused(string mentions, SomePairs paired, params string[] kinds)
    {
        foreach (var kind in kinds)
        {
            var refusal = Assert.Throws<MalformedException>(() => TransformFit.Learn(paired, new(kind)));
            Assert.Equal("fit", refusal.Reason);
            Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
        }
    }

    private static void Close(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        foreach (var (wanted, found) in expected.Zip(actual)) Assert.Equal(wanted, found, 1e-4f * scale);
    }

    private static ITransform Read(LearnedTransform learned) => TransformFile.Read(new MemoryStream(Bytes(learned)), "learned.safetensors");

    private static byte[] Bytes(LearnedTransform learned)
    {
        using var file = new MemoryStream();
        learned.Write(file);
        return file.ToArray();
    }
}
