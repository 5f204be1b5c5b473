using Microsoft.Data.Sqlite;
using Npgsql;

namespace DriftWatch.Alerts.EventLog;

/// <summary>For adapters whose client library has no type for it: the store does not answer now, and may later.</summary>
public sealed class EventLogAwayException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Which errors of a store pass by themselves.</summary>
public static class StoreFault
{
    // https://www.sqlite.org/rescode.html
    private const int Busy = 5, Locked = 6, NoMemory = 7, ReadOnly = 8, Interrupted = 9, InputOutput = 10, Corrupt = 11, Full = 13, CannotOpen = 14, Protocol = 15, NotADatabase = 26;

    /// <summary>A server that is shut down or fails over says so before it goes, and a standby that is not the primary yet takes no writes.</summary>
    private static readonly HashSet<string> shuttingDown = new(StringComparer.Ordinal) { "57P01", "57P02", "57P03", "57P05", "25006" };

    /// <summary>A disk that is full or unplugged, a lock that somebody holds, a server that is away: a person mends it, and the daemon goes on.</summary>
    public static bool IsTransient(Exception error) => error switch
    {
        EventLogAwayException => true,
        PostgresException postgres => postgres.IsTransient || shuttingDown.Contains(postgres.SqlState),
        NpgsqlException npgsql => npgsql.IsTransient,
        SqliteException { SqliteErrorCode: Busy or Locked or NoMemory or Interrupted or InputOutput or Full or CannotOpen or Protocol } => true,
        _ => false,
    };

    /// <summary>What to tell the person whom the daemon stops for; null: the error says it itself.</summary>
    public static string? Advice(Exception error) => error switch
    {
        SqliteException { SqliteErrorCode: Corrupt or NotADatabase } sqlite => $"The event log's file is damaged ({sqlite.Message}). Restore it from a copy; 'driftwatch audit verify' says what of it is whole.",
        SqliteException { SqliteErrorCode: ReadOnly } sqlite => $"The event log's file cannot be written ({sqlite.Message}). It was moved, or its disk or its rights are read-only: give the daemon the right to write it and start it again.",
        SqliteException sqlite => $"The event log's file fails in a way that waiting does not mend: {sqlite.Message}",
        NpgsqlException npgsql => $"The event log's PostgreSQL refuses, and waiting does not mend it: {npgsql.Message}. Check the database, its schema driftwatch, and the user's rights.",
        _ => null,
    };
}
