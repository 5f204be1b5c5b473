namespace DriftWatch.Alerts.Metrics;

/// <summary>The one of this build's profile.</summary>
public static class MetricsText
{
#if PRODUCTION
    public static IMetricsText Create() => new PrometheusNetText();
#else
    public static IMetricsText Create() => new PrometheusText();
#endif
}
