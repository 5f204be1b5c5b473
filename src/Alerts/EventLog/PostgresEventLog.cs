using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;

namespace DriftWatch.Alerts.EventLog;

/// <summary>The log in a PostgreSQL database that several daemons share: schema <c>driftwatch</c>, made and migrated here.</summary>
/// <remarks>
/// Appends take their positions under the lock of one row, so the order over all streams has no gaps and no event appears behind one that a reader has seen already; that also makes the look at a
/// stream's revision and the append one step. An append is synced to disk by the server before it is answered (synchronous_commit). Followers hear of every append, whoever makes it (<see cref="PostgresListener"/>), and poll as well.
/// </remarks>
public sealed class PostgresEventLog : IEventLog, ICheckpoints, IDisposable, IAsyncDisposable
{
    private const int SchemaVersion = 1;

    /// <summary>Events of up to 1 MiB: a page stays in the tens of megabytes at worst.</summary>
    private const int PageEvents = 32;

    /// <summary>Of the lock under which the schema is made; any number that nobody else uses.</summary>
    private const long SchemaLock = 0x64_72_69_66_74_77;
    private static readonly TimeSpan poll = TimeSpan.FromSeconds(1);

    private readonly Bell bell = new();
    private readonly PostgresListener listener;
    private readonly NpgsqlDataSource database;
    private readonly TimeProvider time;
    private readonly int attachmentsKept;

