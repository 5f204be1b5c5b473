using DriftWatch.Alerts.Metrics;

namespace DriftWatch.Alerts.Tests.Metrics;

public sealed class PrometheusTextTests() : MetricsTextTests(register => new PrometheusText(register));

#if PRODUCTION
public sealed class PrometheusNetTextTests() : MetricsTextTests(register => new PrometheusNetText(register));
#endif
