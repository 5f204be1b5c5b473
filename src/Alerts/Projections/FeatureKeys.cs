using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.Projections;

/// <summary>Where the feature history keeps what.</summary>
internal static class FeatureKeys
{
    public const string AllSeries = "series/";

    /// <summary>Runs whose spans of time lie in one chunk.</summary>
    public const int SpanLength = 1024;

    public static string Series(FeatureSeries series) => $"{SeriesOf(series.Monitor, series.Probe)}{series.Encoding}";

    /// <summary>Of a monitor's series, whatever their encoding. A longer hook may begin alike: the series themselves say whose they are.</summary>
    public static string SeriesOf(MonitorId monitor, Probe probe) => $"{AllSeries}{monitor}/{probe}/";

    /// <summary>Parts of a window lie apart from each other: a run is turned part by part.</summary>
    public static string Row(FeatureSeries series, int part, long window) => $"row/{series.Number:D6}/{part:D4}/{window:D10}";

    public static string Directory(FeatureSeries series, long run) => $"run/{series.Number:D6}/{run:D8}";

    /// <summary>Columns of a run lie together: they are written together.</summary>
    public static string Column(FeatureSeries series, long run, int feature) => $"run/{series.Number:D6}/{run:D8}/{feature:D7}";

    public static string Spans(FeatureSeries series, long run) => $"span/{series.Number:D6}/{run / SpanLength:D6}";
}
