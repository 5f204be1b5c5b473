using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>NumPy's files as NumPy wrote them, and archives that were made to be misread.</summary>
public sealed class NpzFileTests
{
    private const string Header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    private static readonly byte[] four = Some.Bytes(1, 2, 3, 4);

    [Theory]
    [InlineData("arrays.npz")]
    [InlineData("compressed.npz")]
    public void What_NumPy_saved_is_read_as_NumPy_reads_it(string name)
    {
        using var file = new NpzFile(ContainerFiles.Open(name));

        ContainerFiles.HoldsWhatIsExpected(name, file);
        Assert.Equal(7, file.Stored.Count);
    }

    [Theory]
    [InlineData("<V2")]
    [InlineData("|V2")]
    public void NumPy_has_no_name_for_bfloat16(string descr)
    {
        using var file = Open(Npy(Header.Replace("<f4", descr, StringComparison.Ordinal), [0x80, 0x3F, 0x00, 0xC0, 0, 0, 0x20, 0x42]));

        Assert.Equal([1, -2, 0, 40], file.Read("w", 2, 2));
    }

    [Theory]
    [InlineData("big-endian", "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }", "little-endian")]
    [InlineData("objects", "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", "Python objects")]
    [InlineData("complex", "{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "'<c8'")]
    [InlineData("structured", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", "not that of a plain array")]
    [InlineData("expression", "{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (2, 2), }", "not that of a plain array")]
    [InlineData("one more key", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'x': 1}", "not that of a plain array")]
    [InlineData("other shape", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "24 bytes, but holds 16")]
    [InlineData("huge", "{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000, 2000000000, 2000000000), }", "larger than any file")]
    [InlineData("huge in a dimension", "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", "larger than any file")]
    [InlineData("negative", "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2), }", "not that of a plain array")]
    [InlineData("rank", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 1, 1, 1, 1, 1, 1, 1), }", "9 dimensions")]
    public void A_header_of_anything_else_is_refused(string what, string header, string mentions) =>
        Assert.True(Refusal(() => Open(Npy(header, four))).Contains(mentions, StringComparison.Ordinal), what);

    [Fact]
    public void Arrays_of_objects_as_NumPy_saves_them_are_refused() =>
        Assert.Contains("Python objects (a pickle), which are never read", Refusal(() => new NpzFile(ContainerFiles.Open("objects.npz"))), StringComparison.Ordinal);

    [Fact]
    public void An_npy_that_is_cut_or_says_too_much_of_itself_is_refused()
    {
        var whole = Npy(Header, four);

        Assert.Contains("does not begin", Refusal(() => Open("hello, I am long enough"u8.ToArray())), StringComparison.Ordinal);
        Assert.Contains("does not begin", Refusal(() => Open(whole[..8])), StringComparison.Ordinal);
        Assert.Contains("says that its header has", Refusal(() => Open(whole[..40])), StringComparison.Ordinal);
        Assert.Contains("version 9", Refusal(() => Open([.. whole[..6], 9, .. whole[7..]])), StringComparison.Ordinal);
        Assert.Contains("but holds 15", Refusal(() => Open(whole[..^1])), StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[]> Archives
    {
        get
        {
            var npy = Npy(Header, four);
            var good = new SomeEntry("w.npy", npy);
            return new()
            {
                { "not a plain name", SomeZip.Of(new SomeEntry("../w.npy", npy)) },
                { "not a plain name", SomeZip.Of(new SomeEntry("a/../../w.npy", npy)) },
                { "not a plain name", SomeZip.Of(new SomeEntry("/etc/w.npy", npy)) },
                { "not a plain name", SomeZip.Of(new SomeEntry("C:w.npy", npy)) },
                { "not a plain name", SomeZip.Of(new SomeEntry("..\\w.npy", npy)) },
                { "control characters", SomeZip.Of(new SomeEntry("w\n.npy", npy)) },
                { "name has 600 bytes", SomeZip.Of(new SomeEntry(new string('w', 600), npy)) },
                { "stands twice", SomeZip.Of(good, good) },
                { "do not agree on its name", SomeZip.Of(good with { LocalName = "v.npy" }) },
                { "two lengths", SomeZip.Of(good with { Length = 7 }) },
                { "encrypted", SomeZip.Of(good with { Flags = 1 }) },
                { "method 12", SomeZip.Of(good with { Method = 12 }) },
                { "do not agree on its name", SomeZip.Of([good, good with { Name = "v.npy" }], shareHeader: 1) },
                { "would decompress to 41943040", SomeZip.Of(new SomeEntry("w.npy", new byte[40 << 20]) { Deflated = true }) },
                { "would decompress to", SomeZip.Of(good with { Deflated = true, Length = uint.MaxValue - 1 }) },
                { "its end is missing", SomeZip.Of(good)[..^3] },
                { "its end is missing", "PK\x03\x04"u8.ToArray() },
                { "its end is missing", [] },
                { "does not lie where", [.. "prefix"u8, .. SomeZip.Of(good)] },
            };
        }
    }

    [Theory, MemberData(nameof(Archives))]
    public void An_archive_that_was_made_to_be_misread_is_refused(string mentions, byte[] archive) =>
        Assert.Contains(mentions, Refusal(() => new NpzFile(new MemoryStream(archive))), StringComparison.Ordinal);

    [Fact]
    public void What_is_wrong_with_the_data_is_found_when_they_are_read()
    {
        var npy = Npy(Header, four);
        var good = new SomeEntry("w.npy", npy);

        Assert.Contains("checksum of the entry 'w.npy'", Refusal(() => Read(good with { Crc = 1 })), StringComparison.Ordinal);
        // Says 16 bytes of numbers, gives 12 or 20.
        Assert.Contains("ends after", Refusal(() => Read(new("w.npy", npy[..^4]) { Deflated = true, Length = (uint)npy.Length })), StringComparison.Ordinal);
        Assert.Contains("has more than its", Refusal(() => Read(new("w.npy", [.. npy, 0, 0, 0, 0]) { Deflated = true, Length = (uint)npy.Length })), StringComparison.Ordinal);
        Assert.Contains("cannot be decompressed", Refusal(() => Read(new("w.npy", [.. npy.Select(b => (byte)~b)]) { Method = 8 })), StringComparison.Ordinal);

        static float[] Read(SomeEntry entry)
        {
            using var file = new NpzFile(new MemoryStream(SomeZip.Of(entry)));
            return file.Read("w", 2, 2);
        }
    }

    public static byte[] Npy(string header, byte[] data)
    {
        var padded = header.PadRight(header.Length + 63 - (header.Length + 10) % 64) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)padded.Length), .. System.Text.Encoding.Latin1.GetBytes(padded), .. data];
    }

    private static NpzFile Open(byte[] npy) => new(new MemoryStream(SomeZip.Of(new SomeEntry("w.npy", npy))));

    private static string Refusal(Func<object> read) => Assert.Throws<MalformedException>(read).Message;
}
