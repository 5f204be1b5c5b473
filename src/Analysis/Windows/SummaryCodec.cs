using System.Buffers;
using System.Collections.Immutable;
using System.IO.Compression;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Windows;

/// <summary>A <see cref="WindowSummary"/> as bytes: varints, differences of sorted keys, Brotli. The first byte is the version; old versions stay readable.</summary>
public static class SummaryCodec
{
    private const byte Version = 3;
    private const int BytesMaximum = 1 << 28;

    public static byte[] Encode(WindowSummary summary)
    {
        var raw = new VarintWriter();
        raw.Write(summary.Features);
        raw.Write(summary.Width);
        raw.Write(summary.Rows);
        raw.Write(summary.Sequences);
        raw.Write(summary.LengthSquared);
        raw.Write(summary.RowsNotFinite);
        raw.Write(summary.RowsZero);
        raw.Write(summary.RowsOutlier);

        raw.Write(summary.Fired.Length);
        var (previous, at) = (0, 0);
        foreach (var (feature, rowsByLength, magnitude) in summary.Fired)
        {
            raw.Write(feature - previous);
            raw.Write(rowsByLength);
            raw.Write(magnitude.Units);
            var end = at;
            while (end < summary.FiringCounts.Length && summary.FiringCounts[end].Feature == feature) end++;
            raw.Write(end - at);
            for (var count = 0; at < end; count = summary.FiringCounts[at++].Count)
            {
                raw.Write(summary.FiringCounts[at].Count - count);
                raw.Write(summary.FiringCounts[at].Sequences);
            }
            previous = feature;
        }

        raw.Write(summary.Sets.Count);
        foreach (var (key, firing) in summary.Sets)
        {
            raw.Write(key);
            raw.Write(firing.Rows);
            raw.Write(firing.RowsSquared);
            raw.Write(firing.RowsByLength);
            raw.Write(firing.Sequences);
        }

        foreach (var ratio in new[] { summary.L0, summary.Residual })
            foreach (var sum in new[] { ratio.Y, ratio.N, ratio.YY, ratio.YN, ratio.NN }) raw.Write(sum.Units);
        foreach (var vector in new[] { summary.ActivationSumD, summary.ActivationSquareD, summary.SequenceSquareD, summary.SequenceByLengthD })
            foreach (var sum in vector) raw.Write(sum.Units);
        raw.Write(summary.Scores.Count);
        foreach (var (name, histogram) in summary.Scores)
        {
            raw.Write(name);
            raw.Write(histogram.Bins.Count);
            // The first bin may be negative (a probe's score); the others are above it.
            var last = 0;
            foreach (var (bin, count) in histogram.Bins)
            {
                raw.Write(bin - last);
                raw.Write(count);
                last = bin;
            }
        }

        raw.Write(summary.Magnitudes.Length);
        var (lastFeature, lastBin) = (0, 0);
        foreach (var (feature, bin, sequences) in summary.Magnitudes)
        {
            raw.Write(feature - lastFeature);
            raw.Write(feature == lastFeature ? bin - lastBin : bin);
            raw.Write(sequences);
            (lastFeature, lastBin) = (feature, bin);
        }
        foreach (var sums in new[] { summary.ProfileSum, summary.ProfileProducts })
        {
            raw.Write(sums.Length);
            foreach (var sum in sums) raw.Write(sum.Units);
        }

        raw.Write(summary.Unusual is null ? 0 : 1);
        if (summary.Unusual is { } unusual)
        {
            raw.Write(unusual.Sequences);
            raw.Write(unusual.FiringCounts.Length);
            var last = new FiringCount(0, 0, 0);
            foreach (var count in unusual.FiringCounts)
            {
                raw.Write(count.Feature - last.Feature);
                raw.Write(count.Feature == last.Feature ? count.Count - last.Count : count.Count);
                raw.Write(count.Sequences);
                last = count;
            }
            raw.Write(unusual.Profiles);
        }
        raw.Write(summary.ProfileSample);

        using var packed = new MemoryStream();
        packed.WriteByte(Version);
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true)) brotli.Write(raw.Written);
        return packed.ToArray();
    }

    /// <exception cref="MalformedException">The bytes are no summary, or of a newer version; reason <c>summary</c>.</exception>
    public static WindowSummary Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0 || bytes[0] is 0 or > Version)
            throw new MalformedException("summary", $"the window summary has version {(bytes.Length == 0 ? "none" : bytes[0])}; this build reads versions 1 to {Version}. Use a newer DriftWatch");
        var raw = new VarintReader(Unpack(bytes[1..]));
        var features = raw.ReadInt();
        var width = raw.ReadInt();
        var summary = new WindowSummary
        {
            Features = features,
            Width = width,
            Rows = raw.ReadLong(),
            Sequences = raw.ReadLong(),
            LengthSquared = raw.ReadLong(),
            RowsNotFinite = raw.ReadLong(),
            RowsZero = raw.ReadLong(),
            RowsOutlier = raw.ReadLong(),
        };

        var firedCount = raw.ReadInt();
        var fired = ImmutableArray.CreateBuilder<FiredFeature>(raw.AtMost(firedCount));
        // In most sequences a feature fires some few different numbers of times.
        var counts = new List<FiringCount>(raw.AtMost(4 * (long)firedCount));
        var feature = 0;
        for (var left = firedCount; left > 0; left--)
        {
            feature = raw.ReadAbove(feature, orEqual: fired.Count == 0);
            if (feature >= features) throw new MalformedException("summary", $"the window summary names feature {feature} of {features}");
            fired.Add(new(feature, raw.ReadLong(), new(raw.ReadWide())));
            var count = 0;
            for (var entries = raw.ReadInt(); entries > 0; entries--)
            {
                count = raw.ReadAbove(count, orEqual: false);
                counts.Add(new(feature, count, raw.ReadLong()));
            }
        }

        var sets = ImmutableSortedDictionary.CreateBuilder<string, Firing>(StringComparer.Ordinal);
        for (var left = raw.ReadInt(); left > 0; left--) sets[raw.ReadText()] = new(raw.ReadLong(), raw.ReadLong(), raw.ReadLong(), raw.ReadLong());

        summary = summary with
        {
            FiringCounts = [.. counts],
            Fired = fired.DrainToImmutable(),
            Sets = sets.ToImmutable(),
            L0 = raw.ReadRatio(),
            Residual = raw.ReadRatio(),
            ActivationSumD = raw.ReadVector(width),
            ActivationSquareD = raw.ReadVector(width),
            SequenceSquareD = raw.ReadVector(width),
            SequenceByLengthD = raw.ReadVector(width),
        };
        summary = bytes[0] == 1 ? ReadScoresOfFormat1(raw, summary) : ReadScores(raw, summary);
        if (bytes[0] >= 3) summary = summary with { Unusual = raw.ReadInt() == 0 ? null : ReadUnusual(raw, features), ProfileSample = raw.ReadProfiles() };
        raw.End();
        return summary;
    }

    private static WindowSummary ReadScores(VarintReader raw, WindowSummary summary)
    {
        var scores = ImmutableSortedDictionary.CreateBuilder<string, LogHistogram>(StringComparer.Ordinal);
        for (var left = raw.ReadInt(); left > 0; left--) scores[raw.ReadText()] = raw.ReadHistogram();
        var count = raw.ReadInt();
        var magnitudes = ImmutableArray.CreateBuilder<MagnitudeCount>(raw.AtMost(count));
        var (feature, bin) = (0, 0);
        for (var left = count; left > 0; left--)
        {
            var next = raw.ReadAbove(feature, orEqual: true);
            if (next >= summary.Features) throw new MalformedException("summary", $"the window summary names feature {next} of {summary.Features}");
            bin = next == feature && magnitudes.Count > 0 ? raw.ReadAbove(bin, orEqual: false) : raw.ReadInt();
            magnitudes.Add(new(feature = next, bin, raw.ReadLong()));
        }
        return summary with
        {
            Scores = scores.ToImmutable(),
            Magnitudes = magnitudes.DrainToImmutable(),
            ProfileSum = raw.ReadVector(raw.ReadInt()),
            ProfileProducts = raw.ReadVector(raw.ReadInt()),
        };
    }

    private static UnusualSequences ReadUnusual(VarintReader raw, int features)
    {
        var sequences = raw.ReadLong();
        var entries = raw.ReadInt();
        var counts = ImmutableArray.CreateBuilder<FiringCount>(raw.AtMost(entries));
        var (feature, count) = (0, 0);
        for (var left = entries; left > 0; left--)
        {
            var next = raw.ReadAbove(feature, orEqual: true);
            if (next >= features) throw new MalformedException("summary", $"the window summary names feature {next} of {features}");
            count = next == feature && counts.Count > 0 ? raw.ReadAbove(count, orEqual: false) : raw.ReadInt();
            counts.Add(new(feature = next, count, raw.ReadLong()));
        }
        return new(sequences, counts.DrainToImmutable(), raw.ReadProfiles());
    }

    /// <summary>Three histograms without names, in bins four times as wide.</summary>
    private static WindowSummary ReadScoresOfFormat1(VarintReader raw, WindowSummary summary) => summary with
    {
        Scores = new[] { ScoreNames.Fvu, ScoreNames.Norm, ScoreNames.L0 }.ToImmutableSortedDictionary(name => name, _ => LogHistogram.From(raw.ReadHistogram().Bins.Select(bin => KeyValuePair.Create(4 * bin.Key, bin.Value))), StringComparer.Ordinal),
    };

    private static byte[] Unpack(ReadOnlySpan<byte> packed)
    {
        using var source = new MemoryStream(packed.ToArray());
        using var brotli = new BrotliStream(source, CompressionMode.Decompress);
        using var raw = new MemoryStream();
        var chunk = new byte[1 << 16];
        try
        {
            for (int read; (read = brotli.Read(chunk)) > 0;)
            {
                if (raw.Length + read > BytesMaximum) throw new MalformedException("summary", $"the window summary unpacks to more than {BytesMaximum} bytes");
                raw.Write(chunk, 0, read);
            }
        }
        catch (InvalidOperationException)
        {
            throw new MalformedException("summary", "the window summary is damaged: it does not unpack");
        }
        return raw.ToArray();
    }

    /// <summary>Zigzag varints, seven bits a byte.</summary>
    private sealed class VarintWriter
    {
        private readonly ArrayBufferWriter<byte> bytes = new();

        public ReadOnlySpan<byte> Written => bytes.WrittenSpan;

        public void Write(Int128 value)
        {
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

        private void WriteByte(byte value)
        {
            bytes.GetSpan(1)[0] = value;
            bytes.Advance(1);
        }
    }

    private sealed class VarintReader(byte[] bytes)
    {
        private int at;

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

        public int ReadInt() => ReadLong() is var value and <= int.MaxValue ? (int)value : throw Damaged();

        private int ReadSigned() => ReadWide() is var value && value >= int.MinValue && value <= int.MaxValue ? (int)value : throw Damaged();

        /// <summary>The next of some ascending keys, stored as differences. Equal only for the first, which counts from 0.</summary>
        public int ReadAbove(int previous, bool orEqual) =>
            ReadInt() is var step && (step > 0 || orEqual) && (long)step + previous <= int.MaxValue ? previous + step : throw Damaged();

        public void End()
        {
            if (at != bytes.Length) throw new MalformedException("summary", $"the window summary is damaged: {bytes.Length - at} bytes are left over");
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

        private static MalformedException Damaged() => new("summary", "the window summary is damaged: a number is missing or out of range");
    }
}
