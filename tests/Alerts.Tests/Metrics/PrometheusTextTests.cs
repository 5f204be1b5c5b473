using DriftWatch.Alerts.Metrics;

namespace DriftWatch.Alerts.Tests.Metrics;

[Collection(nameof(WatchMetrics))]   // Listeners hear every meter of the process.
public sealed class PrometheusTextTests() : MetricsTextTests(new PrometheusText());

#if PRODUCTION
[Collection(nameof(WatchMetrics))]
public sealed class PrometheusNetTextTests() : MetricsTextTests(new PrometheusNetText());
#endif
