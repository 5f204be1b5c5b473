using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class WindowSummaryTests
{
    private const int Width = SomeStream.Width;
    private static readonly FeatureSet[] sets = [Some.InOneSequence(1, 2), Some.InOneSequence(5), Some.Together(0, 3)];

    [Fact]
    public void Merging_in_any_order_and_grouping_gives_the_same_bytes()
    {
        Property.Holds(Property.AnySeed, 100, seed =>
        {
            var random = new Random(seed);
            var (a, b, c) = (Summary(random), Summary(random), Summary(random));

            var bytes = SummaryCodec.Encode(a.Merge(b).Merge(c));

            Assert.Equal(bytes, SummaryCodec.Encode(a.Merge(b.Merge(c))));
            Assert.Equal(bytes, SummaryCodec.Encode(c.Merge(a).Merge(b)));
            Assert.Equal(bytes, SummaryCodec.Encode(b.Merge(c).Merge(a)));
        });
    }

    [Fact]
    public void Merging_with_nothing_changes_nothing()
    {
        var some = Summary(new Random(3));
        var nothing = WindowSummary.Empty(some.Features, some.Width);

        Assert.Equal(SummaryCodec.Encode(some), SummaryCodec.Encode(some.Merge(nothing)));
        Assert.Equal(SummaryCodec.Encode(some), SummaryCodec.Encode(nothing.Merge(some)));
    }

    [Fact]
    public void Merging_equals_counting_all_sequences_at_once()
    {
        Property.Holds(Property.AnySeed, 100, seed =>
        {
            var random = new Random(seed);
            var (first, second) = (Sequences(random), Sequences(random));

            var merged = Summary(first).Merge(Summary(second));

            Assert.Equal(SummaryCodec.Encode(Summary([.. first, .. second])), SummaryCodec.Encode(merged));
        });
    }

    [Fact]
    public void Cutting_a_stream_into_other_messages_between_sequences_changes_nothing()
    {
        Property.Holds(Property.AnySeed, 60, seed =>
        {
            var random = new Random(seed);
            var sequences = Sequences(random);
            var whole = Analyzed([sequences]);
            var one = Analyzed([.. sequences.Select(sequence => new[] { sequence })]);
            var cut = random.Next(sequences.Length + 1);
            var two = Analyzed([sequences[..cut], sequences[cut..]]);

            Assert.Equal(SummaryCodec.Encode(whole), SummaryCodec.Encode(one));
            Assert.Equal(SummaryCodec.Encode(whole), SummaryCodec.Encode(two));
            Assert.Equal(sequences.Sum(sequence => sequence.Length / Width), whole.Rows + whole.RowsNotFinite + whole.RowsOutlier);
        });
    }

    [Fact]
    public void Rows_of_several_sequences_may_stand_mixed_in_a_message()
    {
        var random = new Random(8);
        var (first, second) = (SomeAutoencoder.Gaussians(random, 2 * Width, 1), SomeAutoencoder.Gaussians(random, 2 * Width, 1));
        var apart = Some.Batch(Some.Monitor, Some.Noon, Width, first, second);
        var mixed = Some.Batch(Some.Monitor, Some.Noon, Width, [.. first[..Width], .. second[..Width]], [.. first[Width..], .. second[Width..]]) with { SequenceOf = [0, 1, 0, 1] };

        Assert.Equal(SummaryCodec.Encode(Analyzed([apart])), SummaryCodec.Encode(Analyzed([mixed])));
    }

    [Fact]
    public void Firing_is_what_counting_over_the_rows_gives()
    {
        Property.Holds(Property.AnySeed, 60, seed =>
        {
            var random = new Random(seed);
            var sequences = Enumerable.Range(0, 1 + random.Next(8))
                .Select(_ => new SomeSequence([.. Enumerable.Range(0, 1 + random.Next(6)).Select(_ => Enumerable.Range(0, 9).Where(_ => random.Next(3) == 0).ToArray())]))
                .ToArray();
            var summary = Some.Summary(10, sequences, Some.Together(1, 4), Some.InOneSequence(1, 4));

            var dense = summary.FiringF();
            for (var f = 0; f < 10; f++)
            {
                Assert.Equal(Counted(sequences, row => row.Contains(f)), dense[f]);
                Assert.Equal(dense[f], summary.FiringOf(f));
            }
            Assert.Equal(Counted(sequences, row => row.Contains(1) && row.Contains(4)), summary.Sets["token:1+4"]);
            var both = sequences.Count(sequence => sequence.Rows.Any(row => row.Contains(1)) && sequence.Rows.Any(row => row.Contains(4)));
            Assert.Equal(new(both, both, both, both), summary.Sets["sequence:1+4"]);
            Assert.Equal(sequences.Sum(sequence => sequence.Rows.Length), summary.Rows);
            Assert.Equal(sequences.Sum(sequence => (long)sequence.Rows.Length * sequence.Rows.Length), summary.LengthSquared);
            Assert.Equal(sequences.Sum(sequence => sequence.Rows.Sum(row => row.Length)), summary.L0.Y.Value);
        });

        static Firing Counted(SomeSequence[] sequences, Func<int[], bool> fires)
        {
            var counts = sequences.Select(sequence => ((long)sequence.Rows.Count(fires), (long)sequence.Rows.Length)).ToArray();
            return new(counts.Sum(c => c.Item1), counts.Sum(c => c.Item1 * c.Item1), counts.Sum(c => c.Item1 * c.Item2), counts.Count(c => c.Item1 > 0));
        }
    }

    /// <summary>Without copying what it counted, until it counts again.</summary>
    [Fact]
    public void A_summary_stays_as_it_was_when_its_builder_goes_on()
    {
        var builder = new SummaryBuilder(10, 1, [], []);
        Add(3, 0.5f);
        var first = builder.Build();
        var bytes = SummaryCodec.Encode(first);

        Add(3, 0.5f);
        Add(2, 9);

        Assert.Equal(bytes, SummaryCodec.Encode(first));
        Assert.Equal([new(MagnitudeBins.BinOf(0.5), 1)], first.Magnitudes.Of(0).ToArray());
        Assert.Equal([new(MagnitudeBins.BinOf(0.5), 2)], builder.Build().Magnitudes.Of(1).ToArray());

        void Add(int feature, float value)
        {
            var codes = new SparseCodes();
            codes.AddRow([feature], [value]);
            builder.AddSequence([1], codes, 0, 1, 0.1);
        }
    }

    [Fact]
    public void What_is_beyond_all_measure_saturates()
    {
        // Each is clamped, and so many of them would pass what a sum holds.
        const int Rows = 40_000;
        var codes = new SparseCodes();
        for (var row = 0; row < Rows; row++) codes.AddRow([0], [float.MaxValue]);
        var builder = new SummaryBuilder(1, 1, [], []);
        builder.AddSequence(new float[Rows], codes, 0, 1, 1);

        var stored = SummaryCodec.Decode(SummaryCodec.Encode(builder.Build()));

        Assert.True(stored.Fired[0].Magnitude.Value > 1e28);
        Assert.Equal(1, stored.Magnitudes.Of(0).ToArray().Single().Sequences);
    }

    [Fact]
    public void A_set_that_one_side_did_not_count_is_not_counted_in_the_whole()
    {
        var before = Some.Summary(4, Some.Sequences(10, 2, (1, 1), (2, 1)));
        var after = Some.Summary(4, Some.Sequences(10, 2, (1, 1), (2, 1)), Some.Together(1, 2));
        var nothing = Some.Summary(4, [], Some.Together(1, 2));

        // Its firings of one half over the rows of both would be a rate that never was.
        Assert.Empty(before.Merge(after).Sets);
        Assert.Empty(after.Merge(before).Sets);
        Assert.Equal(10, Assert.Single(after.Merge(nothing).Sets).Value.Rows);
    }

    [Fact]
    public void Summaries_of_different_dictionaries_do_not_merge()
    {
        Assert.Throws<ArgumentException>(() => WindowSummary.Empty(10, 4).Merge(WindowSummary.Empty(11, 4)));
        Assert.Throws<ArgumentException>(() => WindowSummary.Empty(10, 4).Merge(WindowSummary.Empty(10, 5)));
    }

    /// <summary>Sequences with rows that do not count, of mixed size, some empty of features.</summary>
    internal static float[][] Sequences(Random random) =>
    [
        .. Enumerable.Range(0, 1 + random.Next(8)).Select(_ =>
        {
            var sequence = SomeAutoencoder.Gaussians(random, (1 + random.Next(5)) * Width, Math.Exp(4 * random.NextDouble() - 2));
            if (random.Next(5) == 0) sequence[random.Next(sequence.Length)] = float.PositiveInfinity;
            if (random.Next(5) == 0) sequence[0] = 1e5f;
            return sequence;
        }),
    ];

    internal static WindowSummary Summary(Random random) => Summary(Sequences(random));

    private static WindowSummary Summary(float[][] sequences) => Analyzed([sequences]);

    private static WindowSummary Analyzed(float[][][] messages) => Analyzed([.. messages.Where(message => message.Length > 0).Select(message => Some.Batch(Some.Monitor, Some.Noon, Width, message))]);

    private static WindowSummary Analyzed(ActivationBatch[] messages)
    {
        var hazards = new HazardRule("some", Severity.Info, "", new HazardAll([.. sets.Select(set => new HazardFeatures(set, 0.5, null, null, null))]), 1, 1);
        var analyzer = new DriftAnalyzer(Some.Catalog(Some.Plan(SomeStream.Dictionary(), hazards)));
        var windows = new PartitionWindows(new() { Length = TimeSpan.FromHours(1) }, PartitionPosition.Beginning, _ => null);
        for (var offset = 0; offset < messages.Length; offset++) Assert.Empty(analyzer.Analyze(windows, messages[offset], offset));
        return Assert.Single(windows.Advance(Some.Noon.AddHours(2), messages.Length)).Summary;
    }
}
