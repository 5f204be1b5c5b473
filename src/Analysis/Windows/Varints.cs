using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Windows;

/// <summary>Zigzag varints, seven bits a byte.</summary>
public sealed class VarintWriter
{
    private readonly ArrayBufferWriter<byte> bytes = new();

    public void Write(Int128 value)
    {
        // Almost all fit 63 bits, and 128-bit shifts are slow.
        if (value >= long.MinValue / 2 && value <= long.MaxValue / 2)
        {
            var small = (ulong)((long)value << 1) ^ (ulong)((long)value >> 63);
            for (; small >= 0x80; small >>= 7) WriteByte((byte)(small & 0x7f | 0x80));
            WriteByte((byte)small);
            return;
        }
        var zigzag = (UInt128)(value << 1) ^ (UInt128)(value >> 127);
        for (; zigzag >= 0x80; zigzag >>= 7) WriteByte((byte)((uint)(zigzag & 0x7f) | 0x80));
        WriteByte((byte)zigzag);
    }

    public void Write(string text)
    {
        var utf8 = System.Text.Encoding.UTF8.GetBytes(text);
        Write(utf8.Length);
        bytes.Write(utf8);
    }

    public void Write(ProfileSet profiles)
    {
        Write(profiles.Count);
        for (var i = 0; i < profiles.Count; i++)
            foreach (var step in profiles[i]) Write(step);
    }

    public void Write(LogHistogram histogram)
    {
        Write(histogram.Bins.Count);
        // The first bin may be negative (a probe's score); the others are above it.
        var last = 0;
        foreach (var (bin, count) in histogram.Bins)
        {
            Write(bin - last);
            Write(count);
            last = bin;
        }
    }

    /// <summary>Eight bytes each: the same bits come back.</summary>
    public void Write(ReadOnlySpan<double> values)
    {
        var span = bytes.GetSpan(values.Length * sizeof(double));
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteDoubleLittleEndian(span[(i * sizeof(double))..], values[i]);
        bytes.Advance(values.Length * sizeof(double));
    }

    public void WriteDouble(double value) => Write([value]);

    public void Write(ReadOnlySpan<byte> blob)
    {
        Write(blob.Length);
        bytes.Write(blob);
    }

    /// <summary>What another one wrote.</summary>
    public void WriteRaw(ReadOnlySpan<byte> written) => bytes.Write(written);

    /// <summary>UTC.</summary>
    public void Write(DateTimeOffset time) => Write(time.UtcTicks);

    private void WriteByte(byte value)
    {
        bytes.GetSpan(1)[0] = value;
        bytes.Advance(1);
    }

    /// <summary>As it is; the caller sees to version and size.</summary>
    public byte[] ToArray() => bytes.WrittenSpan.ToArray();

    /// <summary>The version in a byte of its own, then everything, compressed.</summary>
    public byte[] Pack(byte version)
    {
        using var packed = new MemoryStream();
        packed.WriteByte(version);
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true)) brotli.Write(bytes.WrittenSpan);
        return packed.ToArray();
    }
}

/// <summary>Reads what <see cref="VarintWriter"/> wrote. Untrusted: nothing is allocated that the bytes cannot hold.</summary>
/// <param name="reason">Of refusals.</param>
/// <param name="what">It is, for a person.</param>
public sealed class VarintReader(byte[] bytes, string reason, string what)
{
    private const int BytesMaximum = 1 << 28;

    private int at;

    /// <exception cref="MalformedException">Of a newer version, or damaged.</exception>
    public static VarintReader Unpack(ReadOnlySpan<byte> packed, byte newestVersion, string reason, string what)
    {
        if (packed.Length == 0 || packed[0] is 0 || packed[0] > newestVersion)
            throw new MalformedException(reason, $"the {what} has version {(packed.Length == 0 ? "none" : packed[0])}; this build reads versions 1 to {newestVersion}. Use a newer DriftWatch");
        using var source = new MemoryStream(packed[1..].ToArray());
        using var brotli = new BrotliStream(source, CompressionMode.Decompress);
        using var raw = new MemoryStream(Math.Min(BytesMaximum, 4 * packed.Length));
        var chunk = new byte[1 << 16];
        try
        {
            for (int read; (read = brotli.Read(chunk)) > 0;)
            {
                if (raw.Length + read > BytesMaximum) throw new MalformedException(reason, $"the {what} unpacks to more than {BytesMaximum} bytes");
                raw.Write(chunk, 0, read);
            }
        }
        catch (InvalidOperationException)
        {
            throw new MalformedException(reason, $"the {what} is damaged: it does not unpack");
        }
        return new(raw.ToArray(), reason, what);
    }

    /// <summary>Room for so many entries, as far as the bytes that are left can hold them: a damaged count must not allocate.</summary>
    public int AtMost(long entries) => (int)Math.Min(entries, bytes.Length - at);

