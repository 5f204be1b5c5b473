namespace DriftWatch.Alerts.Metrics;

/// <summary>What <c>/metrics</c> answers. The embedded build writes it itself; the production profile leaves it to prometheus-net.</summary>
public interface IMetricsText
{
    string ContentType { get; }

    string Write();
}
