using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class PartitionWindowsTests
{
    private static readonly WindowKey one = new(new("model", "1", "hook"), Probe.Traffic);
    private static readonly WindowKey two = new(new("model", "2", "hook"), Probe.Traffic);
    private static readonly WindowOptions options = new() { Rows = 10, Length = TimeSpan.FromMinutes(60) };

    [Fact]
    public void A_window_closes_with_the_message_that_fills_it()
    {
        var windows = Begin();

        Assert.Empty(Read(windows, one, offset: 7, minutes: 0, rows: 9));
        var closed = Assert.Single(Read(windows, one, offset: 9, minutes: 1, rows: 5));

        Assert.Equal(one, closed.Key);
        Assert.Equal(new WindowOffsets(First: 7, Next: 10, OpenFrom: 10, OpenFromTime: At(1)), closed.Offsets);
        Assert.Equal((At(0), At(1)), (closed.Start, closed.End));
        Assert.Equal(14, closed.Summary.Rows);
    }

    [Fact]
    public void A_window_closes_at_the_first_message_of_any_monitor_that_is_late_enough_and_does_not_hold_it()
    {
        var windows = Begin();
        Read(windows, one, offset: 0, minutes: 0, rows: 3);

        Assert.Empty(Read(windows, two, offset: 1, minutes: 59, rows: 1));
        var closed = Assert.Single(Read(windows, two, offset: 2, minutes: 60, rows: 1));

        Assert.Equal((one, 3L), (closed.Key, closed.Summary.Rows));
        // The second monitor's window, opened at 1, is still needed.
        Assert.Equal(new WindowOffsets(First: 0, Next: 2, OpenFrom: 1, OpenFromTime: At(0)), closed.Offsets);
    }

    [Fact]
    public void Event_time_never_goes_back()
    {
        var windows = Begin();
        Read(windows, one, offset: 0, minutes: 50, rows: 1);
        Assert.Empty(Read(windows, one, offset: 1, minutes: 0, rows: 1));
        Assert.Empty(Read(windows, one, offset: 2, minutes: 109, rows: 1));

        var closed = Assert.Single(Read(windows, one, offset: 3, minutes: 110, rows: 1));

        Assert.Equal((At(0), At(109), 3L), (closed.Start, closed.End, closed.Summary.Rows));
    }

    [Fact]
    public void One_message_from_the_far_future_closes_what_is_open_once_and_later_windows_live()
    {
        var windows = Begin();
        Read(windows, one, offset: 0, minutes: 0, rows: 1);
        Read(windows, two, offset: 1, minutes: 0, rows: 1);

        var closed = Read(windows, two, offset: 2, minutes: 10_000_000, rows: 1);
        var after = Enumerable.Range(3, 5).SelectMany(offset => Read(windows, one, offset, minutes: offset, rows: 1)).ToArray();

        Assert.Equal([one, two], closed.Select(window => window.Key));
        Assert.Empty(after);
        Assert.Equal(10, Assert.Single(Read(windows, one, offset: 8, minutes: 8, rows: 5)).Summary.Rows);
    }

    [Fact]
    public void The_last_moment_that_a_clock_can_show_is_a_time_like_any_other()
    {
        var windows = Begin();
        Read(windows, one, offset: 0, minutes: 0, rows: 1);

        Assert.Single(Add(windows, one, offset: 1, DateTimeOffset.MaxValue, rows: 1));
        Assert.Empty(Add(windows, two, offset: 2, DateTimeOffset.MaxValue, rows: 1));
        Assert.False(windows.MayClose(Some.Batch(new Random(1), one.Monitor, DateTimeOffset.MaxValue, 1, 1)));
    }

    [Fact]
    public void What_its_baseline_still_lacks_closes_a_window_early()
    {
        var left = 4L;
        var windows = new PartitionWindows(options, PartitionPosition.Beginning, key => key == one ? left : null);

        Assert.Empty(Read(windows, two, offset: 0, minutes: 0, rows: 5));
        Assert.Single(Read(windows, one, offset: 1, minutes: 0, rows: 5));
        left = 100;
        Assert.Empty(Read(windows, one, offset: 2, minutes: 0, rows: 9));
        Assert.Single(Read(windows, one, offset: 3, minutes: 0, rows: 1));
    }

    [Fact]
    public void What_a_stored_window_holds_is_passed_over_and_what_it_does_not_is_read()
    {
        var position = PartitionPosition.Beginning
            .After(one, new(First: 3, Next: 8, OpenFrom: 5, OpenFromTime: At(10)));
        var windows = new PartitionWindows(options, position, _ => null);

        Assert.Equal((5L, At(10)), (position.OpenFrom, position.OpenFromTime));
        Assert.True(windows.HasAlready(one, 7));
        Assert.False(windows.HasAlready(one, 8));
        Assert.False(windows.HasAlready(two, 5));
        Assert.False(windows.HasAlready(one with { Probe = Probe.Canary }, 5));
        Assert.Equal(8, windows.OpenFrom(8));
    }

    [Fact]
    public void A_refused_message_is_counted_in_the_next_window_that_closes_and_only_there()
    {
        var windows = Begin();
        windows.Reject("truncated", 0);
        Read(windows, one, offset: 1, minutes: 0, rows: 1);
        Read(windows, two, offset: 2, minutes: 0, rows: 1);
        windows.Reject("truncated", 3);
        windows.Reject("bad-dtype", 4);

        var closed = Read(windows, one, offset: 5, minutes: 60, rows: 1);

        Assert.Equal(["bad-dtype=1 truncated=2", ""], closed.Select(window => string.Join(' ', window.Rejected.Select(entry => $"{entry.Key}={entry.Value}"))));
    }

    [Fact]
    public void A_refused_message_that_a_stored_window_counts_is_not_counted_again()
    {
        var position = PartitionPosition.Beginning.After(one, new(First: 0, Next: 8, OpenFrom: 2, OpenFromTime: At(0)));
        var windows = new PartitionWindows(options, position, _ => null);
        windows.Reject("truncated", 7);
        windows.Reject("truncated", 8);

        var closed = Assert.Single(Read(windows, one, offset: 9, minutes: 1, rows: 10));

        Assert.Equal(1, closed.Rejected["truncated"]);
    }

    [Fact]
    public void Reading_must_go_on_from_the_oldest_open_window()
    {
        var windows = Begin();
        Assert.Equal(4, windows.OpenFrom(4));
        Read(windows, one, offset: 4, minutes: 0, rows: 1);
        Read(windows, two, offset: 5, minutes: 0, rows: 1);
        Assert.Equal(4, windows.OpenFrom(6));
        Read(windows, one, offset: 6, minutes: 0, rows: 10);
        Assert.Equal(5, windows.OpenFrom(7));
        Read(windows, two, offset: 7, minutes: 0, rows: 10);
        Assert.Equal(8, windows.OpenFrom(8));
    }

    [Fact]
    public void A_batch_may_close_a_window_when_it_fills_it_or_is_late_enough()
    {
        var windows = Begin();
        Assert.False(windows.MayClose(Of(one, 500, 9)));
        Assert.True(windows.MayClose(Of(one, 0, 10)));
        Read(windows, one, offset: 0, minutes: 0, rows: 6);
        Assert.False(windows.MayClose(Of(one, 59, 3)));
        Assert.True(windows.MayClose(Of(one, 59, 4)));
        Assert.True(windows.MayClose(Of(one, 60, 1)));
        Assert.False(windows.MayClose(Of(two, 60, 1)));

        static ActivationBatch Of(WindowKey key, int minutes, int rows) => Some.Batch(new Random(1), key.Monitor, At(minutes), 1, rows);
    }

    private static PartitionWindows Begin() => new(options, PartitionPosition.Beginning, _ => null);

    private static DateTimeOffset At(int minutes) => Some.Noon.AddMinutes(minutes);

    private static ClosedWindow[] Read(PartitionWindows windows, WindowKey key, long offset, int minutes, int rows) => Add(windows, key, offset, At(minutes), rows);

    private static ClosedWindow[] Add(PartitionWindows windows, WindowKey key, long offset, DateTimeOffset sampledAt, int rows)
    {
        var closed = windows.Advance(sampledAt, offset).ToList();
        var codes = new Analysis.Encoding.SparseCodes();
        for (var row = 0; row < rows; row++) codes.AddRow([], []);
        windows.WindowFor(key, sampledAt, offset, () => new(features: 1, width: 1, [], [])).AddSequence(new float[rows], codes, 0, 0, 0);
        return [.. closed, .. windows.CloseFull(key, offset)];
    }
}
