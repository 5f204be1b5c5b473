using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Tests.Encoding;

namespace DriftWatch.Analysis.Tests.Canonical;

public sealed class TransformFileTests
{
    [Fact]
    public void An_affine_map_is_a_plain_loop()
    {
        Property.Holds(Property.AnySeed, 100, seed =>
        {
            var random = new Random(seed);
            var (source, target, rows) = (1 + random.Next(40), 1 + random.Next(40), random.Next(30));
            var (a, b) = (SomeAutoencoder.Gaussians(random, source * target, 1), SomeAutoencoder.Gaussians(random, target, 1));
            var x = SomeAutoencoder.Gaussians(random, rows * source, 1);
            var transform = Read(File([source, target], a, [target], b));

            var y = transform.Apply(x).ToArray();

            Assert.Equal((source, target, rows * target), (transform.SourceWidth, transform.TargetWidth, y.Length));
            for (var row = 0; row < rows; row++)
                for (var t = 0; t < target; t++)
                {
                    // As documented: from b, over the source in ascending order, one fused multiply-add a step. The same bits.
                    var sum = b[t];
                    for (var s = 0; s < source; s++) sum = MathF.FusedMultiplyAdd(a[s * target + t], x[row * source + s], sum);
                    Assert.Equal(sum, y[row * target + t]);
                }
        });
    }

    [Fact]
    public void Later_rows_do_not_see_earlier_ones()
    {
        var transform = Read(File([2, 2], [1, 0, 0, 1], [2], [10, 20]));
        transform.Apply([5, 5, 5, 5, 5, 5]);

        Assert.Equal([11f, 22f], transform.Apply([1, 2]).ToArray());
    }

    [Fact]
    public void The_hash_is_the_files_and_the_grade_is_what_the_file_says()
    {
        var graded = Read(File([1, 1], [2], [1], [0], ("grade", "B")));
        var other = Read(File([1, 1], [3], [1], [0]));

        Assert.Equal('B', graded.Grade);
        Assert.Null(other.Grade);
        Assert.Matches("^[0-9a-f]{64}$", graded.Hash);
        Assert.NotEqual(graded.Hash, other.Hash);
        Assert.Equal(other.Hash, Read(File([1, 1], [3], [1], [0])).Hash);
    }

    [Fact]
    public void What_is_wrong_with_a_file_is_said_with_its_path()
    {
        Refused("kind 'spline'", File([1, 1], [1], [1], [0], ("kind", "spline")));
        Refused("lacks the tensor U", File([1, 1], [1], [1], [0], ("kind", "low-rank")));
        Refused("should be [2, 1]", Of("low-rank", ("U", [1, 2], [1, 1]), ("V", [1, 1], [1]), ("b", [1], [0])));
        Refused("V holds NaN or ∞", Of("low-rank", ("U", [1, 1], [1]), ("V", [1, 1], [float.NaN]), ("b", [1], [0])));
        Refused("lacks the tensor W1", Of("mlp", ("W2", [1, 1], [1])));
        Refused("should be [3, 1]", Of("mlp", ("W1", [2, 3], new float[6]), ("b1", [3], new float[3]), ("W2", [2, 1], new float[2]), ("b2", [1], [0])));
        Refused("b2 holds NaN or ∞", Of("mlp", ("W1", [1, 1], [1]), ("b1", [1], [1]), ("W2", [1, 1], [1]), ("b2", [1], [float.NegativeInfinity])));
        Refused("rows is 'many'", File([1, 1], [1], [1], [0], ("rows", "many")));
        Refused("target_sae is 'base'", File([1, 1], [1], [1], [0], ("target_sae", "base")));
        Refused("one JSON object", File([1, 1], [1], [1], [0], ("fidelity", "[0.9]")));
        Refused("one JSON object", File([1, 1], [1], [1], [0], ("choices", "{")));
        Refused("kind '(none)'", Some.Safetensors(null, ("A", "F32", [1, 1], Some.Bytes(1)), ("b", "F32", [1], Some.Bytes(1))));
        Refused("lacks the tensor A", Some.Safetensors(Affine(), ("b", "F32", [1], Some.Bytes(1))));
        Refused("lacks the tensor A", File([2], [1, 2], [1], [0]));
        Refused("lacks the tensor A", File([0, 1], [], [1], [0]));
        Refused("lack the tensor b", Some.Safetensors(Affine(), ("A", "F32", [1, 1], Some.Bytes(1))));
        Refused("should be [2]", File([1, 2], [1, 2], [1], [0]));
        Refused("NaN or ∞", File([1, 1], [float.NaN], [1], [0]));
        Refused("NaN or ∞", File([1, 1], [1], [1], [float.PositiveInfinity]));
        Refused("'G'", File([1, 1], [1], [1], [0], ("grade", "G")));
        Refused("grades are A to F", File([1, 1], [1], [1], [0], ("grade", "AB")));
        Refused("is not F64, F32, F16 or BF16", Some.Safetensors(Affine(), ("A", "I32", [1, 1], Some.Bytes(1)), ("b", "F32", [1], Some.Bytes(1))));
        Refused("too few", []);
        Refused("bytes of data follow", File([1, 1], [1], [1], [0])[..^1]);
    }

