using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Tests.Encoding;

namespace DriftWatch.Analysis.Tests.Canonical;

public sealed class ChainFileTests
{
    private readonly Random random = new(1);

    [Fact]
    public void One_map_behind_the_other_is_both()
    {
        var (first, second) = (Affine(5, 7, "tiny", "small"), Affine(7, 3, "small", "base"));
        var chain = Read(Chain(first, second));
        var rows = SomeAutoencoder.Gaussians(random, 20 * 5, 1);

        var expected = Read(second).Apply(Read(first).Apply(rows).ToArray()).ToArray();
        var mapped = chain.Apply(rows).ToArray();

        Assert.Equal((5, 3), (chain.SourceWidth, chain.TargetWidth));
        Assert.IsType<AffineTransform>(chain);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], mapped[i], 1e-4f);
    }

    [Fact]
    public void A_map_that_cannot_be_multiplied_out_is_applied_in_its_turn()
    {
        var (first, second) = (Mlp(5, 7), Affine(7, 3, "small", "base"));
        var rows = SomeAutoencoder.Gaussians(random, 20 * 5, 1);

        var expected = Read(second).Apply(Read(first).Apply(rows).ToArray()).ToArray();

        Assert.Equal(expected, Read(Chain(first, second)).Apply(rows).ToArray());
    }

    [Fact]
    public void Its_card_is_its_own_and_its_grade_is_never_taken_from_its_parts()
    {
        var card = Read(Chain(Affine(5, 7, "tiny", "small", 'A'), Affine(7, 3, "small", "base", 'B'))).Card!;

        Assert.Equal(("chain", "tiny", "base", null, null), (card.Kind, card.SourceModel, card.TargetModel, card.Grade, card.Fidelity));
        Assert.Equal(2, card.More["parts"].Split(' ').Length);
    }

    [Fact]
    public void What_does_not_follow_on_each_other_is_refused()
    {
        Refused("first.safetensors maps to the model 'small', and second.safetensors maps from 'other'", () => Chain(Affine(5, 7, "tiny", "small"), Affine(7, 3, "other", "base")));
        Refused("takes rows of width 6, and the one before it gives 7", () => Read(Chain(Affine(5, 7, "tiny", "small"), Affine(6, 3, "small", "base"))));
        Refused("first.safetensors is a chain itself", () => Chain(Chain(Affine(5, 7, "tiny", "small"), Affine(7, 3, "small", "base")), Affine(3, 3, "base", "base")));
        Refused("2 to 8 parts; 1 is given", () => ChainFile.Write(new MemoryStream(), [("one", Affine(5, 7, "tiny", "small"))]));
    }

    private static void Refused(string because, Action read) => Assert.Contains(because, Assert.Throws<MalformedException>(read).Message, StringComparison.Ordinal);

    private byte[] Affine(int source, int target, string from, string to, char? grade = null) => Written(
        new("affine") { SourceModel = from, TargetModel = to, Grade = grade },
        new("A", [source, target], SomeAutoencoder.Gaussians(random, source * target, 1)), new("b", [target], SomeAutoencoder.Gaussians(random, target, 1)));

    private byte[] Mlp(int source, int target) => Written(
        new("mlp"),
        new("W1", [source, 9], SomeAutoencoder.Gaussians(random, source * 9, 1)), new("b1", [9], new float[9]), new("W2", [9, target], SomeAutoencoder.Gaussians(random, 9 * target, 1)), new("b2", [target], new float[target]));

    private static byte[] Written(TransformCard card, params TransformTensor[] tensors)
    {
        using var file = new MemoryStream();
        TransformFile.Write(file, card, tensors);
        return file.ToArray();
    }

    private static byte[] Chain(byte[] first, byte[] second)
    {
        using var file = new MemoryStream();
        ChainFile.Write(file, [("first.safetensors", first), ("second.safetensors", second)]);
        return file.ToArray();
    }

    private static ITransform Read(byte[] file) => TransformFile.Read(new MemoryStream(file), "map.safetensors");
}
