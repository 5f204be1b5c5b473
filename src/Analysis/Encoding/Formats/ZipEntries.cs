using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <param name="Name">Below the archive: relative, with forward slashes, no <c>..</c>.</param>
/// <param name="Start">Of the (compressed) bytes in the file.</param>
/// <param name="Length">After decompression.</param>
internal sealed record ZipEntry(string Name, long HeaderStart, long Start, long CompressedLength, long Length, uint Crc, bool Deflated);

/// <summary>The entries of a zip file that was made to be read: stored or deflated, named once, each in bytes of its own.</summary>
/// <remarks>
/// The central directory and every local header must say the same, and no two entries share bytes: an archive that two readers would
/// understand differently is refused. What decompression may give is bounded by the size of the file. Layout: PKWARE APPNOTE 6.3, Zip64 included.
/// </remarks>
internal sealed class ZipEntries
{
    private const int EntriesMaximum = 8192;
    private const int DirectoryBytesMaximum = 4 << 20;
    private const int NameBytesMaximum = 512;
    private const int EndBytes = 22;
    private const int CommentBytesMaximum = 65_535;

    // Trained weights hardly compress: rounded ones by 2 or 3. What grows more is made to fill memory.
    private const long GrowthMaximum = 16;
    private const long GrowthFree = 1 << 20;

    private readonly Stream stream;
    private readonly Dictionary<string, ZipEntry> entries = new(StringComparer.Ordinal);

    public ZipEntries(Stream stream)
    {
        this.stream = stream;
        var (start, bytes, count) = FindDirectory();
        ReadDirectory(ReadAt(start, (int)bytes), count, start);
        RefuseOverlaps(start);
        RefuseBomb();
    }

    public IReadOnlyDictionary<string, ZipEntry> ByName => entries;

    public static bool Begins(ReadOnlySpan<byte> firstBytes) => firstBytes.StartsWith("PK\x03\x04"u8);

    /// <summary>The entry's bytes after decompression, forwards only; its length and checksum are checked at its end.</summary>
    public Stream Open(ZipEntry entry)
    {
        var part = new FilePart(stream, entry.Start, entry.CompressedLength);
        return new CheckedEntry(entry, entry.Deflated ? new DeflateStream(part, CompressionMode.Decompress) : part);
    }

    /// <summary>A small entry as a whole.</summary>
    public byte[] ReadAll(ZipEntry entry, int bytesMaximum)
    {
        if (entry.Length > bytesMaximum) throw Refused($"the entry {Shown(entry.Name)} has {entry.Length} bytes; at most {bytesMaximum} are accepted");
        using var content = Open(entry);
        var bytes = new byte[entry.Length];
        content.ReadExactly(bytes);
        return bytes;
    }

    private static MalformedException Refused(string why) => new("zip", $"the zip file is damaged or not to be trusted: {why}");

    private static string Shown(string name) => SafetensorsHeader.Shown(name);

    private byte[] ReadAt(long position, int length)
    {
        if (position < 0 || length > stream.Length - position) throw Refused($"it has {stream.Length} bytes and points behind its end");
        var bytes = new byte[length];
        stream.Position = position;
        stream.ReadExactly(bytes);
        return bytes;
    }

    private (long Start, long Bytes, long Count) FindDirectory()
    {
        var tail = ReadAt(Math.Max(0, stream.Length - EndBytes - CommentBytesMaximum), (int)Math.Min(stream.Length, EndBytes + CommentBytesMaximum));
        for (var at = tail.Length - EndBytes; at >= 0; at--)
        {
            var end = tail.AsSpan(at);
            if (!end.StartsWith("PK\x05\x06"u8) || Short(end, 20) != end.Length - EndBytes) continue;
            if (Short(end, 4) != 0 && Short(end, 4) != 0xFFFF) throw Refused("it is one of several volumes");
            var endStart = stream.Length - tail.Length + at;
            var (start, bytes, count) = ((long)Word(end, 16), (long)Word(end, 12), (long)Short(end, 10));
            if (start == uint.MaxValue || bytes == uint.MaxValue || count == ushort.MaxValue || HasLocator(endStart)) (start, bytes, count, endStart) = FindDirectory64(endStart);
            if (count > EntriesMaximum) throw Refused($"it says that it holds {count} entries; at most {EntriesMaximum} are accepted");
            if (bytes is < 0 or > DirectoryBytesMaximum || start < 0 || start > endStart || start + bytes != endStart) throw Refused("its directory does not lie where its end says");
            return (start, bytes, count);
        }
        throw Refused("its end is missing; it may be truncated");
    }

