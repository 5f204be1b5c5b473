using System.Buffers.Binary;
using System.IO.Compression;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>One entry of a zip file that a test writes; what is given besides name and data is written in place of the truth.</summary>
internal sealed record SomeEntry(string Name, byte[] Data)
{
    public bool Deflated { get; init; }
    public uint? Crc { get; init; }
    public uint? Length { get; init; }
    public string? LocalName { get; init; }
    public int Flags { get; init; }
    public int? Method { get; init; }
}

/// <summary>Zip files that no writer would make.</summary>
internal static class SomeZip
{
    public static byte[] Of(params IReadOnlyList<SomeEntry> entries) => Of(entries, null);

    /// <param name="shareHeader">Both this entry and the first point to the first one's bytes.</param>
    public static byte[] Of(IReadOnlyList<SomeEntry> entries, int? shareHeader)
    {
        using var file = new MemoryStream();
        using var directory = new MemoryStream();
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            var stored = entry.Deflated ? Deflate(entry.Data) : entry.Data;
            var crc = new Crc32();
            crc.Append(entry.Data);
            var header = i == shareHeader ? 0 : (uint)file.Position;
            byte[] common =
            [
                20, 0, .. Short(entry.Flags), .. Short(entry.Method ?? (entry.Deflated ? 8 : 0)), 0, 0, 0, 0,
                .. Word(entry.Crc ?? crc.Value), .. Word((uint)stored.Length), .. Word(entry.Length ?? (uint)entry.Data.Length),
            ];
            var (name, localName) = (System.Text.Encoding.UTF8.GetBytes(entry.Name), System.Text.Encoding.UTF8.GetBytes(entry.LocalName ?? entry.Name));
            if (i != shareHeader) file.Write([.. "PK\x03\x04"u8, .. common, .. Short(localName.Length), 0, 0, .. localName, .. stored]);
            directory.Write([.. "PK\x01\x02"u8, 20, 0, .. common, .. Short(name.Length), .. new byte[12], .. Word(header), .. name]);
        }
        var start = (uint)file.Position;
        file.Write(directory.ToArray());
        file.Write([.. "PK\x05\x06"u8, 0, 0, 0, 0, .. Short(entries.Count), .. Short(entries.Count), .. Word((uint)directory.Length), .. Word(start), 0, 0]);
        return file.ToArray();
    }

    private static byte[] Deflate(byte[] data)
    {
        using var bytes = new MemoryStream();
        using (var deflate = new DeflateStream(bytes, CompressionLevel.SmallestSize, leaveOpen: true)) deflate.Write(data);
        return bytes.ToArray();
    }

    private static byte[] Short(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        return bytes;
    }

    private static byte[] Word(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
