namespace DriftWatch.Alerts.EventLog;

/// <summary>Leases among the daemons of one machine that share a SQLite file: an empty file beside it, locked. The system frees the lock of a process that dies.</summary>
internal sealed class FileLeases(string path, TimeProvider time) : ILeases
{
    private static readonly TimeSpan poll = TimeSpan.FromSeconds(1);

    public async Task<ILease> TakeAsync(string name, CancellationToken stopping)
    {
        var file = $"{path}.{string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '-'))}.lease";
        while (true)
        {
            stopping.ThrowIfCancellationRequested();
            try
            {
                return new Held(new(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None));
            }
            catch (IOException error) when (error is not (DirectoryNotFoundException or PathTooLongException))
            {
                // Somebody else's.
                await Task.Delay(poll, time, stopping);
            }
        }
    }

    private sealed class Held(FileStream file) : ILease
    {
        public CancellationToken Lost => CancellationToken.None;

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
