using System.IO.Compression;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class SummaryCodecTests
{
    [Fact]
    public void What_is_written_reads_back()
    {
        Property.Holds(Property.AnySeed, 100, seed =>
        {
            var summary = Summary(new Random(seed));
            var read = SummaryCodec.Decode(SummaryCodec.Encode(summary));

            Assert.Equal(SummaryCodec.Encode(summary), SummaryCodec.Encode(read));
            Assert.Equal(summary.FiringCounts, read.FiringCounts);
            Assert.Equal(summary.Fired, read.Fired);
            Assert.Equal(summary.Sets, read.Sets);
            Assert.Equal((summary.L0, summary.Residual), (read.L0, read.Residual));
            Assert.Equal((summary.Features, summary.Width, summary.Rows, summary.Sequences, summary.LengthSquared), (read.Features, read.Width, read.Rows, read.Sequences, read.LengthSquared));
            Assert.Equal((summary.RowsNotFinite, summary.RowsZero, summary.RowsOutlier), (read.RowsNotFinite, read.RowsZero, read.RowsOutlier));
            Assert.Equal(summary.ActivationSumD, read.ActivationSumD);
            Assert.Equal(summary.ActivationSquareD, read.ActivationSquareD);
            Assert.Equal(summary.SequenceSquareD, read.SequenceSquareD);
            Assert.Equal(summary.SequenceByLengthD, read.SequenceByLengthD);
            Assert.Equal(summary.Scores.Keys, read.Scores.Keys);
            foreach (var (name, scores) in summary.Scores) Assert.Equal(scores.Bins, read.Score(name).Bins);
            Assert.Equal(Magnitudes(summary), Magnitudes(read));
            Assert.Equal(summary.ProfileSum, read.ProfileSum);
            Assert.Equal(summary.ProfileProducts, read.ProfileProducts);
            Assert.Equal(summary.Unusual?.FiringCounts, read.Unusual?.FiringCounts);
            Assert.Equal((summary.Unusual?.Sequences, summary.Unusual?.Profiles.Count, summary.ProfileSample.Count), (read.Unusual?.Sequences, read.Unusual?.Profiles.Count, read.ProfileSample.Count));
        });
    }

    /// <summary>Written by the version before scores had names; never edited.</summary>
    [Fact]
    public void A_summary_of_format_1_is_still_read()
    {
        var read = SummaryCodec.Decode(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "summary-format-1.bin")));

        Assert.Equal((28, 7, 24, 6, 72), (read.Rows, read.Sequences, read.Features, read.Width, read.FiringCounts.Length));
        Assert.Equal((11.142857142857142, 10.266517167872356), (read.L0.Ratio, read.Fvu));
        Assert.Equal([ScoreNames.Fvu, ScoreNames.L0, ScoreNames.Norm], read.Scores.Keys);
        // In bins four times as wide then.
        Assert.Equal((7, 4 * 65_661), (read.Score(ScoreNames.Fvu).Total, read.Score(ScoreNames.Fvu).QuantileBin(0.5)));
        Assert.Empty(read.ProfileSum);
        Assert.Empty(read.Merge(WindowSummaryTests.Summary(new Random(4)) with { Features = 24, Width = 6 }).ProfileSum);
    }

    /// <summary>Written by the version before unusual sequences were kept; never edited.</summary>
    [Fact]
    public void A_summary_of_format_2_is_still_read()
    {
        var read = SummaryCodec.Decode(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "summary-format-2.bin")));

        Assert.Equal((3840, 60, 1024, 64), (read.Rows, read.Sequences, read.Features, read.Width));
        Assert.Equal((15.314322916666667, 0.041187103584000226), (read.L0.Ratio, read.Fvu));
        Assert.Equal(60, read.Score(ScoreNames.Spread).Total);
        Assert.Equal((null, 0), (read.Unusual, read.ProfileSample.Count));
    }

    /// <summary>Written when sums of single sequences were kept as they are today; never edited.</summary>
    [Fact]
    public void A_summary_of_format_3_is_still_read()
    {
        var read = SummaryCodec.Decode(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "summary-format-3.bin")));

        Assert.Equal((5, 2, 24, 6, 26), (read.Rows, read.Sequences, read.Features, read.Width, read.FiringCounts.Length));
        Assert.Equal((9.4, 19.26557675042548), (read.L0.Ratio, read.Fvu));
        Assert.Equal((3, 13, 3, 2), (read.Unusual!.Sequences, read.Unusual.FiringCounts.Length, read.Unusual.Profiles.Count, read.ProfileSample.Count));
        Assert.Equal((29, 3), (read.Magnitudes.Count, read.Sets.Count));
        Assert.Equal("fvu,l0,norm,residual,set:sequence:1+2,set:sequence:5,set:token:0+3,spread", string.Join(',', read.Scores.Keys));
    }

    /// <summary>A changed format gets a sample of the new one, written once; the old ones stay.</summary>
    [Fact]
    public void Every_format_has_a_sample() => Assert.All(Enumerable.Range(1, SummaryCodec.Encode(WindowSummary.Empty(1, 1))[0]), format =>
        Assert.True(File.Exists(Path.Combine(AppContext.BaseDirectory, "Golden", $"summary-format-{format}.bin")), $"Golden/summary-format-{format}.bin is missing"));

    [Fact]
    public void The_largest_numbers_read_back()
    {
        var most = new ExactSum(Int128.MaxValue);
        var least = new ExactSum(Int128.MinValue);
        var summary = WindowSummary.Empty(int.MaxValue, 2) with
        {
            Rows = long.MaxValue,
            FiringCounts = [new(int.MaxValue - 1, int.MaxValue, long.MaxValue)],
            Fired = [new(int.MaxValue - 1, long.MaxValue, least)],
            L0 = new(most, least, most, least, most),
            ActivationSumD = [most, least],
        };

        var read = SummaryCodec.Decode(SummaryCodec.Encode(summary));

        Assert.Equal((summary.Rows, summary.L0), (read.Rows, read.L0));
        Assert.Equal(summary.FiringCounts, read.FiringCounts);
        Assert.Equal(summary.Fired, read.Fired);
        Assert.Equal(summary.ActivationSumD, read.ActivationSumD);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        var bytes = SummaryCodec.Encode(Summary(new Random(4)));

        for (var length = 0; length < bytes.Length; length++) IsRefused(bytes[..length]);
    }

    [Fact]
    public void Damaged_bytes_are_refused_or_read_and_nothing_else()
    {
        Property.Holds(Property.AnySeed, 400, seed =>
        {
            var random = new Random(seed);
            var bytes = SummaryCodec.Encode(Summary(random));
            for (var damage = 1 + random.Next(3); damage > 0; damage--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            ReadOrRefused(bytes);
        });
    }

    [Fact]
    public void Damaged_numbers_are_refused_or_read_and_nothing_else()
    {
        Property.Holds(Property.AnySeed, 1500, seed =>
        {
            // Behind the compression, so that each number is reached.
            var random = new Random(seed);
            var raw = Unpacked(SummaryCodec.Encode(Summary(random)));
            for (var damage = 1 + random.Next(3); damage > 0; damage--) raw[random.Next(raw.Length)] = (byte)(random.Next(2) == 0 ? 0 : random.Next(256));
            ReadOrRefused(Packed(raw));
        });
    }

    [Fact]
    public void Missing_numbers_are_refused()
    {
        var raw = Unpacked(SummaryCodec.Encode(Summary(new Random(4))));

        for (var length = 0; length < raw.Length; length++) IsRefused(Packed(raw[..length]));
    }

    [Fact]
    public void Numbers_left_over_are_refused()
    {
        var raw = Unpacked(SummaryCodec.Encode(Summary(new Random(4))));

        IsRefused(Packed([.. raw, 0]));
    }

    [Fact]
    public void A_newer_version_is_refused_by_number()
    {
        var bytes = SummaryCodec.Encode(WindowSummary.Empty(1, 1));
        bytes[0] = 9;

        Assert.Contains("version 9", IsRefused(bytes).Message, StringComparison.Ordinal);
    }

    /// <summary>With and without what is kept of single sequences.</summary>
    private static WindowSummary Summary(Random random)
    {
        var summary = WindowSummaryTests.Summary(random);
        var profiles = new float[random.Next(4) * SequenceProfile.Length];
        foreach (ref var coordinate in profiles.AsSpan()) coordinate = 40 * random.NextSingle() - 20;
        return summary with
        {
            ProfileSample = ProfileSet.Of(profiles, 2),
            Unusual = profiles.Length == 0 ? null : new(3, summary.FiringCounts[..(summary.FiringCounts.Length / 2)], ProfileSet.Of(profiles, 3)),
        };
    }

    private static Tally[][] Magnitudes(WindowSummary summary) => [.. Enumerable.Range(0, summary.Fired.Length).Select(place => summary.Magnitudes.Of(place).ToArray())];

    private static MalformedException IsRefused(byte[] bytes)
    {
        var refusal = Assert.Throws<MalformedException>(() => SummaryCodec.Decode(bytes));
        Assert.Equal("summary", refusal.Reason);
        return refusal;
    }

    private static void ReadOrRefused(byte[] bytes)
    {
        try
        {
            var read = SummaryCodec.Decode(bytes);
            // What reads must also serve: a feature that is out of range would fail here.
            if (read.Features < 100_000) read.FiringF();
        }
        catch (MalformedException refusal)
        {
            Assert.Equal("summary", refusal.Reason);
        }
    }

    private static byte[] Unpacked(byte[] bytes)
    {
        using var brotli = new BrotliStream(new MemoryStream(bytes[1..]), CompressionMode.Decompress);
        using var raw = new MemoryStream();
        brotli.CopyTo(raw);
        return raw.ToArray();
    }

    private static byte[] Packed(byte[] raw)
    {
        using var packed = new MemoryStream();
        packed.WriteByte(3);
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true)) brotli.Write(raw);
        return packed.ToArray();
    }
}
