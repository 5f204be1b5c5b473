using System.Text.Json.Nodes;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>PyTorch's files as PyTorch wrote them, views of every kind, and files that would do harm where they are loaded with Python.</summary>
public sealed class TorchFileTests
{
    private static readonly SomeTorch.View some = SomeTorch.View.Plain("w", [2, 3], 1, 2, 3, 4, 5, 6);

    [Theory]
    [InlineData("views.pt")]
    [InlineData("views-protocol4.pt")]
    [InlineData("module.pt")]
    public void What_PyTorch_saved_is_read_as_PyTorch_reads_it(string name)
    {
        using var file = new TorchFile(ContainerFiles.Open(name));

        ContainerFiles.HoldsWhatIsExpected(name, file);
    }

    [Fact]
    public void Any_permutation_of_any_slice_is_read_and_transposed()
    {
        var random = new Random(5);
        for (var trial = 0; trial < 300; trial++)
        {
            // A dense storage of some sides, and of it a permuted slice with steps.
            var rank = random.Next(1, 5);
            int[] sides = [.. Enumerable.Range(0, rank).Select(_ => random.Next(1, 9))];
            var storage = SomeAutoencoder.Gaussians(random, sides.Aggregate(1, (product, side) => product * side), 1);
            var strides = StoredTensor.RowMajor(sides);
            var (shape, steps, offset) = (new long[rank], new long[rank], 0L);
            int[] order = [.. Enumerable.Range(0, rank)];
            random.Shuffle(order);
            for (var i = 0; i < rank; i++)
            {
                var (first, step) = (random.Next(sides[order[i]]), random.Next(1, 4));
                offset += first * strides[order[i]];
                (shape[i], steps[i]) = ((sides[order[i]] - first + step - 1) / step, step * strides[order[i]]);
            }
            if (random.Next(4) == 0)
            {
                var repeated = random.Next(rank);
                (shape[repeated], steps[repeated]) = (random.Next(1, 5), 0);
            }
            using var file = new TorchFile(new MemoryStream(SomeTorch.File(new SomeTorch.View("w", storage, offset, shape, steps))));
            int[] wanted = [.. shape.Select(size => (int)size)];
            var expected = Naive(storage, offset, wanted, steps);

            Assert.Equal(expected, file.Read("w", wanted));
            if (rank == 2)
            {
                var (rows, columns) = (wanted[0], wanted[1]);
                var turned = file.ReadTransposed("w", rows, columns);
                for (var i = 0; i < rows * columns; i++) Assert.Equal(expected[i], turned[i % columns * rows + i / columns]);
            }
        }
    }

    [Fact]
    public void A_tensor_larger_than_the_buffer_is_transposed_too()
    {
        // More columns than the buffer holds, and more rows than it holds at once.
        foreach (var (rows, columns) in new[] { (2, 1_100_000), (700, 2_000) })
        {
            var storage = new float[rows * columns];
            for (var i = 0; i < storage.Length; i++) storage[i] = i;
            using var file = new TorchFile(new MemoryStream(SomeTorch.File(SomeTorch.View.Plain("w", [rows, columns], storage))));

            Assert.Equal(storage, file.Read("w", rows, columns));
            var turned = file.ReadTransposed("w", rows, columns);
            for (var row = 0; row < rows; row++)
                for (var column = 0; column < columns; column += 997) Assert.Equal(row * columns + column, turned[column * rows + row]);
        }
    }

