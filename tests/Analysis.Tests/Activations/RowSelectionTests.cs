using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;

namespace DriftWatch.Analysis.Tests.Activations;

public sealed class RowSelectionTests
{
    private readonly RowSelection rows = new();

    [Fact]
    public void Rows_that_are_not_finite_or_no_activation_are_left_out_and_counted()
    {
        Select(leaveOutZeroRows: false, [1, 1, float.NaN, 1, 1, float.NegativeInfinity, 1e11f, 0, 2, 2], [float.NaN, 1]);

        Assert.Equal((2, 4), (rows.Kept, rows.NotFinite));
        Assert.Equal([1, 1, 2, 2], rows.RowsBD.ToArray());
        Assert.Equal([2.0, 8.0], rows.EnergyB.ToArray());
        Assert.Equal([(0, 2)], rows.Sequences);
    }

    [Fact]
    public void Rows_of_zeros_are_left_out_only_where_the_dictionary_divides_by_the_norm()
    {
        float[] sequence = [1, 1, 0, 0, 1, 1, 1e-31f, 0, 1, 1];
        Select(leaveOutZeroRows: true, sequence);
        Assert.Equal((3, 2), (rows.Kept, rows.Zero));

        Select(leaveOutZeroRows: false, sequence);
        Assert.Equal((5, 0), (rows.Kept, rows.Zero));
    }

    [Fact]
    public void Outliers_are_judged_by_the_median_norm_of_their_own_sequence()
    {
        Select(leaveOutZeroRows: false, [1, 0, 10.1f, 0, 1, 0, 0, 9.9f], [50, 0, 60, 0]);

        Assert.Equal((5, 1), (rows.Kept, rows.Outliers));
        Assert.Equal([1, 0, 1, 0, 0, 9.9f, 50, 0, 60, 0], rows.RowsBD.ToArray());
        Assert.Equal([(0, 3), (3, 2)], rows.Sequences);
        Assert.Equal(9.9 * 9.9, rows.EnergyB[2], 1e-3);
    }

    [Fact]
    public void Of_two_rows_the_huge_one_is_the_outlier()
    {
        Select(leaveOutZeroRows: false, [1000, 0, 1, 0]);

        Assert.Equal([1, 0], rows.RowsBD.ToArray());
    }

    [Fact]
    public void A_used_selection_remembers_nothing()
    {
        Select(leaveOutZeroRows: true, [1, 1, float.NaN, 1, 0, 0, 100, 0], [3, 3]);
        Select(leaveOutZeroRows: true, [5, 5]);

        Assert.Equal((1, 0, 0, 0), (rows.Kept, rows.NotFinite, rows.Zero, rows.Outliers));
        Assert.Equal([5, 5], rows.RowsBD.ToArray());
        Assert.Equal([(0, 1)], rows.Sequences);
    }

    [Fact]
    public void Rows_of_a_sequence_come_together_in_their_order_wherever_they_stand()
    {
        var batch = Some.Batch(Some.Monitor, Some.Noon, width: 1, [1, 2, 3], [4, 5]) with { SequenceOf = [0, 1, 0, 2, 1], Sequences = 3 };

        rows.Select(batch, new IdentityTransform(1), outlierNorm: 10, leaveOutZeroRows: false);

        Assert.Equal([1, 3, 2, 5, 4], rows.RowsBD.ToArray());
        Assert.Equal([(0, 2), (2, 2), (4, 1)], rows.Sequences);
    }

    [Fact]
    public void Nothing_is_allocated_for_a_batch_that_is_no_larger_than_one_before()
    {
        var (larger, batch) = (Some.Batch(Some.Monitor, Some.Noon, width: 2, [1, 2, 3, 4], [5, 6], [7, 8]), Some.Batch(Some.Monitor, Some.Noon, width: 2, [1, 2], [3, 4, 5, 6]));
        var identity = new IdentityTransform(2);
        rows.Select(larger, identity, outlierNorm: 10, leaveOutZeroRows: false);

        var before = GC.GetAllocatedBytesForCurrentThread();
        rows.Select(batch, identity, outlierNorm: 10, leaveOutZeroRows: false);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private void Select(bool leaveOutZeroRows, params float[][] sequences) =>
        rows.Select(Some.Batch(Some.Monitor, Some.Noon, width: 2, sequences), new IdentityTransform(2), outlierNorm: 10, leaveOutZeroRows);
}
