using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>Files as <c>torch.save</c> writes them, with any strides, and pickles that it never writes.</summary>
internal static class SomeTorch
{
    public sealed record View(string Name, float[] Storage, long Offset, long[] Shape, long[] Strides)
    {
        public static View Plain(string name, int[] shape, params float[] values) =>
            new(name, values, 0, [.. shape.Select(size => (long)size)], DriftWatch.Analysis.Encoding.Formats.StoredTensor.RowMajor(shape));
    }

    public static byte[] File(params IReadOnlyList<View> views) => File(Pickle(views), views);

    public static byte[] File(byte[] pickle, params IReadOnlyList<View> views) => SomeZip.Of([.. Entries(pickle, views)]);

    public static IEnumerable<SomeEntry> Entries(byte[] pickle, IReadOnlyList<View> views) =>
    [
        new("ae/data.pkl", pickle), new("ae/byteorder", "little"u8.ToArray()),
        .. views.Select((view, i) => new SomeEntry($"ae/data/{i}", MemoryMarshal.AsBytes<float>(view.Storage).ToArray())),
        new("ae/version", "3\n"u8.ToArray()),
    ];

    public static byte[] Pickle(IReadOnlyList<View> views) => Pickle([.. "}("u8, .. views.SelectMany((view, i) => (byte[])[.. Text(view.Name), .. Tensor(view, i)]), .. "u"u8]);

    public static byte[] Pickle(ReadOnlySpan<byte> value) => [0x80, 2, .. value, (byte)'.'];

    public static byte[] Tensor(View view, int storage) =>
    [
        .. Name("torch._utils", "_rebuild_tensor_v2"), .. "(("u8, .. Text("storage"), .. Name("torch", "FloatStorage"), .. Text($"{storage}"), .. Text("cpu"), .. Whole(view.Storage.Length), .. "tQ"u8,
        .. Whole(view.Offset), .. Tuple(view.Shape), .. Tuple(view.Strides), 0x89, .. Name("collections", "OrderedDict"), .. ")RtR"u8,
    ];

    public static byte[] Name(string module, string name) => System.Text.Encoding.UTF8.GetBytes($"c{module}\n{name}\n");

    public static byte[] Text(string text)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(text);
        return [(byte)'X', .. BitConverter.GetBytes(bytes.Length), .. bytes];
    }

    public static byte[] Whole(long value) => [0x8A, 8, .. BitConverter.GetBytes(value)];

    private static byte[] Tuple(long[] sizes) => [(byte)'(', .. sizes.SelectMany(Whole), (byte)'t'];
}