    public Int128 ReadWide()
    {
        // Almost all fit 63 bits, and 128-bit shifts are slow.
        if (TryReadShort(out var small)) return (long)(small >> 1) ^ -(long)(small & 1);
        var zigzag = UInt128.Zero;
        for (var shift = 0; ; shift += 7)
        {
            if (at == bytes.Length || shift > 126) throw Damaged();
            var next = bytes[at++];
            zigzag |= (UInt128)(uint)(next & 0x7f) << shift;
            if (next < 0x80) return (Int128)(zigzag >> 1) ^ -(Int128)(zigzag & 1);
        }
    }

    public long ReadLong()
    {
        if (TryReadShort(out var small)) return (small & 1) == 0 ? (long)(small >> 1) : throw Damaged();
        return ReadWide() is var value && value >= 0 && value <= long.MaxValue ? (long)value : throw Damaged();
    }

    /// <summary>A number of up to nine bytes, still zigzagged; else nothing is read.</summary>
    private bool TryReadShort(out ulong zigzag)
    {
        // Nearly all are differences of neighbours, in one byte.
        if (at < bytes.Length && bytes[at] < 0x80)
        {
            zigzag = bytes[at++];
            return true;
        }
        zigzag = 0;
        var end = Math.Min(bytes.Length, at + 9);
        for (var (next, shift) = (at, 0); next < end; next++, shift += 7)
        {
            zigzag |= (ulong)(bytes[next] & 0x7f) << shift;
            if (bytes[next] >= 0x80) continue;
            at = next + 1;
            return true;
        }
        return false;
    }

    public double ReadDouble()
    {
        if (bytes.Length - at < sizeof(double)) throw Damaged();
        at += sizeof(double);
        return BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(at - sizeof(double)));
    }

    /// <summary>As many as there is room for.</summary>
    public void ReadDoubles(Span<double> values)
    {
        if ((bytes.Length - at) / sizeof(double) < values.Length) throw Damaged();
        for (var i = 0; i < values.Length; i++) values[i] = ReadDouble();
    }

    public byte[] ReadBlob()
    {
        var length = ReadInt();
        if (length > bytes.Length - at) throw Damaged();
        at += length;
        return bytes[(at - length)..at];
    }

    public DateTimeOffset ReadTime() => ReadLong() is var ticks && ticks <= DateTimeOffset.MaxValue.UtcTicks ? new(ticks, TimeSpan.Zero) : throw Damaged();

    public int ReadInt() => ReadLong() is var value and <= int.MaxValue ? (int)value : throw Damaged();

    public long ReadSignedLong() => ReadWide() is var value && value >= long.MinValue && value <= long.MaxValue ? (long)value : throw Damaged();

    /// <summary>Bytes that are left.</summary>
    public int Left => bytes.Length - at;

    public int ReadSigned() => ReadWide() is var value && value >= int.MinValue && value <= int.MaxValue ? (int)value : throw Damaged();

    /// <summary>The next of some ascending keys, stored as differences. Equal only for the first, which counts from 0.</summary>
    public int ReadAbove(int previous, bool orEqual) =>
        ReadInt() is var step && (step > 0 || orEqual) && (long)step + previous <= int.MaxValue ? previous + step : throw Damaged();

    public void End()
    {
        if (at != bytes.Length) throw new MalformedException(reason, $"the {what} is damaged: {bytes.Length - at} bytes are left over");
    }

    public string ReadText()
    {
        var length = ReadInt();
        if (length > bytes.Length - at) throw Damaged();
        at += length;
        return System.Text.Encoding.UTF8.GetString(bytes, at - length, length);
    }

    public RatioSums ReadRatio() => new(new(ReadWide()), new(ReadWide()), new(ReadWide()), new(ReadWide()), new(ReadWide()));

    public ExactSum[] ReadVector(int length)
    {
        if (length > bytes.Length - at) throw Damaged();
        var vector = new ExactSum[length];
        for (var i = 0; i < length; i++) vector[i] = new(ReadWide());
        return vector;
    }

    public ProfileSet ReadProfiles()
    {
        var count = ReadInt();
        if ((long)count * SequenceProfile.Length > bytes.Length - at) throw Damaged();
        var steps = new short[count * SequenceProfile.Length];
        for (var i = 0; i < steps.Length; i++) steps[i] = ReadSigned() is var step and >= short.MinValue and <= short.MaxValue ? (short)step : throw Damaged();
        return ProfileSet.OfSteps(steps, count);
    }

    public LogHistogram ReadHistogram()
    {
        var bins = new List<KeyValuePair<int, long>>();
        var bin = 0;
        for (var left = ReadInt(); left > 0; left--) bins.Add(new(bin = bins.Count == 0 ? ReadSigned() : ReadAbove(bin, orEqual: false), ReadLong()));
        return LogHistogram.From(bins);
    }

    public MalformedException Damaged() => new(reason, $"the {what} is damaged: a number is missing or out of range");
}
