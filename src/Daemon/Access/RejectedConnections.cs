using System.Diagnostics.Metrics;
using DriftWatch.Alerts.Metrics;

namespace DriftWatch.Daemon.Access;

/// <summary>Connections over the bound are closed by the server before anything of ours sees them; its own meter tells of them. A line in the log for each would be the flood's second victim.</summary>
internal sealed class RejectedConnections : IDisposable
{
    private readonly MeterListener listener = new();

    public RejectedConnections(IMeterFactory meters, WatchMetrics metrics)
    {
        listener.InstrumentPublished = (instrument, listening) =>
        {
            // Other daemons in this process have a factory of their own.
            if (instrument.Name == "kestrel.rejected_connections" && instrument.Meter.Scope == meters) listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => metrics.Refused(Refusal.Connections));
        listener.Start();
    }

    public void Dispose() => listener.Dispose();
}
