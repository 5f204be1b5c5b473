using System.Diagnostics.Metrics;
using System.Text;
using Prometheus;

namespace DriftWatch.Alerts.Metrics;

/// <summary>The meter's instruments through prometheus-net, in a registry of their own. Only the production profile has this file, and only it names prometheus-net's types.</summary>
/// <remarks>Not its MeterAdapter: that shows counters as gauges, adds to each description, and keeps what is not reported any more for minutes. Names, labels and types here are those of <see cref="PrometheusText"/>.</remarks>
public sealed class PrometheusNetText : IMetricsText, IDisposable
{
    private readonly CollectorRegistry registry = Prometheus.Metrics.NewCustomRegistry();
    private readonly IMetricFactory factory;
    private readonly MeterListener listener = new();
    private readonly Dictionary<string, Gauge> gauges = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    public PrometheusNetText(MonitorRegister register)
    {
        factory = Prometheus.Metrics.WithCustomRegistry(registry);
        listener.InstrumentPublished = (instrument, listener) =>
        {
            if (WatchMetrics.Has(instrument, register)) listener.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, labels, _) => Record(instrument, value, labels));
        listener.SetMeasurementEventCallback<double>((instrument, value, labels, _) => Record(instrument, value, labels));
        listener.Start();
    }

    public string ContentType => PrometheusConstants.TextContentTypeWithVersionAndEncoding;

    public string Write()
    {
        lock (gate)
        {
            // Gauges are read anew: what is not reported any more is gone.
            foreach (var gauge in gauges.Values)
                foreach (var labels in gauge.GetAllLabelValues().ToArray()) gauge.RemoveLabelled(labels);
            listener.RecordObservableInstruments();
            using var text = new MemoryStream();
            // Into memory: it is done when it returns.
            registry.CollectAndExportAsTextAsync(text).GetAwaiter().GetResult();
            return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
        }
    }

    public void Dispose() => listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var (names, values) = (new string[labels.Length], new string[labels.Length]);
        for (var i = 0; i < labels.Length; i++) (names[i], values[i]) = (labels[i].Key, labels[i].Value?.ToString() ?? "");
        var (name, help) = (instrument.Name, instrument.Description ?? "");
        switch (instrument)
        {
            case Counter<long> or Counter<double>:
                factory.CreateCounter(name, help, names).WithLabels(values).Inc(value);
                break;
            case Histogram<double>:
                factory.CreateHistogram(name, help, names, new HistogramConfiguration { Buckets = PrometheusText.SecondsBuckets }).WithLabels(values).Observe(value);
                break;
            default:
                var gauge = factory.CreateGauge(name, help, names);
                // Taken again by the same thread when gauges are read in Write.
                lock (gate) gauges[name] = gauge;
                gauge.WithLabels(values).Set(value);
                break;
        }
    }
}
