using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class SequenceSampleTests
{
    [Fact]
    public void A_window_that_fits_is_kept_whole_and_counts_as_it_did()
    {
        Property.Holds(Property.AnySeed, 50, seed =>
        {
            var random = new Random(seed);
            var sets = new[] { Some.Together(1, 2), Some.InOneSequence(3, 4), new FeatureSet([2], Within.Sequence, [5]) };
            var (builder, codes) = (new SummaryBuilder(8, 1, [.. sets], [], new(100, seed)), new SparseCodes());
            for (var sequence = 0; sequence < 20; sequence++) Add(builder, codes, [.. Enumerable.Range(0, 1 + random.Next(6)).Select(_ => Enumerable.Range(0, 8).Where(_ => random.Next(3) == 0).ToArray())]);

            var (whole, sample) = (builder.Build(), SequenceSample.Decode(builder.Sample()!).Counted(8, 1, sets));

            Assert.Equal((whole.Rows, whole.Sequences, whole.LengthSquared), (sample.Rows, sample.Sequences, sample.LengthSquared));
            Assert.Equal(whole.Sets, sample.Sets);
        });
    }

    [Fact]
    public void A_longer_window_keeps_a_random_sample_of_as_many_as_it_was_told()
    {
        var seen = new int[1000];
        for (var seed = 0; seed < 400; seed++)
        {
            var (builder, codes) = (new SummaryBuilder(1000, 1, [], [], new(50, seed)), new SparseCodes());
            for (var sequence = 0; sequence < 1000; sequence++) Add(builder, codes, [[sequence]]);
            var kept = SequenceSample.Decode(builder.Sample()!).Sequences.Select(rows => rows[0][0]).ToArray();
            Assert.Equal(50, kept.Distinct().Count());
            foreach (var sequence in kept) seen[sequence]++;
        }
        // Each has the chance of 1 in 20: 20 times of 400, with a standard deviation of 4.4.
        Assert.All(seen, times => Assert.InRange(times, 2, 45));
        Assert.InRange(seen.Take(500).Sum(), 9500, 10500);
    }

    [Fact]
    public void The_same_offset_gives_the_same_bytes_and_none_are_kept_when_none_were_asked_for()
    {
        Assert.Equal(Sample(7, 3), Sample(7, 3));
        Assert.NotEqual(Sample(7, 3), Sample(8, 3));
        Assert.Null(Sample(7, 0));
    }

    [Fact]
    public void Damaged_bytes_are_refused_or_read_and_nothing_else()
    {
        Property.Holds(Property.AnySeed, 300, seed =>
        {
            var (random, bytes) = (new Random(seed), Sample(seed, 5)!);
            for (var damage = 1 + random.Next(3); damage > 0; damage--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                SequenceSample.Decode(bytes).Counted(100, 1, [Some.Together(1, 2)]);
            }
            catch (MalformedException refusal)
            {
                Assert.Equal("sample", refusal.Reason);
            }
        });
    }

    /// <summary>Written by the first version; never edited. A changed format gets a sample of its own.</summary>
    [Fact]
    public void A_sample_of_format_1_is_still_read()
    {
        var stored = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "sample-format-1.bin"));

        Assert.Equal([[14], [34], [67]], SequenceSample.Decode(stored).Sequences.Select(rows => rows[0].ToArray()));
        Assert.All(SequenceSample.Decode(stored).Sequences, rows => Assert.Equal((2, 0), (rows.Length, rows[1].Length)));
        Assert.True(File.Exists(Path.Combine(AppContext.BaseDirectory, "Golden", $"sample-format-{Sample(7, 3)![0]}.bin")), "today's format has no sample");
    }

    private static byte[]? Sample(long seed, int most)
    {
        var (builder, codes) = (new SummaryBuilder(100, 1, [], [], new(most, seed)), new SparseCodes());
        for (var sequence = 0; sequence < 100; sequence++) Add(builder, codes, [[sequence], []]);
        return builder.Sample();
    }

    private static void Add(SummaryBuilder builder, SparseCodes codes, int[][] rows)
    {
        codes.Clear();
        foreach (var row in rows) codes.AddRow(row, [.. row.Select(_ => 1f)]);
        builder.AddSequence([.. rows.Select(_ => 1f)], codes, 0, rows.Length, 0);
    }
}
