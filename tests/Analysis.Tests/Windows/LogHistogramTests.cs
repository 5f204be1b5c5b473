using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class LogHistogramTests
{
    [Fact]
    public void A_number_lies_in_its_bin_and_a_bin_is_at_most_0_4_percent_wide()
    {
        Property.Holds(Property.AnySeed, 1000, seed =>
        {
            var value = Math.Exp(new Random(seed).NextDouble() * 200 - 100);
            var bin = LogHistogram.BinOf(value);

            Assert.InRange(value, LogHistogram.EdgeOf(bin), double.BitDecrement(LogHistogram.EdgeOf(bin + 1)));
            Assert.InRange(LogHistogram.EdgeOf(bin + 1) / LogHistogram.EdgeOf(bin), 1.0019, 1.0040);
        });
    }

    [Fact]
    public void Larger_numbers_never_lie_in_lower_bins()
    {
        double[] rising = [-1, 0, double.Epsilon, 1e-300, 1e-5, 1 - 1e-9, 1, 1 + 1.0 / 256, 2, 1e9, double.MaxValue];

        Assert.Equal(rising.Select(LogHistogram.BinOf).Order(), rising.Select(LogHistogram.BinOf));
        Assert.Equal(LogHistogram.BinOf(1) + 1, LogHistogram.BinOf(1 + 1.0 / 256));
    }

    [Fact]
    public void Bins_ascend_with_the_value_through_zero()
    {
        double[] values = [-1e9, -3, -2.9, -1e-6, 0, 1e-6, 2.9, 3, 1e9];

        Assert.Equal(values.Select(LogHistogram.BinOf).Order(), values.Select(LogHistogram.BinOf));
        Assert.Equal(values.Length, values.Select(LogHistogram.BinOf).Distinct().Count());
        Assert.Equal(0, LogHistogram.BinOf(double.NaN));
    }

    [Fact]
    public void A_quantile_is_the_bin_of_the_sorted_number_at_that_rank()
    {
        Property.Holds(Property.AnySeed, 200, seed =>
        {
            var random = new Random(seed);
            var sorted = Enumerable.Range(0, 1 + random.Next(300)).Select(_ => Math.Exp(3 * random.NextDouble())).Order().ToArray();
            var histogram = Of(sorted);

            foreach (var share in new[] { 0.01, 0.25, 0.5, 0.75, 0.99, 1 })
            {
                var rank = Math.Max(1, (int)Math.Ceiling(share * sorted.Length));
                Assert.Equal(LogHistogram.BinOf(sorted[rank - 1]), histogram.QuantileBin(share));
            }
        });
    }

    [Fact]
    public void Counts_above_a_bin_are_exact()
    {
        var histogram = Of([0, 1, 1, 2, 2, 2, 40]);

        Assert.Equal(7, histogram.Total);
        Assert.Equal(4, histogram.CountAbove(LogHistogram.BinOf(1)));
        Assert.Equal(1, histogram.CountAbove(LogHistogram.BinOf(2)));
        Assert.Equal(0, histogram.CountAbove(LogHistogram.BinOf(40)));
        Assert.Equal(6, histogram.CountAbove(0));
    }

    [Fact]
    public void An_empty_histogram_has_no_counts_and_the_quantile_zero()
    {
        Assert.Equal((0, 0, 0L), (LogHistogram.Empty.Total, LogHistogram.Empty.QuantileBin(0.5), LogHistogram.Empty.CountAbove(-1)));
    }

    [Fact]
    public void Merged_histograms_count_both()
    {
        Assert.Equal(Of([1, 1, 2, 5]).Bins, Of([1, 5]).Merge(Of([1, 2])).Bins);
    }

    private static LogHistogram Of(IEnumerable<double> values) =>
        LogHistogram.From(values.GroupBy(LogHistogram.BinOf).Select(bin => KeyValuePair.Create(bin.Key, (long)bin.Count())));

    [Theory]
    [InlineData(1.5)]
    [InlineData(-1.5)]
    [InlineData(0)]
    [InlineData(1.2345)]
    [InlineData(-1.2345)]
    public void Counts_above_a_threshold_begin_at_the_next_edge(double threshold)
    {
        double[] values = [-9, -1.5, -1.49, -1.25, -1.24, -1.23, -1.2, -0.001, 0, 0.001, 1.2, 1.23, 1.24, 1.25, 1.49, 1.5, 1.51, 9];
        var histogram = LogHistogram.From(values.GroupBy(LogHistogram.BinOf).Select(bin => KeyValuePair.Create(bin.Key, (long)bin.Count())));

        var bin = LogHistogram.BinBefore(threshold);

        var edge = LogHistogram.UpperEdgeOf(bin);
        Assert.InRange(edge, threshold, threshold + Math.Abs(threshold) / 64 + 1e-300);
        // A bin of positive numbers has its lower edge in it, one of negative numbers its upper.
        Assert.Equal(values.Count(value => edge > 0 ? value >= edge : value > edge), histogram.CountAbove(bin));
    }
}