    private bool HasLocator(long endStart) => endStart >= 20 && ReadAt(endStart - 20, 4).AsSpan().SequenceEqual("PK\x06\x07"u8);

    private (long Start, long Bytes, long Count, long EndStart) FindDirectory64(long endStart)
    {
        if (!HasLocator(endStart)) throw Refused("its Zip64 end is missing");
        var endStart64 = (long)Long(ReadAt(endStart - 20, 20), 8);
        if (endStart64 != endStart - 20 - 56) throw Refused("its Zip64 end does not lie where it says");
        var end = ReadAt(endStart64, 56);
        if (!end.AsSpan().StartsWith("PK\x06\x06"u8)) throw Refused("its Zip64 end is missing");
        return ((long)Long(end, 48), (long)Long(end, 40), (long)Math.Min(Long(end, 32), long.MaxValue), endStart64);
    }

    private void ReadDirectory(ReadOnlySpan<byte> directory, long count, long directoryStart)
    {
        for (var i = 0L; i < count; i++)
        {
            if (directory.Length < 46 || !directory.StartsWith("PK\x01\x02"u8)) throw Refused("its directory is shorter than it says");
            var (flags, method, crc) = (Short(directory, 8), Short(directory, 10), Word(directory, 16));
            var (compressed, length, header) = ((ulong)Word(directory, 20), (ulong)Word(directory, 24), (ulong)Word(directory, 42));
            var (nameBytes, extraBytes, commentBytes) = (Short(directory, 28), Short(directory, 30), Short(directory, 32));
            if (directory.Length < 46 + nameBytes + extraBytes + commentBytes) throw Refused("its directory is shorter than it says");
            var rawName = directory.Slice(46, nameBytes);
            Widen(directory.Slice(46 + nameBytes, extraBytes), ref length, ref compressed, ref header);
            directory = directory[(46 + nameBytes + extraBytes + commentBytes)..];

            var name = NameOf(rawName);
            if ((flags & 0x2041) != 0) throw Refused($"the entry {Shown(name)} is encrypted");
            if (method is not (0 or 8)) throw Refused($"the entry {Shown(name)} is compressed by method {method}; stored (0) and deflated (8) are read");
            if (header >= (ulong)directoryStart || compressed > (ulong)directoryStart || length > long.MaxValue) throw Refused($"the entry {Shown(name)} points behind the data");
            if (method == 0 && compressed != length) throw Refused($"the entry {Shown(name)} is stored but has two lengths, {compressed} and {length}");
            var start = LocalData((long)header, rawName, name, flags, method, crc, (long)compressed, (long)length);
            if (!entries.TryAdd(name, new(name, (long)header, start, (long)compressed, (long)length, crc, method == 8))) throw Refused($"the entry {Shown(name)} stands twice in it");
        }
        if (directory.Length != 0) throw Refused("its directory holds more than it says");
    }

    /// <summary>Where the entry's data begin, if its local header says what the directory says.</summary>
    private long LocalData(long header, ReadOnlySpan<byte> rawName, string name, int flags, int method, uint crc, long compressed, long length)
    {
        var local = ReadAt(header, 30);
        if (!local.AsSpan().StartsWith("PK\x03\x04"u8)) throw Refused($"the entry {Shown(name)} does not begin where the directory says");
        var (nameBytes, extraBytes) = (Short(local, 26), Short(local, 28));
        var rest = ReadAt(header + 30, nameBytes + extraBytes).AsSpan();
        if (!rest[..nameBytes].SequenceEqual(rawName) || Short(local, 8) != method || Short(local, 6) != flags)
            throw Refused($"the entry {Shown(name)} and the directory do not agree on its name or kind");
        // Bit 3: lengths and checksum come after the data; the directory's are taken.
        if ((flags & 8) == 0)
        {
            var (localCompressed, localLength, none) = ((ulong)Word(local, 18), (ulong)Word(local, 22), 0UL);
            Widen(rest[nameBytes..], ref localLength, ref localCompressed, ref none);
            if (Word(local, 14) != crc || localCompressed != (ulong)compressed || localLength != (ulong)length) throw Refused($"the entry {Shown(name)} and the directory do not agree on its length or checksum");
        }
        return header + 30 + nameBytes + extraBytes;
    }

