using System.Text.RegularExpressions;
using Npgsql;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Opens the log that an address names. A new store is one adapter file and one line here.</summary>
public static partial class EventLogAddress
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
#if PRODUCTION
        ["esdb" or "esdb+discover", _] => EventStoreDbAddress.Problem(address),
#else
        ["esdb" or "esdb+discover", _] => "log is an EventStoreDB address, and this is the embedded build. Build with PROFILE=production for esdb://, or use sqlite:PATH.",
#endif
        ["postgres" or "postgresql", _] => PostgresProblem(address),
        _ => $"log is '{Shown(address)}'. Use sqlite:PATH (a file of this machine), postgres://USER@HOST:PORT/DATABASE or esdb://USER@HOST:PORT/NAME (several daemons share it; the latter in the production profile) or memory: (nothing is kept).",
    };

    /// <summary>The address without its password: what may stand in logs and messages.</summary>
    public static string Shown(string address)
    {
        var user = address.IndexOf("://", StringComparison.Ordinal) + 3;
        var (colon, at) = user < 3 ? (-1, -1) : (address.IndexOf(':', user), address.LastIndexOf('@'));
        return PasswordPattern().Replace(colon > 0 && colon < at ? $"{address[..(colon + 1)]}***{address[at..]}" : address, "***");
    }

    private static string? PostgresProblem(string address)
    {
        const string Use = "Use postgres://USER@HOST:PORT/DATABASE; the password from the environment, as ${PGPASSWORD} behind the user and a colon, or in PGPASSWORD or a file that PGPASSFILE names";
        try
        {
            return Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri is { Host.Length: > 0, AbsolutePath.Length: > 1 } && Postgres(address) is not null ? null : $"log is '{Shown(address)}', which lacks a host or a database. {Use}.";
        }
        catch (ArgumentException error)
        {
            return $"log is '{Shown(address)}': {error.Message} {Use}.";
        }
    }

    /// <summary>As Npgsql writes it. What stands behind the question mark are its keywords, as in <c>?sslmode=VerifyFull</c>.</summary>
    internal static string Postgres(string address)
    {
        var uri = new Uri(address);
        var (user, password) = uri.UserInfo.Split(':', 2) is [var name, var secret] ? (name, secret) : (uri.UserInfo, null);
        var parts = new NpgsqlConnectionStringBuilder { Host = uri.Host, Port = uri.Port > 0 ? uri.Port : 5432, Database = Uri.UnescapeDataString(uri.AbsolutePath[1..]), ApplicationName = "driftwatch" };
        if (user.Length > 0) parts.Username = Uri.UnescapeDataString(user);
        if (password is not null) parts.Password = Uri.UnescapeDataString(password);
        foreach (var option in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
            parts[Uri.UnescapeDataString(option.Split('=', 2)[0])] = Uri.UnescapeDataString(option.Split('=', 2) is [_, var value] ? value : "");
        return parts.ConnectionString;
    }

    [GeneratedRegex(@"(?<=[?&;](ssl ?)?(password|pwd|psw)=)[^&;]*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PasswordPattern();

    /// <summary>For a store that cannot be opened.</summary>
    internal const string ServerAdvice = "Does the server run, is the database there, and may the user create a schema in it?", FileAdvice = "Name a file that this user can write and that no other program has made.";

    public static OpenedLog Open(string address, TimeProvider time, int attachmentsKept = AttachmentsKept)
    {
        if (Problem(address) is { } problem) throw new ArgumentException(problem, nameof(address));
        if (address.StartsWith("memory:", StringComparison.Ordinal))
        {
            var memory = new InMemoryEventLog(attachmentsKept);
            return new(memory, memory, new MemoryLeases());
        }
        if (address.StartsWith("postgres", StringComparison.Ordinal))
        {
            try
            {
                var postgres = new PostgresEventLog(Postgres(address), time, attachmentsKept);
                return new(postgres, postgres, new PostgresLeases(Postgres(address), time));
            }
            catch (NpgsqlException error)
            {
                throw new IOException($"The event log {Shown(address)} cannot be opened: {error.Message}. {ServerAdvice}", error);
            }
        }
#if PRODUCTION
        if (address.StartsWith("esdb", StringComparison.Ordinal)) return EventStoreDbAddress.Open(address, time, attachmentsKept);
#endif
        try
        {
            var path = address["sqlite:".Length..];
            var sqlite = new SqliteEventLog(path, time, attachmentsKept);
            return new(sqlite, sqlite, new FileLeases(path, time));
        }
        catch (Microsoft.Data.Sqlite.SqliteException error)
        {
            throw new IOException($"The event log {address} cannot be opened: {error.Message} {FileAdvice}", error);
        }
    }
}

/// <summary>One store, seen as the log and as the place for its followers' checkpoints and leases.</summary>
public sealed record OpenedLog(IEventLog Log, ICheckpoints Checkpoints, ILeases Leases) : IDisposable
{
    /// <summary>Positions only ascend (EventStoreDB's are places in its own log file); otherwise they count 1, 2, 3 …, and a missing one is an event that was removed.</summary>
    public bool PositionsHaveGaps { get; init; }

    public void Dispose()
    {
        (Leases as IDisposable)?.Dispose();
        (Log as IDisposable)?.Dispose();
    }
}
