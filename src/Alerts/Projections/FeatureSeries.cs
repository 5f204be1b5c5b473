using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts.Projections;

/// <summary>Windows whose features compare: of one monitor, one probe and one encoding, in the order of the log.</summary>
/// <param name="Number">Short, for keys.</param>
/// <param name="Encoding">Dictionary, transform and row selection (<see cref="WindowClosed.Encoding"/>).</param>
/// <param name="Windows">How many there are.</param>
/// <param name="LastPosition">Of the event of the last of them.</param>
public sealed record FeatureSeries(int Number, MonitorId Monitor, Probe Probe, string Encoding, int Features, long Windows, long LastPosition)
{
    /// <summary>Windows whose columns lie together: 256 make a column of a few kilobytes, and what is not in columns yet is little to read.</summary>
    public const int RunLength = 256;

    /// <summary>Features of a window that lie together in a row: a run is turned into columns from so many at a time, and as much memory, however large the dictionary is.</summary>
    public const int PartLength = 4096;

    /// <summary>Runs that are in columns; the windows after them are in rows.</summary>
    public long Runs => Windows / RunLength;

    public int Parts => PartOf(Features - 1) + 1;

    public static int PartOf(int feature) => feature / PartLength;
}

/// <summary>What a window counts for every feature alike.</summary>
/// <param name="LengthSquared">Σn² over its sequences.</param>
public readonly record struct WindowTotals(DateTimeOffset Start, DateTimeOffset End, long Rows, long Sequences, long LengthSquared);

/// <summary>How a feature fired in one window, or in many: sums, exact however they are put together.</summary>
/// <param name="Rows">Σc over sequences: rows in which it fired.</param>
/// <param name="Sequences">In which it fired.</param>
/// <param name="RowsSquared">Σc²; with <paramref name="RowsByLength"/>, Σc·n, for a variance clustered by sequence.</param>
/// <param name="Magnitude">Σ of its activations where it fired, in units of 2⁻¹⁶: each window's sum is rounded once.</param>
public readonly record struct FeatureTotals(long Rows, long Sequences, long RowsSquared, long RowsByLength, long Magnitude)
{
    public const double MagnitudeUnits = 65536;

    public static FeatureTotals operator +(FeatureTotals a, FeatureTotals b) =>
        new(a.Rows + b.Rows, a.Sequences + b.Sequences, a.RowsSquared + b.RowsSquared, a.RowsByLength + b.RowsByLength, a.Magnitude + b.Magnitude);
}

/// <summary>A feature over a stretch of windows: one, or many added up.</summary>
/// <param name="Start">Event time of the earliest message of the windows.</param>
/// <param name="End">And of the latest.</param>
public sealed record FeaturePoint(DateTimeOffset Start, DateTimeOffset End, long Windows, long Rows, long Sequences, long LengthSquared, FeatureTotals Firing)
{
    /// <summary>Share of rows in which it fires.</summary>
    public double Rate => Rows == 0 ? 0 : (double)Firing.Rows / Rows;

    /// <summary>Of the rate, clustered by sequence: tokens of one prompt move together.</summary>
    public double RateError
    {
        get
        {
            var ratio = new ClusteredRatio(Sequences, Firing.Rows, Rows, Firing.RowsSquared, Firing.RowsByLength, LengthSquared);
            return Rows == 0 ? 0 : Math.Sqrt(ratio.VarianceAt(ratio.Ratio));
        }
    }

    /// <summary>Share of sequences that have it.</summary>
    public double SequenceShare => Sequences == 0 ? 0 : (double)Firing.Sequences / Sequences;

    /// <summary>Mean activation where it fires; null: it did not.</summary>
    public double? MeanMagnitude => Firing.Rows == 0 ? null : Firing.Magnitude / FeatureTotals.MagnitudeUnits / Firing.Rows;

    public static FeaturePoint Of(in WindowTotals window, in FeatureTotals firing) => new(window.Start, window.End, 1, window.Rows, window.Sequences, window.LengthSquared, firing);

    public static FeaturePoint operator +(FeaturePoint a, FeaturePoint b) => new(
        a.Start < b.Start ? a.Start : b.Start, a.End > b.End ? a.End : b.End, a.Windows + b.Windows, a.Rows + b.Rows, a.Sequences + b.Sequences, a.LengthSquared + b.LengthSquared, a.Firing + b.Firing);
}