    [Fact]
    public void Whole_numbers_are_read_as_such()
    {
        using var sizes = GoldenFile("dictionary_learning-matryoshka/ae.pt");

        Assert.Equal([12], sizes.ReadWhole("k"));
        Assert.Equal(235, sizes.ReadWhole("group_sizes").Sum());
        Assert.Contains("should be I32 or I64", Refusal(() => sizes.ReadWhole("b_dec")), StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[]> Hostile => new()
    {
        { "'os.system'", SomeTorch.Pickle([.. SomeTorch.Name("os", "system"), .. "("u8, .. SomeTorch.Text("touch /tmp/owned"), .. "tR"u8]) },
        { "'posix.system'", SomeTorch.Pickle([.. "}"u8, .. SomeTorch.Text("W_enc"), .. SomeTorch.Name("posix", "system"), .. SomeTorch.Text("id"), 0x85, .. "Rs"u8]) },
        { "'builtins.eval'", SomeTorch.Pickle([.. SomeTorch.Name("builtins", "eval"), .. SomeTorch.Text("1+1"), 0x85, .. "R"u8]) },
        { "'__builtin__.exec'", SomeTorch.Pickle([.. SomeTorch.Name("__builtin__", "exec"), .. ")R"u8]) },
        { "'os.system'", SomeTorch.Pickle([.. "("u8, .. SomeTorch.Text("id"), .. "ios\nsystem\n"u8]) },
        { "'torch.hub.load'", SomeTorch.Pickle(SomeTorch.Name("torch.hub", "load")) },
        { "'torch._utils._rebuild_qtensor'", SomeTorch.Pickle(SomeTorch.Name("torch._utils", "_rebuild_qtensor")) },
        { "instruction 0x81", SomeTorch.Pickle([.. SomeTorch.Name("collections", "OrderedDict"), .. ")"u8, 0x81]) },
        { "'os.system'", SomeTorch.Pickle([.. SomeTorch.Text("os"), .. SomeTorch.Text("system"), 0x93]) },
        { "'builtins.eval'", [0x80, 4, 0x95, 22, 0, 0, 0, 0, 0, 0, 0, 0x8C, 8, .. "builtins"u8, 0x94, 0x8C, 4, .. "eval"u8, 0x94, 0x93, 0x94, (byte)'.', (byte)'.'] },
        { "not a name", SomeTorch.Pickle([(byte)'N', (byte)'N', 0x93]) },
        { "in the middle of a frame", [0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, (byte)'N', (byte)'.'] },
        { "in the middle of a frame", [0x80, 4, 0x95, 255, 255, 255, 255, 255, 255, 255, 255, (byte)'N', (byte)'.'] },
        { "instruction 0x8d", SomeTorch.Pickle([0x8D, 255, 255, 255, 255, 255, 255, 255, 127]) },
        { "instruction 0x96", [0x80, 5, 0x96, 255, 255, 255, 255, 255, 255, 255, 127] },
        { "but of 6", [0x80, 6, (byte)'N', (byte)'.'] },
        { "not a tensor's rebuilding", SomeTorch.Pickle([.. SomeTorch.Name("torch", "FloatStorage"), .. ")R"u8]) },
        { "not a tensor's rebuilding", SomeTorch.Pickle([.. SomeTorch.Name("collections", "OrderedDict"), .. ")R)R"u8]) },
        { "not a storage", SomeTorch.Pickle([.. SomeTorch.Text("file:///etc/passwd"), .. "Q"u8]) },
        { "sets attributes", SomeTorch.Pickle("]}b"u8) },
        { "never stored", SomeTorch.Pickle("h\x05"u8) },
        { "where there is none", SomeTorch.Pickle("R"u8) },
        { "where there is none", SomeTorch.Pickle("(}q\x00(a"u8) },
        { "did not open", SomeTorch.Pickle("}u"u8) },
        { "does not end where", [.. SomeTorch.Pickle("}"u8), .. "cos\nsystem\n)R."u8] },
        { "in the middle", [0x80, 2, (byte)'X', 0xFF, 0xFF, 0xFF, 0x7F, (byte)'a'] },
        { "more than 64 bits", SomeTorch.Pickle([0x8A, 200, .. new byte[200]]) },
        { "nested more than 64 deep", SomeTorch.Pickle([.. Enumerable.Repeat((byte)'(', 100)]) },
        // A list in itself, and a list of ten of a list of ten of …
        { "nested more than 16 deep", SomeTorch.Pickle("]q\u0000h\u0000a"u8) },
        { "more than 100000 values", SomeTorch.Pickle([.. "(]q\x00"u8, .. Enumerable.Range(1, 12).SelectMany(i => (byte[])[.. "](h"u8, (byte)(i - 1), .. Enumerable.Range(0, 9).SelectMany(_ => (byte[])[(byte)'h', (byte)(i - 1)]), .. "eq"u8, (byte)i]), .. "t"u8]) },
        { "stands twice", SomeTorch.Pickle([.. "}("u8, .. SomeTorch.Text("w"), .. "N"u8, .. SomeTorch.Text("w"), .. "Nu"u8]) },
    };

    [Theory, MemberData(nameof(Hostile))]
    public void Whatever_is_not_a_state_dict_is_refused_by_name(string mentions, byte[] pickle) =>
        Assert.Contains(mentions, Refusal(() => new TorchFile(new MemoryStream(SomeTorch.File(pickle, some)))), StringComparison.Ordinal);

    public static TheoryData<string, long, long[], long[]> OutOfBounds => new()
    {
        { "reaches behind the 6 numbers", 1, [2, 3], [3, 1] },
        { "reaches behind", 6, [1], [1] },
        { "reaches behind", -1, [1], [1] },
        { "reaches behind", 0, [2, 2], [long.MaxValue, long.MaxValue] },
        { "reaches behind", long.MaxValue, [2], [long.MaxValue] },
        { "whole numbers of 0 or more", 0, [-1], [1] },
        { "whole numbers of 0 or more", 0, [2], [-1] },
        { "has only 6 numbers", 0, [int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue], [0, 0, 0, 0, 0] },
        { "has only 6 numbers", 0, [2_000_000], [0] },
        { "a dimension of 'w' is", 0, [long.MaxValue], [0] },
        { "1 dimensions but 2 strides", 0, [1], [1, 1] },
        { "not up to 8", 0, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1] },
    };

    [Theory, MemberData(nameof(OutOfBounds))]
    public void A_view_that_leaves_its_storage_is_refused(string mentions, long offset, long[] shape, long[] strides) =>
        Assert.Contains(mentions, Refusal(() => new TorchFile(new MemoryStream(SomeTorch.File(some with { Offset = offset, Shape = shape, Strides = strides })))), StringComparison.Ordinal);

    [Fact]
    public void Strides_that_overlap_are_refused_when_they_are_read()
    {
        using var file = new TorchFile(new MemoryStream(SomeTorch.File(some with { Shape = [3, 3], Strides = [1, 1] })));

        Assert.Contains("overlap", Refusal(() => file.Read("w", 3, 3)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_storage_that_is_missing_or_of_another_length_is_refused()
    {
        var pickle = SomeTorch.Pickle([some]);

        Assert.Contains("not in the file", Refusal(() => new TorchFile(new MemoryStream(SomeTorch.File(pickle)))), StringComparison.Ordinal);
        Assert.Contains("should have 6 numbers", Refusal(() => new TorchFile(new MemoryStream(SomeTorch.File(pickle, some with { Storage = new float[7] })))), StringComparison.Ordinal);
        var compressed = SomeTorch.Entries(pickle, [some]).Select(entry => entry with { Deflated = entry.Name == "ae/data/0" }).ToArray();
        Assert.Contains("compressed", Refusal(() => new TorchFile(new MemoryStream(SomeZip.Of(compressed)))), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_forms_are_refused_with_what_to_do()
    {
        Assert.Contains("weights_only=True", Refusal(() => new TorchFile(ContainerFiles.Open("legacy.pt"))), StringComparison.Ordinal);
        Assert.Contains("not what torch.save writes", Refusal(() => new TorchFile(new MemoryStream("hello"u8.ToArray()))), StringComparison.Ordinal);
        Assert.Contains("not what torch.save writes", Refusal(() => new TorchFile(new MemoryStream())), StringComparison.Ordinal);
        SomeEntry[] script = [.. SomeTorch.Entries(SomeTorch.Pickle([some]), [some]), new("ae/constants.pkl", [1])];
        Assert.Contains("TorchScript", Refusal(() => new TorchFile(new MemoryStream(SomeZip.Of(script)))), StringComparison.Ordinal);
        SomeEntry[] two = [.. SomeTorch.Entries(SomeTorch.Pickle([some]), [some]), new("be/data.pkl", [1])];
        Assert.Contains("2 data.pkl", Refusal(() => new TorchFile(new MemoryStream(SomeZip.Of(two)))), StringComparison.Ordinal);
        SomeEntry[] big = [.. SomeTorch.Entries(SomeTorch.Pickle([some]), [some]).Select(entry => entry.Name == "ae/byteorder" ? entry with { Data = "big"u8.ToArray() } : entry)];
        Assert.Contains("little-endian", Refusal(() => new TorchFile(new MemoryStream(SomeZip.Of(big)))), StringComparison.Ordinal);
    }

    private static TorchFile GoldenFile(string name)
    {
        Golden.GoldenCase.Shared(name.Split('/')[0]);
        return new(File.OpenRead(Path.Combine(Golden.GoldenCase.SharedFolder!, name)));
    }

    private static float[] Naive(float[] storage, long offset, int[] shape, long[] strides)
    {
        var values = new float[shape.Aggregate(1, (product, size) => product * size)];
        for (var i = 0; i < values.Length; i++)
        {
            var (rest, at) = (i, offset);
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                at += rest % shape[axis] * strides[axis];
                rest /= shape[axis];
            }
            values[i] = storage[at];
        }
        return values;
    }

    private static string Refusal(Func<object> read) => Assert.Throws<MalformedException>(read).Message;
}
