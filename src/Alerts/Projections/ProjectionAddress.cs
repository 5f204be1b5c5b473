using DriftWatch.Alerts.EventLog;
using Npgsql;

namespace DriftWatch.Alerts.Projections;

/// <summary>Where projections are kept: beside the log, unless told otherwise.</summary>
public static class ProjectionAddress
{
    /// <summary>Why the address cannot be used, or null.</summary>
    /// <param name="projections">Null: in the log's own store.</param>
    public static string? Problem(string? projections, string log) => (projections ?? log).Split(':', 2) switch
    {
        ["sqlite", { Length: > 0 }] or ["postgres" or "postgresql", _] or ["memory", _] => projections is null ? null : EventLogAddress.Problem(projections)?.Replace("log is ", "projections is ", StringComparison.Ordinal),
        _ when projections is null => $"projections is not set, and {EventLogAddress.Shown(log)} cannot hold them. Use projections: sqlite:PATH, a file of this machine; it can be made anew from the log at any time.",
        _ => $"projections is '{EventLogAddress.Shown(projections)}'. Use sqlite:PATH (a file of this machine) or postgres://USER@HOST:PORT/DATABASE, or leave it out: they are then kept beside the log.",
    };

    /// <param name="projections">Null: in the log's own store.</param>
    public static IProjectionStore Open(string? projections, string log)
    {
        if (Problem(projections, log) is { } problem) throw new ArgumentException(problem, nameof(projections));
        var address = projections ?? log;
        if (address.StartsWith("memory:", StringComparison.Ordinal)) return new InMemoryProjections();
        try
        {
            return address.StartsWith("sqlite:", StringComparison.Ordinal) ? new SqliteProjections(address["sqlite:".Length..]) : new PostgresProjections(EventLogAddress.Postgres(address));
        }
        catch (NpgsqlException error)
        {
            throw new IOException($"The projections in {EventLogAddress.Shown(address)} cannot be opened: {error.Message}. {EventLogAddress.ServerAdvice} projections: sqlite:PATH keeps them in a file of this machine.", error);
        }
        catch (Microsoft.Data.Sqlite.SqliteException error)
        {
            throw new IOException($"The projections in {address} cannot be opened: {error.Message} {EventLogAddress.FileAdvice}", error);
        }
    }
}
