namespace DriftWatch.Alerts.EventLog;

/// <summary>Opens the log that an address names. A new store is one adapter file and one line here.</summary>
public static class EventLogAddress
{
    /// <summary>Attachments that a stream keeps unless told otherwise: those of its newest windows.</summary>
    public const int AttachmentsKept = 500;

    /// <summary>Why the address cannot be used, or null.</summary>
    public static string? Problem(string address) => address.Split(':', 2) switch
    {
        ["sqlite", { Length: > 0 } path] => Directory.Exists(path) ? $"log is {address}, which is a folder. Name a file."
            : Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder) ? $"log is {address}, but the folder {folder} does not exist. Create it, or name another."
            : null,
        ["memory", _] => null,
        ["esdb" or "esdb+discover", _] => "log is an EventStoreDB address, and this is the embedded build. Build with PROFILE=production for esdb://, or use sqlite:PATH.",
        ["postgres" or "postgresql", _] => "log is a PostgreSQL address, which this version does not open yet. Use sqlite:PATH.",
        _ => $"log is '{address}'. Use sqlite:PATH (a file of this machine) or memory: (nothing is kept).",
    };

    public static OpenedLog Open(string address, TimeProvider time, int attachmentsKept = AttachmentsKept)
    {
        if (Problem(address) is { } problem) throw new ArgumentException(problem, nameof(address));
        if (address.StartsWith("memory:", StringComparison.Ordinal))
        {
            var memory = new InMemoryEventLog(attachmentsKept);
            return new(memory, memory);
        }
        try
        {
            var sqlite = new SqliteEventLog(address["sqlite:".Length..], time, attachmentsKept);
            return new(sqlite, sqlite);
        }
        catch (Microsoft.Data.Sqlite.SqliteException error)
        {
            throw new IOException($"The event log {address} cannot be opened: {error.Message} Name a file that this user can write and that no other program has made.", error);
        }
    }
}

/// <summary>One store, seen as the log and as the place for its followers' checkpoints.</summary>
public sealed record OpenedLog(IEventLog Log, ICheckpoints Checkpoints) : IDisposable
{
    public void Dispose() => (Log as IDisposable)?.Dispose();
}