    [Fact]
    public void The_identity_gives_the_same_rows()
    {
        var rows = new float[] { 1, 2, 3, 4 };
        Assert.True(new IdentityTransform(2).Apply(rows) == rows.AsSpan());
    }

    [Fact]
    public void An_mlp_is_two_plain_loops_with_what_is_negative_between_them_left_out()
    {
        Property.Holds(Property.AnySeed, 50, seed =>
        {
            var random = new Random(seed);
            var (source, latent, target, rows) = (1 + random.Next(40), 1 + random.Next(40), 1 + random.Next(40), random.Next(30));
            float[] Values(int count) => SomeAutoencoder.Gaussians(random, count, 1);
            var (w1, b1, w2, b2, x) = (Values(source * latent), Values(latent), Values(latent * target), Values(target), Values(rows * source));
            var first = Read(File([source, latent], w1, [latent], b1)).Apply(x).ToArray();
            var expected = Read(File([latent, target], w2, [target], b2)).Apply([.. first.Select(z => Math.Max(z, 0))]).ToArray();

            var mlp = Read(Of("mlp", ("W1", [source, latent], w1), ("b1", [latent], b1), ("W2", [latent, target], w2), ("b2", [target], b2)));

            Assert.Equal((source, target), (mlp.SourceWidth, mlp.TargetWidth));
            Assert.Equal(expected, mlp.Apply(x).ToArray());
        });
    }

    [Fact]
    public void A_low_rank_map_is_applied_as_its_product()
    {
        var lowRank = Read(Of("low-rank", ("U", [2, 1], [1, 2]), ("V", [1, 3], [1, 10, 100]), ("b", [3], [0.5f, 0, 0])));

        Assert.Equal([(1 * 3 + 2 * 4) + 0.5f, 110, 1100], lowRank.Apply([3, 4]).ToArray());
    }

    [Fact]
    public void The_card_and_the_numbers_read_back_and_another_card_changes_no_number()
    {
        var card = new TransformCard("orthogonal")
        {
            SourceModel = "small",
            SourceHook = "blocks.1",
            TargetModel = "base",
            TargetHook = "blocks.2",
            TargetSae = new('a', 64),
            Data = new('b', 64),
            Rows = 123,
            Sequences = 4,
            Choices = """{"scale":2}""",
            Grade = 'C',
            More = ImmutableSortedDictionary<string, string>.Empty.Add("note", "kept"),
        };
        using var file = new MemoryStream();
        TransformFile.Write(file, card, [new("A", [1, 2], [1, 2]), new("b", [2], [3, 4])]);
        using var measured = new MemoryStream();
        TransformFile.WriteWithCard(new MemoryStream(file.ToArray()), card with { Grade = 'A', Fidelity = """{"r2":0.9}""" }, measured);

        var (before, after) = (Read(file.ToArray()), Read(measured.ToArray()));

        Assert.Equal(card.Metadata(), before.Card!.Metadata());
        Assert.Equal((card.Rows, card.Choices, 'C', "kept"), (before.Card.Rows, before.Card.Choices, before.Grade, before.Card.More["note"]));
        Assert.Equal(("""{"r2":0.9}""", 'A'), (after.Card!.Fidelity, after.Grade));
        Assert.Equal([5, 8], after.Apply([2]).ToArray());
        Assert.Equal(before.Apply([2]), after.Apply([2]));
    }

    private static byte[] Of(string kind, params (string Name, int[] Shape, float[] Values)[] tensors)
    {
        using var file = new MemoryStream();
        TransformFile.Write(file, new(kind), [.. tensors.Select(tensor => new TransformTensor(tensor.Name, tensor.Shape, tensor.Values))]);
        return file.ToArray();
    }

    private static ITransform Read(byte[] file) => TransformFile.Read(new MemoryStream(file), "maps/small.safetensors");

    private static void Refused(string mentions, byte[] file)
    {
        var refusal = Assert.Throws<MalformedException>(() => Read(file));
        Assert.Equal("transform", refusal.Reason);
        Assert.StartsWith("maps/small.safetensors: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(mentions, refusal.Message, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Affine(params (string Key, string Value)[] more)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["kind"] = "affine" };
        foreach (var (key, value) in more) metadata[key] = value;
        return metadata;
    }

    private static byte[] File(int[] shapeOfA, float[] a, int[] shapeOfB, float[] b, params (string Key, string Value)[] more) =>
        Some.Safetensors(Affine(more), ("A", "F32", shapeOfA, Some.Bytes(a)), ("b", "F32", shapeOfB, Some.Bytes(b)));
}
