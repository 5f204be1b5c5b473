using System.Runtime.CompilerServices;
using Npgsql;

namespace DriftWatch.Alerts.Projections;

/// <summary>Projections in the PostgreSQL database of the log, schema <c>driftwatch_projections</c>; several daemons share them.</summary>
/// <remarks>A commit is not waited for (synchronous_commit = off): after a crash of the server the newest may be gone, which costs folding them again.</remarks>
public sealed class PostgresProjections : IProjectionStore
{
    /// <summary>Of the lock under which the schema is made; any number that nobody else uses.</summary>
    private const long SchemaLock = 0x64_72_69_66_74_78;
    private const int DropSlice = 2000;

    private readonly NpgsqlDataSource database;

    /// <param name="connectionString">Of Npgsql.</param>
    /// <exception cref="NpgsqlException">The server cannot be reached, or refuses.</exception>
    public PostgresProjections(string connectionString)
    {
        database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Options = "-c synchronous_commit=off" });
        try
        {
            using var connection = database.OpenConnection();
            using var transaction = connection.BeginTransaction();
            // Daemons that start together make it once; a role that may not create finds it made by one that may.
            Execute(connection, $"SELECT pg_advisory_xact_lock({SchemaLock})");
            using var exists = new NpgsqlCommand("SELECT to_regclass('driftwatch_projections.chunks1')::text", connection);
            if (exists.ExecuteScalar() is null or DBNull)
                Execute(connection, """
                    CREATE SCHEMA IF NOT EXISTS driftwatch_projections;
                    CREATE TABLE driftwatch_projections.projections1 (projection TEXT COLLATE "C" PRIMARY KEY, version TEXT NOT NULL, position BIGINT NOT NULL, hash TEXT NOT NULL);
                    CREATE TABLE driftwatch_projections.chunks1 (projection TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, data BYTEA NOT NULL, PRIMARY KEY (projection, key));
                    ALTER TABLE driftwatch_projections.chunks1 ALTER COLUMN data SET STORAGE EXTERNAL;
                    """);
            transaction.Commit();
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    public async Task<IReadOnlyList<ProjectionSize>> ListAsync(CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var command = Command(connection, """
            SELECT projection, version, position, hash, count(chunks1.key), coalesce(sum(length(data)), 0)::bigint
            FROM driftwatch_projections.projections1 LEFT JOIN driftwatch_projections.chunks1 USING (projection) GROUP BY projection, version, position, hash ORDER BY projection
            """);
        await using var reader = await command.ExecuteReaderAsync(stopping);
        var sizes = new List<ProjectionSize>();
        while (await reader.ReadAsync(stopping)) sizes.Add(new(reader.GetString(0), new(reader.GetString(1), reader.GetInt64(2), reader.GetString(3)), reader.GetInt64(4), reader.GetInt64(5)));
        return sizes;
    }

    public async Task<IReadOnlyList<(string Name, ProjectionState State)>> NamesAsync(string prefix, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var command = Command(connection, "SELECT projection, version, position, hash FROM driftwatch_projections.projections1 WHERE starts_with(projection, @prefix) ORDER BY projection", ("prefix", prefix));
        await using var reader = await command.ExecuteReaderAsync(stopping);
        var names = new List<(string, ProjectionState)>();
        while (await reader.ReadAsync(stopping)) names.Add((reader.GetString(0), new(reader.GetString(1), reader.GetInt64(2), reader.GetString(3))));
        return names;
    }

    public async Task<ProjectionState?> StateAsync(string projection, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        return await StateAsync(connection, projection, "", stopping);
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadAsync(string projection, IReadOnlyList<string> keys, [EnumeratorCancellation] CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var command = Command(connection,
            "SELECT key, data FROM unnest(@keys) WITH ORDINALITY AS wanted(key, number) JOIN driftwatch_projections.chunks1 USING (key) WHERE projection = @projection ORDER BY number",
            ("projection", projection), ("keys", keys.ToArray()));
        await using var reader = await command.ExecuteReaderAsync(stopping);
        while (await reader.ReadAsync(stopping)) yield return (reader.GetString(0), (byte[])reader[1]);
    }

    public async IAsyncEnumerable<(string Key, byte[] Data)> ReadRangeAsync(string projection, string from, string before, [EnumeratorCancellation] CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var command = Command(connection, "SELECT key, data FROM driftwatch_projections.chunks1 WHERE projection = @projection AND key >= @from AND key < @before ORDER BY key",
            ("projection", projection), ("from", from), ("before", before));
        await using var reader = await command.ExecuteReaderAsync(stopping);
        while (await reader.ReadAsync(stopping)) yield return (reader.GetString(0), (byte[])reader[1]);
    }

    public async Task<bool> WriteAsync(string projection, ProjectionState? before, ProjectionState after, IReadOnlyList<ProjectionChunk> chunks, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var transaction = await connection.BeginTransactionAsync(stopping);
        // A projection that is not there yet has no row to lock: who comes second finds it there.
        if (before is null) await ExecuteAsync(connection, "SELECT pg_advisory_xact_lock(hashtext(@projection))", stopping, ("projection", $"driftwatch_projections/{projection}"));
        if (await StateAsync(connection, projection, "FOR UPDATE", stopping) != before) return false;
        if (before is null) await ExecuteAsync(connection, "DELETE FROM driftwatch_projections.chunks1 WHERE projection = @projection", stopping, ("projection", projection));
        var removed = chunks.Where(chunk => chunk.Data is null).Select(chunk => chunk.Key).ToArray();
        if (removed.Length > 0) await ExecuteAsync(connection, "DELETE FROM driftwatch_projections.chunks1 WHERE projection = @projection AND key = ANY(@keys)", stopping, ("projection", projection), ("keys", removed));
        // In slices: one message to the server must not hold a rebuild's whole batch.
        foreach (var slice in chunks.Where(chunk => chunk.Data is not null).Chunk(256))
            await ExecuteAsync(connection, """
                INSERT INTO driftwatch_projections.chunks1 SELECT @projection, key, data FROM unnest(@keys, @datas) AS given(key, data)
                ON CONFLICT (projection, key) DO UPDATE SET data = excluded.data
                """, stopping, ("projection", projection), ("keys", slice.Select(chunk => chunk.Key).ToArray()), ("datas", slice.Select(chunk => chunk.Data!).ToArray()));
        await ExecuteAsync(connection, """
            INSERT INTO driftwatch_projections.projections1 VALUES (@projection, @version, @position, @hash)
            ON CONFLICT (projection) DO UPDATE SET version = @version, position = @position, hash = @hash
            """, stopping, ("projection", projection), ("version", after.Version), ("position", after.Position), ("hash", after.Hash));
        await transaction.CommitAsync(stopping);
        return true;
    }

    public async Task DropAsync(string projection, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await ExecuteAsync(connection, "DELETE FROM driftwatch_projections.projections1 WHERE projection = @projection", stopping, ("projection", projection));
        while (await ExecuteAsync(connection, $"""
            DELETE FROM driftwatch_projections.chunks1 WHERE projection = @projection AND key IN (SELECT key FROM driftwatch_projections.chunks1 WHERE projection = @projection ORDER BY key LIMIT {DropSlice})
            """, stopping, ("projection", projection)) == DropSlice)
        {
        }
    }

    public void Dispose() => database.Dispose();

    private static async Task<ProjectionState?> StateAsync(NpgsqlConnection connection, string projection, string locking, CancellationToken stopping)
    {
        await using var command = Command(connection, $"SELECT version, position, hash FROM driftwatch_projections.projections1 WHERE projection = @projection {locking}", ("projection", projection));
        await using var reader = await command.ExecuteReaderAsync(stopping);
        return await reader.ReadAsync(stopping) ? new(reader.GetString(0), reader.GetInt64(1), reader.GetString(2)) : null;
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stopping, params (string Name, object Value)[] values)
    {
        await using var command = Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync(stopping);
    }

    private static void Execute(NpgsqlConnection connection, string sql)
    {
        using var command = Command(connection, sql);
        command.ExecuteNonQuery();
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params (string Name, object Value)[] values)
    {
#pragma warning disable CA2100 // Only constants of this file come in as SQL; values are parameters.
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value);
        return command;
    }
}
