using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace DriftWatch.Alerts.Metrics;

/// <summary>The meter's instruments in Prometheus' text format 0.0.4.</summary>
public sealed class PrometheusText : IMetricsText, IDisposable
{
    // Seconds, from a fast encode of a small message to a store that is in trouble.
    internal static readonly double[] SecondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly MeterListener listener = new();
    private readonly SortedDictionary<string, Family> families = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    public PrometheusText(MonitorRegister register)
    {
        listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!WatchMetrics.Has(instrument, register)) return;
            lock (gate) families.TryAdd(instrument.Name, new(instrument));
            listener.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, labels, _) => Record(instrument, value, labels));
        listener.SetMeasurementEventCallback<double>((instrument, value, labels, _) => Record(instrument, value, labels));
        listener.Start();
    }

    public string ContentType => "text/plain; version=0.0.4; charset=utf-8";

    public string Write()
    {
        lock (gate)
        {
            // Gauges are read anew: what is not reported any more is gone.
            foreach (var family in families.Values.Where(family => family.Type == "gauge")) family.Series.Clear();
            listener.RecordObservableInstruments();
            var text = new StringBuilder();
            foreach (var (name, family) in families) family.Write(name, text);
            return text.ToString();
        }
    }

    public void Dispose() => listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        // The lock is taken again by the same thread when gauges are read in Write.
        lock (gate)
        {
            if (families.TryGetValue(instrument.Name, out var family)) family.Record(value, LabelsOf(labels));
        }
    }

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"").Append(Escaped(value?.ToString() ?? "")).Append('"');
        return text.ToString();
    }

    private static string Escaped(string text) => text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Number(double value) => (value + 0.0).ToString("R", CultureInfo.InvariantCulture).Replace("Infinity", "Inf", StringComparison.Ordinal).Replace("∞", "Inf", StringComparison.Ordinal);

    private sealed class Family(Instrument instrument)
    {
        public string Type { get; } = instrument switch
        {
            Counter<long> or Counter<double> => "counter",
            Histogram<double> => "histogram",
            _ => "gauge",
        };

        public SortedDictionary<string, Series> Series { get; } = new(StringComparer.Ordinal);

        public void Record(double value, string labels)
        {
            if (!Series.TryGetValue(labels, out var series)) Series[labels] = series = new();
            if (Type == "gauge") series.Value = value;
            else series.Value += value;
            if (Type != "histogram") return;
            series.Count++;
            for (var i = 0; i < SecondsBuckets.Length; i++)
                if (value <= SecondsBuckets[i]) series.Buckets[i]++;
        }

        public void Write(string name, StringBuilder text)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description}\n# TYPE {name} {Type}\n");
            foreach (var (labels, series) in Series)
            {
                if (Type != "histogram")
                {
                    text.Append(name).Append(labels.Length == 0 ? "" : $"{{{labels}}}").Append(' ').Append(Number(series.Value)).Append('\n');
                    continue;
                }
                var comma = labels.Length == 0 ? "" : ",";
                for (var i = 0; i < SecondsBuckets.Length; i++) text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{labels}{comma}le=\"{Number(SecondsBuckets[i])}\"}} {series.Buckets[i]}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {series.Count}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{(labels.Length == 0 ? "" : $"{{{labels}}}")} {Number(series.Value)}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_count{(labels.Length == 0 ? "" : $"{{{labels}}}")} {series.Count}\n");
            }
        }
    }

    private sealed class Series
    {
        public double Value { get; set; }
        public long Count { get; set; }
        public long[] Buckets { get; } = new long[SecondsBuckets.Length];
    }
}
