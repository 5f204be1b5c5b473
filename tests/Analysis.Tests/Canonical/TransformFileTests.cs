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
            var (source, target, rows) = (1 + random.Next(40), 1 + random.Next(40), random.Next(6));
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
        Refused("kind 'mlp'", File([1, 1], [1], [1], [0], ("kind", "mlp")));
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
