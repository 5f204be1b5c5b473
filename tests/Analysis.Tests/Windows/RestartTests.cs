using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

/// <summary>Whatever was stored when the process died, reading on gives what the uninterrupted run would have given.</summary>
public sealed class RestartTests
{
    [Fact]
    public void After_a_crash_at_any_window_the_same_windows_close()
    {
        Property.Holds(Property.ListOf(SomeStream.Message, most: 60), 300, messages =>
        {
            var stream = new SomeStream(messages);
            var uninterrupted = stream.ReadOn([]).ToArray();

            // Also between two windows that one message closes.
            for (var crash = 0; crash <= uninterrupted.Length; crash++)
            {
                var rest = stream.ReadOn([.. uninterrupted[..crash]]);
                Assert.Equal(uninterrupted[crash..].Select(SomeStream.Shown), rest.Select(SomeStream.Shown));
            }
        });
    }

    [Fact]
    public void After_many_crashes_the_same_windows_are_stored()
    {
        Property.Holds(Property.ListOf(SomeStream.Message, most: 120), 100, messages =>
        {
            var stream = new SomeStream(messages);
            var uninterrupted = stream.ReadOn([]).ToArray();
            var random = new Random(messages.Length);
            var stored = new List<ClosedWindow>();

            // Each life stores one to three windows.
            while (stored.Count < uninterrupted.Length) Assert.NotEmpty(stream.ReadOn(stored).Take(1 + random.Next(3)).ToArray());

            Assert.Equal(uninterrupted.Select(SomeStream.Shown), stored.Select(SomeStream.Shown));
        });
    }

    [Fact]
    public void Windows_hold_every_message_of_their_monitor_once_and_every_refused_message_once()
    {
        Property.Holds(Property.ListOf(SomeStream.Message, most: 60), 200, messages =>
        {
            var stream = new SomeStream(messages);
            var windows = stream.ReadOn([]).ToArray();

            foreach (var windowsOfKey in windows.GroupBy(window => window.Key))
            {
                var next = windowsOfKey.Last().Offsets.Next;
                var rows = Enumerable.Range(0, (int)next).Sum(offset => stream.At(offset) is var (key, batch) && key == windowsOfKey.Key ? batch.Rows : 0);
                Assert.Equal(rows, windowsOfKey.Sum(window => window.Summary.Rows + window.Summary.RowsNotFinite + window.Summary.RowsOutlier));
                Assert.All(windowsOfKey.Zip(windowsOfKey.Skip(1)), pair => Assert.True(pair.Second.Offsets.First >= pair.First.Offsets.Next));
            }

            if (windows.Length == 0) return;
            var refused = Enumerable.Range(0, (int)windows.Max(window => window.Offsets.Next)).Count(offset => stream.At(offset) is null);
            Assert.Equal(refused, windows.Sum(window => window.Rejected.Values.Sum()));
        });
    }

    [Fact]
    public void The_place_to_read_on_from_never_moves_back()
    {
        Property.Holds(Property.ListOf(SomeStream.Message, most: 60), 200, messages =>
        {
            var windows = new SomeStream(messages).ReadOn([]).ToArray();

            Assert.Equal(windows.Select(window => window.Offsets.OpenFrom).Order(), windows.Select(window => window.Offsets.OpenFrom));
            Assert.All(windows, window => Assert.InRange(window.Offsets.First, 0, window.Offsets.Next - 1));
        });
    }

    [Fact]
    public void The_made_up_streams_hold_what_these_tests_are_about()
    {
        var random = new Random(5);
        var messages = Enumerable.Range(0, 400).Select(_ => new SomeMessage(random.Next(-1, 4), random.Next(-5, 12), [1 + random.Next(3), 1], random.Next())).ToArray();
        var windows = new SomeStream(messages).ReadOn([]).ToArray();

        Assert.InRange(windows.Length, 50, 400);
        Assert.Contains(windows, window => window.Summary.Rows >= 12);
        Assert.Contains(windows, window => window.Summary.Rows < 12);
        Assert.Contains(windows, window => window.Rejected.Count == 2);
        Assert.Contains(windows, window => window.Offsets.OpenFrom < window.Offsets.First);
        Assert.Contains(windows.Zip(windows.Skip(1)), pair => pair.First.Offsets.Next == pair.Second.Offsets.Next);
        Assert.Contains(windows, window => window.Summary.Fired.Length > 0 && window.Summary.Sets.Values.Any(firing => firing.Rows > 0));
    }
}
