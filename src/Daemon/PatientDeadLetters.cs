using DriftWatch.Alerts.Faults;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon;

/// <summary>Dead letters whose keeper may be away for a while: each is sent until it is kept. The loop waits for them before it stores a window that counts them, and when too many are on their way.</summary>
public sealed class PatientDeadLetters(IDeadLetters letters, Dependency dependency) : IDeadLetters
{
    public Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping) =>
        dependency.AskAsync(token => letters.SendAsync(message, reason, explanation, token), stopping);
}