    /// <summary>Zip64: what does not fit into 32 bits stands in the extra field, in this order.</summary>
    private static void Widen(ReadOnlySpan<byte> extra, ref ulong length, ref ulong compressed, ref ulong header)
    {
        for (; extra.Length >= 4; extra = extra[(4 + Short(extra, 2))..])
        {
            var bytes = Short(extra, 2);
            if (4 + bytes > extra.Length) throw Refused("an extra field is longer than its entry");
            if (Short(extra, 0) != 1) continue;
            var wide = extra.Slice(4, bytes);
            length = Wide(ref wide, length);
            compressed = Wide(ref wide, compressed);
            header = Wide(ref wide, header);
        }

        static ulong Wide(ref ReadOnlySpan<byte> wide, ulong value)
        {
            if (value != uint.MaxValue || wide.Length < 8) return value;
            value = Long(wide, 0);
            wide = wide[8..];
            return value;
        }
    }

    private static string NameOf(ReadOnlySpan<byte> raw)
    {
        if (raw.Length is 0 or > NameBytesMaximum) throw Refused($"an entry's name has {raw.Length} bytes; 1 to {NameBytesMaximum} are accepted");
        string name;
        try
        {
            name = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(raw);
        }
        catch (ArgumentException)
        {
            throw Refused("an entry's name is not UTF-8");
        }
        if (name.Any(char.IsControl)) throw Refused($"the entry {Shown(name)} has control characters in its name");
        if (name[0] == '/' || name.Contains('\\') || name.Contains(':') || name.Split('/').Any(segment => segment is ".." or "." or ""))
            throw Refused($"the entry {Shown(name)} is not a plain name below the archive (absolute, or with ., .., \\ or :)");
        return name;
    }

    private void RefuseOverlaps(long directoryStart)
    {
        ZipEntry? before = null;
        foreach (var entry in entries.Values.OrderBy(entry => entry.HeaderStart))
        {
            if (before is not null && before.Start + before.CompressedLength > entry.HeaderStart) throw Refused($"the entries {Shown(before.Name)} and {Shown(entry.Name)} share bytes");
            before = entry;
        }
        if (before is not null && before.Start + before.CompressedLength > directoryStart) throw Refused($"the entry {Shown(before.Name)} reaches into the directory");
    }

    private void RefuseBomb()
    {
        var total = entries.Values.Aggregate(0UL, (sum, entry) => Math.Min(sum + (ulong)entry.Length, long.MaxValue));
        if (total > (ulong)(stream.Length * GrowthMaximum + GrowthFree))
            throw Refused($"its {stream.Length} bytes would decompress to {total}; at most {GrowthMaximum} times the file are accepted, which weights never reach");
    }

    private static int Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    private static ulong Long(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    /// <summary>An entry's bytes; with the last one it is decided whether they are the right ones.</summary>
    private sealed class CheckedEntry(ZipEntry entry, Stream content) : Stream
    {
        private readonly Crc32 crc = new();
        private long position;
        private bool done;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => entry.Length;
        public override long Position { get => position; set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            try
            {
                var read = content.Read(buffer[..(int)Math.Min(buffer.Length, entry.Length - position)]);
                if (read == 0 && buffer.Length > 0 && position < entry.Length) throw Refused($"the entry {Shown(entry.Name)} ends after {position} bytes of {entry.Length}");
                crc.Append(buffer[..read]);
                position += read;
                if (position == entry.Length && !done) Finish();
                return read;
            }
            catch (InvalidDataException)
            {
                throw Refused($"the entry {Shown(entry.Name)} cannot be decompressed");
            }
        }

        private void Finish()
        {
            done = true;
            if (entry.Deflated && content.ReadByte() >= 0) throw Refused($"the entry {Shown(entry.Name)} has more than its {entry.Length} bytes");
            if (crc.Value != entry.Crc) throw Refused($"the checksum of the entry {Shown(entry.Name)} is {crc.Value:x8} and should be {entry.Crc:x8}");
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) content.Dispose();
            base.Dispose(disposing);
        }
    }
}
