namespace DriftWatch.Alerts.Metrics;

/// <summary>The one of this build's profile; it writes the metrics of one register and no other's of the process.</summary>
public static class MetricsText
{
#if PRODUCTION
    public static IMetricsText Of(MonitorRegister register) => new PrometheusNetText(register);
#else
    public static IMetricsText Of(MonitorRegister register) => new PrometheusText(register);
#endif
}
