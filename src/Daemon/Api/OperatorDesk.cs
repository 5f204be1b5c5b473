using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Daemon.Api;

public enum OperatorAction
{
    Acknowledge,
    Mute,
    Resolve,
}

/// <param name="Until">For mute: when it is over; null: never.</param>
public sealed record OperatorRequest(string? Actor, string? Note, DateTimeOffset? Until);

/// <summary>What people do about alerts, as facts in the monitor's operator stream.</summary>
public sealed class OperatorDesk(IEventLog log, MonitorRegister register, TimeProvider time)
{
    /// <returns>False: there is no such alert.</returns>
    public async Task<bool> ActAsync(string id, OperatorAction action, OperatorRequest request, CancellationToken stopping)
    {
        if (register.Current.Find(id) is not { } alert) return false;
        // What is done about one of its alarms is done about the alert.
        id = alert.Id;
        AlertEvent fact = action switch
        {
            OperatorAction.Acknowledge => new AlertAcknowledged(id, alert.Monitor, request.Note!),
            OperatorAction.Mute => new AlertMuted(id, alert.Monitor, request.Note!, request.Until),
            _ => new AlertResolved(id, alert.Monitor, request.Note!),
        };
        var stream = StreamNames.Operator(alert.Monitor);
        // The id holds who and why: two people at the same revision are two events, and the log does not take one for a repeat of the other.
        while (true)
        {
            var last = -1L;
            await foreach (var stored in log.ReadStreamAsync(stream, 0, stopping)) last = stored.Revision;
            try
            {
                var (type, data) = (EventJson.TypeOf(fact), EventJson.Write(fact));
                await log.AppendAsync(stream, last, [new(EventId.From($"{stream}|{type}|{last + 1}|{request.Actor}|{Convert.ToHexString(data)}"), type, time.GetUtcNow(), request.Actor!, null, data)], stopping);
                return true;
            }
            catch (WrongRevisionException)
            {
                // Somebody else acted on the same monitor in this moment: both acts count, ours comes after.
            }
        }
    }
}
