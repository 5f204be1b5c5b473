using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class UnusualSequencesTests
{
    [Fact]
    public void The_farthest_are_kept_with_what_fired_in_them()
    {
        var window = Some.Window(30, Enumerable.Range(0, 500).Select(i => Some.Sequence(10, (i % 20, 3), (20 + i % 10, 1))));
        var novelty = new double[500];
        for (var i = 0; i < 10; i++) novelty[40 * i + 7] = 5 + i;

        var unusual = UnusualSequences.Of(novelty, window.Profiles, window.Firings);

        // Sequences 7, 47, …, 367: all have features 7 and 27.
        Assert.Equal((10, 10), (unusual.Sequences, unusual.Profiles.Count));
        Assert.Equal([new(7, 3, 10), new(27, 1, 10)], unusual.FiringCounts);
    }

    [Fact]
    public void Halves_merge_to_the_whole_in_any_order()
    {
        var random = new Random(1);
        var parts = Enumerable.Range(0, 3).Select(_ => Unusual(random)).ToArray();

        var (one, other) = (parts[0].Merge(parts[1]).Merge(parts[2]), parts[2].Merge(parts[0].Merge(parts[1])));

        Assert.Equal(one.FiringCounts, other.FiringCounts);
        Assert.Equal(parts.Sum(part => part.Sequences), one.Sequences);
        Assert.Equal(Bytes(one), Bytes(other));
    }

    [Fact]
    public void A_sample_that_is_full_is_the_same_however_it_was_put_together()
    {
        var random = new Random(2);
        var profiles = new float[3000 * SequenceProfile.Length];
        foreach (ref var coordinate in profiles.AsSpan()) coordinate = 2 * random.NextSingle() - 1;
        var half = profiles.Length / 2;

        var (first, second) = (ProfileSet.Of(profiles.AsSpan(0, half), 1000), ProfileSet.Of(profiles.AsSpan(half), 1000));
        var whole = ProfileSet.Of(profiles, 1000);

        Assert.Equal(1000, whole.Count);
        foreach (var merged in new[] { first.Merge(second, 1000), second.Merge(first, 1000) })
            for (var i = 0; i < 1000; i++) Assert.True(whole[i].SequenceEqual(merged[i]));
        // A random sample: its mean is that of all.
        Assert.InRange(Enumerable.Range(0, 1000).Average(i => whole[i][0] / (double)ProfileSet.StepsPerUnit), -0.06, 0.06);
    }

    [Fact]
    public void Sequences_beyond_the_bound_are_no_candidates_and_do_not_fill_the_memory()
    {
        var firings = new SequenceFirings();
        for (var sequence = 0; sequence < 300; sequence++)
        {
            for (var feature = 0; feature < 5000; feature++) firings.Add(feature, 1);
            firings.End();
        }

        Assert.Equal((1 << 20) / 5000, firings.Count);
        Assert.Equal(5000, firings[firings.Count - 1].Count());
    }

    [Fact]
    public void What_fired_in_a_sequence_comes_back_as_it_was_added()
    {
        var random = new Random(3);
        var firings = new SequenceFirings();
        // Of one to five bytes each, some sequences of none: blocks end everywhere.
        var added = Enumerable.Range(0, 3000).Select(sequence => Enumerable.Range(0, sequence % 50).Select(_ => (random.Next() >> random.Next(31), random.Next() >> random.Next(31))).Append((int.MaxValue, 1)).Skip(sequence % 2).ToArray()).ToArray();
        foreach (var sequence in added)
        {
            foreach (var (feature, count) in sequence) firings.Add(feature, count);
            firings.End();
        }

        Assert.Equal(added.Length, firings.Count);
        for (var sequence = 0; sequence < added.Length; sequence++) Assert.Equal(added[sequence], firings[sequence]);
    }

    private static UnusualSequences Unusual(Random random)
    {
        var window = Some.Window(30, Enumerable.Range(0, 50).Select(_ => Some.Sequence(10, (random.Next(30), 1 + random.Next(9))) with { Error = random.NextDouble() }));
        return UnusualSequences.Of([.. Enumerable.Range(0, 50).Select(_ => random.NextDouble())], window.Profiles, window.Firings);
    }

    private static byte[] Bytes(UnusualSequences unusual) => SummaryCodec.Encode(WindowSummary.Empty(30, 1) with { Unusual = unusual });
}
