using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace DriftWatch.Alerts.Projections;

/// <summary>Projections in a SQLite file: the log's own, or one beside it.</summary>
/// <remarks>A commit is not synced to disk by itself: after a loss of power the newest may be gone, which costs folding them again. In the log's file a commit takes the write lock for milliseconds, and appends wait for it.</remarks>
public sealed class SqliteProjections : IProjectionStore
{
    /// <summary>Deleted in one transaction: dropping gigabytes must not hold the write lock until it is done.</summary>
    private const int DropSlice = 2000;

    private readonly SemaphoreSlim writing = new(1);
    private readonly string connectionString;

    public SqliteProjections(string path)
    {
        SQLitePCL.Batteries_V2.Init();
        connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = true, DefaultTimeout = 30 }.ToString();
        using var connection = Open();
        Execute(connection, "PRAGMA journal_mode = WAL");
        // The names hold the version of the tables: another one would begin anew under other names.
        Execute(connection, """
            CREATE TABLE IF NOT EXISTS projections1 (projection TEXT PRIMARY KEY, version TEXT NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS projection_chunks1 (projection TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (projection, key));
            """);
    }

    public Task<IReadOnlyList<ProjectionSize>> ListAsync(CancellationToken stopping)
    {
        using var connection = Open();
        using var command = Command(connection, """
            SELECT projection, version, position, hash, (SELECT count(*) FROM projection_chunks1 AS chunks WHERE chunks.projection = projections1.projection),
                (SELECT coalesce(sum(length(data)), 0) FROM projection_chunks1 AS chunks WHERE chunks.projection = projections1.projection) FROM projections1 ORDER BY projection
            """);
        using var reader = command.ExecuteReader();
        var sizes = new List<ProjectionSize>();
        while (reader.Read()) sizes.Add(new(reader.GetString(0), new(reader.GetString(1), reader.GetInt64(2), reader.GetString(3)), reader.GetInt64(4), reader.GetInt64(5)));
        return Task.FromResult<IReadOnlyList<ProjectionSize>>(sizes);
    }

    public Task<IReadOnlyList<(string Name, ProjectionState State)>> NamesAsync(string prefix, CancellationToken stopping)
    {
        using var connection = Open();
        using var command = Command(connection, "SELECT projection, version, position, hash FROM projections1 WHERE substr(projection, 1, length($prefix)) = $prefix ORDER BY projection", ("$prefix", prefix));
        using var reader = command.ExecuteReader();
        var names = new List<(string, ProjectionState)>();
        while (reader.Read()) names.Add((reader.GetString(0), new(reader.GetString(1), reader.GetInt64(2), reader.GetString(3))));
        return Task.FromResult<IReadOnlyList<(string, ProjectionState)>>(names);
    }

    public Task<ProjectionState?> StateAsync(string projection, CancellationToken stopping)
    {
        using var connection = Open();
        return Task.FromResult(State(connection, projection));
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadAsync(string projection, IReadOnlyList<string> keys, [EnumeratorCancellation] CancellationToken stopping)
    {
        await Task.CompletedTask;
        using var connection = Open();
        using var command = Command(connection, "SELECT data FROM projection_chunks1 WHERE projection = $projection AND key = $key", ("$projection", projection), ("$key", ""));
        command.Prepare();
        foreach (var key in keys)
        {
            stopping.ThrowIfCancellationRequested();
            command.Parameters["$key"].Value = key;
            if (command.ExecuteScalar() is byte[] data) yield return (key, data);
        }
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadRangeAsync(string projection, string from, string before, [EnumeratorCancellation] CancellationToken stopping)
    {
        using var connection = Open();
        using var command = Command(connection, "SELECT key, data FROM projection_chunks1 WHERE projection = $projection AND key >= $from AND key < $before ORDER BY key",
            ("$projection", projection), ("$from", from), ("$before", before));
        using var reader = await command.ExecuteReaderAsync(stopping);
        while (await reader.ReadAsync(stopping)) yield return (reader.GetString(0), (byte[])reader[1]);
    }

    public async Task<bool> WriteAsync(string projection, ProjectionState? before, ProjectionState after, IReadOnlyList<ProjectionChunk> chunks, CancellationToken stopping)
    {
        await writing.WaitAsync(stopping);
        try
        {
            using var connection = Open();
            using var transaction = connection.BeginTransaction(deferred: false);
            if (State(connection, projection) != before) return false;
            // What a drop that was cut short has left.
            if (before is null) Execute(connection, "DELETE FROM projection_chunks1 WHERE projection = $projection", ("$projection", projection));
            using var write = Command(connection, "INSERT INTO projection_chunks1 VALUES ($projection, $key, $data) ON CONFLICT (projection, key) DO UPDATE SET data = $data", ("$projection", projection), ("$key", ""), ("$data", Array.Empty<byte>()));
            using var remove = Command(connection, "DELETE FROM projection_chunks1 WHERE projection = $projection AND key = $key", ("$projection", projection), ("$key", ""));
            foreach (var (key, data) in chunks)
            {
                var command = data is null ? remove : write;
                command.Parameters["$key"].Value = key;
                if (data is not null) command.Parameters["$data"].Value = data;
                command.ExecuteNonQuery();
            }
            Execute(connection, "INSERT INTO projections1 VALUES ($projection, $version, $position, $hash) ON CONFLICT (projection) DO UPDATE SET version = $version, position = $position, hash = $hash",
                ("$projection", projection), ("$version", after.Version), ("$position", after.Position), ("$hash", after.Hash));
            transaction.Commit();
            return true;
        }
        finally
        {
            writing.Release();
        }
    }

    public async Task DropAsync(string projection, CancellationToken stopping)
    {
        using var connection = Open();
        Execute(connection, "DELETE FROM projections1 WHERE projection = $projection", ("$projection", projection));
        while (Execute(connection, $"DELETE FROM projection_chunks1 WHERE rowid IN (SELECT rowid FROM projection_chunks1 WHERE projection = $projection LIMIT {DropSlice})", ("$projection", projection)) == DropSlice)
        {
            stopping.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    public void Dispose()
    {
        writing.Dispose();
        SqliteConnection.ClearPool(new(connectionString));
    }

    private static ProjectionState? State(SqliteConnection connection, string projection)
    {
        using var command = Command(connection, "SELECT version, position, hash FROM projections1 WHERE projection = $projection", ("$projection", projection));
        using var reader = command.ExecuteReader();
        return reader.Read() ? new(reader.GetString(0), reader.GetInt64(1), reader.GetString(2)) : null;
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(connectionString);
        connection.Open();
        Execute(connection, "PRAGMA synchronous = NORMAL");
        return connection;
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Only constants of this file come in as SQL; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value);
        return command;
    }

    private static int Execute(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteNonQuery();
    }
}