    /// <param name="connectionString">Of Npgsql.</param>
    /// <param name="attachmentsKept">In each stream.</param>
    /// <exception cref="NpgsqlException">The server cannot be reached, or refuses.</exception>
    public PostgresEventLog(string connectionString, TimeProvider time, int attachmentsKept)
    {
        (this.time, this.attachmentsKept) = (time, attachmentsKept);
        database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Options = "-c synchronous_commit=on" });
        listener = new(connectionString, bell.Ring, time);
        try
        {
            MakeSchema();
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var transaction = await connection.BeginTransactionAsync(stopping);
        var position = (long)(await ScalarAsync(connection, "SELECT position FROM driftwatch.head FOR UPDATE", stopping))!;
        var (last, hash) = await LastAsync(connection, stream, stopping);
        if (last != expectedRevision)
        {
            if ((await IdsBehindAsync(connection, stream, expectedRevision, events.Count, stopping)).SequenceEqual(events.Select(fact => fact.Id))) return expectedRevision + events.Count;
            throw new WrongRevisionException(stream, expectedRevision, last);
        }
        var linked = EventChain.Link(stream, last, hash, events);
        foreach (var (fact, attachment) in linked.Zip(events, (fact, given) => (fact, given.Attachment)))
        {
            await InsertAsync(connection, fact, ++position, stopping);
            if (attachment is not null) await AttachAsync(connection, fact, attachment, stopping);
        }
        // The notice goes out with the commit, and not without it.
        await ExecuteAsync(connection, $"UPDATE driftwatch.head SET position = @position; NOTIFY {PostgresListener.Channel}", stopping, ("position", position));
        await transaction.CommitAsync(stopping);
        bell.Ring();
        return last + events.Count;
    }

    public async IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, [EnumeratorCancellation] CancellationToken stopping)
    {
        while (await PageAsync("stream = @stream AND revision >= @from ORDER BY revision", stopping, ("stream", stream), ("from", fromRevision)) is { Count: > 0 } page)
        {
            foreach (var fact in page) yield return fact;
            fromRevision = page[^1].Revision + 1;
        }
    }

    public async IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        // Page by page: a reader that is slow with an event must not hold a connection.
        while (await PageAsync("position > @after ORDER BY position", stopping, ("after", afterPosition)) is { Count: > 0 } page)
        {
            foreach (var fact in page) yield return fact;
            afterPosition = page[^1].Position;
        }
    }

    public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping)
    {
        listener.Start();
        return bell.Follow(ReadAllAsync, afterPosition, poll, time, stopping);
    }

    public async Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        return (byte[]?)await ScalarAsync(connection, "SELECT data FROM driftwatch.attachments WHERE id = @id", stopping, ("id", id));
    }

    public async Task<long> ReadAsync(string follower, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        return (long?)await ScalarAsync(connection, "SELECT position FROM driftwatch.checkpoints WHERE follower = @follower", stopping, ("follower", follower)) ?? 0;
    }

    public async Task WriteAsync(string follower, long position, CancellationToken stopping)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await ExecuteAsync(connection, "INSERT INTO driftwatch.checkpoints VALUES (@follower, @position) ON CONFLICT (follower) DO UPDATE SET position = @position", stopping, ("follower", follower), ("position", position));
    }

    public void Dispose()
    {
        listener.Dispose();
        database.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        listener.Dispose();
        return database.DisposeAsync();
    }

    /// <summary>Under a lock: daemons that start together make it once. A role that may not create finds it made by one that may.</summary>
    private void MakeSchema()
    {
        using var connection = database.OpenConnection();
        using var transaction = connection.BeginTransaction();
        Execute($"SELECT pg_advisory_xact_lock({SchemaLock})");
        if (Scalar("SELECT to_regclass('driftwatch.head')::text") is null or DBNull)
            Execute($"""
                CREATE SCHEMA IF NOT EXISTS driftwatch;
                CREATE TABLE driftwatch.head (schema_version INTEGER NOT NULL, position BIGINT NOT NULL);
                INSERT INTO driftwatch.head VALUES ({SchemaVersion}, 0);
                CREATE TABLE driftwatch.events (
                    position BIGINT PRIMARY KEY,
                    stream TEXT COLLATE "C" NOT NULL,
                    revision BIGINT NOT NULL,
                    id UUID NOT NULL UNIQUE,
                    type TEXT NOT NULL,
                    time TEXT,
                    actor TEXT NOT NULL,
                    causation UUID,
                    previous TEXT NOT NULL,
                    hash TEXT NOT NULL,
                    data BYTEA NOT NULL,
                    UNIQUE (stream, revision)
                );
                CREATE TABLE driftwatch.attachments (stream TEXT COLLATE "C" NOT NULL, revision BIGINT NOT NULL, id UUID NOT NULL UNIQUE, data BYTEA NOT NULL, PRIMARY KEY (stream, revision));
                CREATE TABLE driftwatch.checkpoints (follower TEXT PRIMARY KEY, position BIGINT NOT NULL);
                """);
        var version = (int)Scalar("SELECT schema_version FROM driftwatch.head")!;
        if (version > SchemaVersion) throw new InvalidOperationException($"the database was written by a newer DriftWatch (schema {version}; this build knows {SchemaVersion}). Use that one");
        transaction.Commit();

        void Execute(string sql)
        {
            using var command = Command(connection, sql, []);
            command.ExecuteNonQuery();
        }

        object? Scalar(string sql)
        {
            using var command = Command(connection, sql, []);
            return command.ExecuteScalar();
        }
    }

    private static async Task<(long Revision, string Hash)> LastAsync(NpgsqlConnection connection, string stream, CancellationToken stopping)
    {
        await using var command = Command(connection, "SELECT revision, hash FROM driftwatch.events WHERE stream = @stream ORDER BY revision DESC LIMIT 1", [("stream", stream)]);
        await using var reader = await command.ExecuteReaderAsync(stopping);
        return await reader.ReadAsync(stopping) ? (reader.GetInt64(0), reader.GetString(1)) : (-1, EventChain.Beginning);
    }

    private static async Task<List<Guid>> IdsBehindAsync(NpgsqlConnection connection, string stream, long revision, int count, CancellationToken stopping)
    {
        await using var command = Command(connection, "SELECT id FROM driftwatch.events WHERE stream = @stream AND revision > @revision ORDER BY revision LIMIT @count", [("stream", stream), ("revision", revision), ("count", count)]);
        await using var reader = await command.ExecuteReaderAsync(stopping);
        var ids = new List<Guid>();
        while (await reader.ReadAsync(stopping)) ids.Add(reader.GetGuid(0));
        return ids;
    }

    private static Task InsertAsync(NpgsqlConnection connection, StoredEvent fact, long position, CancellationToken stopping) => ExecuteAsync(
        connection,
        "INSERT INTO driftwatch.events VALUES (@position, @stream, @revision, @id, @type, @time, @actor, @causation, @previous, @hash, @data)",
        stopping,
        ("position", position), ("stream", fact.Stream), ("revision", fact.Revision), ("id", fact.Id), ("type", fact.Type), ("time", EventChain.TimeText(fact.Time)),
        ("actor", fact.Actor), ("causation", fact.Causation), ("previous", fact.Previous), ("hash", fact.Hash), ("data", fact.Data));

    private async Task AttachAsync(NpgsqlConnection connection, StoredEvent fact, byte[] attachment, CancellationToken stopping)
    {
        await ExecuteAsync(connection, "INSERT INTO driftwatch.attachments VALUES (@stream, @revision, @id, @data)", stopping, ("stream", fact.Stream), ("revision", fact.Revision), ("id", fact.Id), ("data", attachment));
        await ExecuteAsync(
            connection,
            "DELETE FROM driftwatch.attachments WHERE stream = @stream AND revision <= (SELECT revision FROM driftwatch.attachments WHERE stream = @stream ORDER BY revision DESC LIMIT 1 OFFSET @kept)",
            stopping, ("stream", fact.Stream), ("kept", attachmentsKept));
    }

    private async Task<List<StoredEvent>> PageAsync(string where, CancellationToken stopping, params (string Name, object? Value)[] values)
    {
        await using var connection = await database.OpenConnectionAsync(stopping);
        await using var command = Command(connection, $"SELECT position, stream, revision, id, type, time, actor, causation, previous, hash, data FROM driftwatch.events WHERE {where} LIMIT {PageEvents}", values);
        await using var reader = await command.ExecuteReaderAsync(stopping);
        var page = new List<StoredEvent>();
        while (await reader.ReadAsync(stopping))
            page.Add(new(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), reader.GetGuid(3), reader.GetString(4),
                reader.IsDBNull(5) ? null : DateTimeOffset.Parse(reader.GetString(5), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
                reader.GetString(6), reader.IsDBNull(7) ? null : reader.GetGuid(7), reader.GetString(8), reader.GetString(9), (byte[])reader[10]));
        return page;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stopping, params (string Name, object? Value)[] values)
    {
        await using var command = Command(connection, sql, values);
        await command.ExecuteNonQueryAsync(stopping);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken stopping, params (string Name, object? Value)[] values)
    {
        await using var command = Command(connection, sql, values);
        return await command.ExecuteScalarAsync(stopping);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, (string Name, object? Value)[] values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Only constants of this file come in as SQL; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in values)
            command.Parameters.Add(value is null ? new NpgsqlParameter(name, name == "causation" ? NpgsqlTypes.NpgsqlDbType.Uuid : NpgsqlTypes.NpgsqlDbType.Text) { Value = DBNull.Value } : new NpgsqlParameter(name, value));
        return command;
    }
}
