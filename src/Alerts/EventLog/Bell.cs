using System.Runtime.CompilerServices;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Wakes followers of a log when something was appended in this process; a poll finds what others appended.</summary>
internal sealed class Bell
{
    private volatile TaskCompletionSource rung = New();

    public void Ring() => Interlocked.Exchange(ref rung, New()).TrySetResult();

    /// <summary>Reads to the end, waits for the bell or the poll, reads on.</summary>
    public async IAsyncEnumerable<StoredEvent> Follow(
        Func<long, CancellationToken, IAsyncEnumerable<StoredEvent>> read, long afterPosition, TimeSpan poll, TimeProvider time, [EnumeratorCancellation] CancellationToken stopping)
    {
        while (true)
        {
            // Taken before reading: an append during the read rings it, and the wait below ends at once.
            var next = rung.Task;
            await foreach (var fact in read(afterPosition, stopping))
            {
                afterPosition = fact.Position;
                yield return fact;
            }
            await Task.WhenAny(next, Task.Delay(poll, time, stopping));
            stopping.ThrowIfCancellationRequested();
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
