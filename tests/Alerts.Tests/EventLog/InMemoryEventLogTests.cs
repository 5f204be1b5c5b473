using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Alerts.Tests.EventLog;

public sealed class InMemoryEventLogTests : EventLogContract
{
    protected override OpenedLog Open(int attachmentsKept) => EventLogAddress.Open("memory:", TimeProvider.System, attachmentsKept);
}
