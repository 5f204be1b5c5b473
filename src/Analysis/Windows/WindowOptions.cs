using System.Text.Json.Serialization;

namespace DriftWatch.Analysis.Windows;

/// <summary>When a window closes: at the first message that brings it to a limit. Never by the wall clock.</summary>
public sealed record WindowOptions
{
    /// <summary>Rows that close a window. More rows see rarer behaviour, later.</summary>
    public int Rows { get; init; } = 20_000;

    /// <summary>Event time of the partition that closes a window, however few its rows.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromHours(1);

    /// <summary>A row whose norm is above this many times its sequence's median is left out and counted (BOS and its like).</summary>
    public double OutlierNorm { get; init; } = 10;

    /// <summary>
    /// Sequences of a window whose codes are kept beside it, a random sample, for trying rules over sets of features that it did not count. More estimate rarer sets; each takes a byte or two for every
    /// active feature. Decides no finding, so it is not part of the catalog.
    /// </summary>
    [JsonIgnore]
    public int SampleSequences { get; init; } = 64;

    public IEnumerable<string> Problems()
    {
        if (SampleSequences is < 0 or > 4096) yield return $"windows.sampleSequences is {SampleSequences}. Use 0 (none are kept) to 4096; 64 is a good start.";
        if (Rows < 100) yield return $"windows.rows is {Rows}. Use 100 or more; 20000 is a good start.";
        if (Length < TimeSpan.FromSeconds(10)) yield return $"windows.length is {Length}. Use 00:00:10 or more; shorter windows hold few rows.";
        if (!(OutlierNorm >= 2)) yield return $"windows.outlierNorm is {OutlierNorm}. Use 2 or more; 10 leaves out attention sinks and little else.";
    }
}
