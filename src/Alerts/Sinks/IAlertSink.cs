using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Alerts.Sinks;

/// <summary>Somewhere alerts go besides the log.</summary>
public interface IAlertSink
{
    /// <summary>Under this name its checkpoint is kept: renaming it sends everything again.</summary>
    string Name { get; }

    /// <summary>Completes when the alert is safe there. May be asked twice for the same event: its id is the same.</summary>
    /// <param name="fact">As people see it: it names the alert, where the stored event names the alarm of one partition.</param>
    Task SendAsync(StoredEvent stored, AlertEvent fact, CancellationToken stopping);
}
