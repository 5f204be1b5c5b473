using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts.Projections;

/// <summary>How windows' counts are laid out: a row a window and part of the dictionary while its run is open, then a column a feature over the run, so that one feature's history is read without the others.</summary>
internal static class FeatureRuns
{
    /// <summary>One window, by parts of the dictionary: its totals and every feature of the part that fired.</summary>
    public static byte[][] Rows(WindowClosed window, WindowSummary summary, int parts)
    {
        var rows = new byte[parts][];
        var (place, at) = (0, 0);
        for (var part = 0; part < parts; part++)
        {
            var raw = new VarintWriter();
            Write(raw, new(window.Start, window.End, summary.Rows, summary.Sequences, summary.LengthSquared), default);
            var end = place;
            while (end < summary.Fired.Length && FeatureSeries.PartOf(summary.Fired[end].Feature) == part) end++;
            raw.Write(end - place);
            for (var previous = 0; place < end; previous = summary.Fired[place++].Feature)
            {
                raw.Write(summary.Fired[place].Feature - previous);
                Write(raw, TotalsOf(summary, place, ref at));
            }
            rows[part] = raw.ToArray();
        }
        return rows;
    }

    /// <param name="at">Where the feature's counts begin; then, where the next one's do.</param>
    private static FeatureTotals TotalsOf(WindowSummary summary, int place, ref int at)
    {
        var (feature, rowsByLength, magnitude) = summary.Fired[place];
        var (rows, squared, sequences) = (0L, 0L, 0L);
        for (; at < summary.FiringCounts.Length && summary.FiringCounts[at].Feature == feature; at++)
        {
            var (_, count, fired) = summary.FiringCounts[at];
            (rows, squared, sequences) = (rows + count * fired, squared + (long)count * count * fired, sequences + fired);
        }
        return new(rows, sequences, squared, rowsByLength, (long)Int128.Min(magnitude.Units >> 16, long.MaxValue));
    }

    /// <summary>A part's rows of a whole run as the run's directory and its columns; a feature that never fired has none.</summary>
    public static (byte[] Directory, IReadOnlyList<(int Feature, byte[] Column)> Columns, DateTimeOffset FirstEnd, DateTimeOffset LastEnd) Turn(IReadOnlyList<byte[]> rows)
    {
        var directory = new VarintWriter();
        var columns = new SortedDictionary<int, (VarintWriter Raw, int Last)>();
        var (first, last, before) = (DateTimeOffset.MaxValue, DateTimeOffset.MinValue, default(WindowTotals));
        directory.Write(rows.Count);
        for (var index = 0; index < rows.Count; index++)
        {
            var raw = Reader(rows[index]);
            var window = ReadWindow(raw, default);
            Write(directory, window, before);
            before = window;
            (first, last) = (window.End < first ? window.End : first, window.End > last ? window.End : last);
            var feature = 0;
            for (var left = raw.ReadInt(); left > 0; left--)
            {
                feature += raw.ReadInt();
                if (!columns.TryGetValue(feature, out var column)) column = (new(), -1);
                column.Raw.Write(index - column.Last);
                Write(column.Raw, ReadFeature(raw));
                columns[feature] = (column.Raw, index);
            }
            raw.End();
        }
        return (directory.ToArray(), [.. columns.Select(column => (column.Key, column.Value.Raw.ToArray()))], first, last);
    }

    public static WindowTotals[] ReadDirectory(byte[] directory)
    {
        var raw = Reader(directory);
        var windows = new WindowTotals[raw.ReadInt() is var count and <= FeatureSeries.RunLength ? count : throw raw.Damaged()];
        for (var i = 0; i < windows.Length; i++) windows[i] = ReadWindow(raw, i == 0 ? default : windows[i - 1]);
        raw.End();
        return windows;
    }

    /// <param name="column">Null: it did not fire in the run.</param>
    public static FeatureTotals[] ReadColumn(byte[]? column, int windows)
    {
        var totals = new FeatureTotals[windows];
        if (column is null) return totals;
        var raw = Reader(column);
        for (var index = -1; raw.Left > 0;)
        {
            index += raw.ReadInt();
            if (index < 0 || index >= windows) throw raw.Damaged();
            totals[index] = ReadFeature(raw);
        }
        return totals;
    }

    public static (WindowTotals Window, FeatureTotals Firing) ReadRow(byte[] row, int wanted)
    {
        var raw = Reader(row);
        var window = ReadWindow(raw, default);
        var feature = 0;
        for (var left = raw.ReadInt(); left > 0; left--)
        {
            feature += raw.ReadInt();
            var firing = ReadFeature(raw);
            if (feature == wanted) return (window, firing);
            if (feature > wanted) break;
        }
        return (window, default);
    }

    private static VarintReader Reader(byte[] bytes) => new(bytes, "projection", "feature history");

    /// <summary>Times as differences: windows that follow each other end at near times.</summary>
    private static void Write(VarintWriter raw, in WindowTotals window, in WindowTotals before)
    {
        raw.Write(window.End.UtcTicks - before.End.UtcTicks);
        raw.Write(window.End.UtcTicks - window.Start.UtcTicks);
        raw.Write(window.Rows);
        raw.Write(window.Sequences);
        raw.Write(window.LengthSquared);
    }

    private static WindowTotals ReadWindow(VarintReader raw, in WindowTotals before)
    {
        var end = TimeOf(raw, before.End.UtcTicks + raw.ReadSignedLong());
        return new(TimeOf(raw, end.UtcTicks - raw.ReadSignedLong()), end, raw.ReadLong(), raw.ReadLong(), raw.ReadLong());
    }

    private static DateTimeOffset TimeOf(VarintReader raw, long ticks) => ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks ? new(ticks, TimeSpan.Zero) : throw raw.Damaged();

    private static void Write(VarintWriter raw, in FeatureTotals firing)
    {
        raw.Write(firing.Rows);
        raw.Write(firing.Sequences);
        raw.Write(firing.RowsSquared);
        raw.Write(firing.RowsByLength);
        raw.Write(firing.Magnitude);
    }

    private static FeatureTotals ReadFeature(VarintReader raw) => new(raw.ReadLong(), raw.ReadLong(), raw.ReadLong(), raw.ReadLong(), raw.ReadSignedLong());
}
