using Npgsql;

namespace DriftWatch.Alerts.EventLog;

/// <summary>For adapters whose client library has no type for it: the store does not answer now, and may later.</summary>
public sealed class EventLogAwayException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Which errors of a store pass by themselves.</summary>
public static class StoreFault
{
    public static bool IsTransient(Exception error) => error is EventLogAwayException or NpgsqlException { IsTransient: true };
}
