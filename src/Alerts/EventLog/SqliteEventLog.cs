using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace DriftWatch.Alerts.EventLog;

/// <summary>The log in one SQLite file: write-ahead log, every append synced to disk before it is believed.</summary>
/// <remarks>One connection writes under a lock; each read opens its own. BEGIN IMMEDIATE takes the file's write lock before the revision is looked at, so two processes cannot both see it free.</remarks>
public sealed class SqliteEventLog : IEventLog, ICheckpoints, IDisposable
{
    private const int SchemaVersion = 1;

    /// <summary>Events of up to 1 MiB: a page stays in the tens of megabytes at worst.</summary>
    private const int PageEvents = 32;
    private static readonly TimeSpan poll = TimeSpan.FromSeconds(1);

    /// <summary>For a lock that another process holds; the thread stands meanwhile. Whoever can wait longer asks again.</summary>
    private const int BusySeconds = 5;

    private readonly SemaphoreSlim writing = new(1);
    private readonly Bell bell = new();
    private readonly string connectionString;
    private readonly SqliteConnection writer;
    private readonly TimeProvider time;
    private readonly int attachmentsKept;

    /// <param name="attachmentsKept">In each stream.</param>
    public SqliteEventLog(string path, TimeProvider time, int attachmentsKept)
    {
        SQLitePCL.Batteries_V2.Init();
        (this.time, this.attachmentsKept) = (time, attachmentsKept);
        connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = true, DefaultTimeout = BusySeconds }.ToString();
        writer = Open();
        var version = Convert.ToInt32(Scalar(writer, "PRAGMA user_version"), CultureInfo.InvariantCulture);
        if (version > SchemaVersion) throw new InvalidOperationException($"{path} was written by a newer DriftWatch (schema {version}; this build knows {SchemaVersion}). Use that one");
        Execute(writer, "PRAGMA journal_mode = WAL");
        Execute(writer, $"""
            CREATE TABLE IF NOT EXISTS events (
                position INTEGER PRIMARY KEY,
                stream TEXT NOT NULL,
                revision INTEGER NOT NULL,
                id TEXT NOT NULL UNIQUE,
                type TEXT NOT NULL,
                time TEXT,
                actor TEXT NOT NULL,
                causation TEXT,
                previous TEXT NOT NULL,
                hash TEXT NOT NULL,
                data BLOB NOT NULL,
                UNIQUE (stream, revision)
            );
            CREATE TABLE IF NOT EXISTS attachments (stream TEXT NOT NULL, revision INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, data BLOB NOT NULL, PRIMARY KEY (stream, revision));
            CREATE TABLE IF NOT EXISTS checkpoints (follower TEXT PRIMARY KEY, position INTEGER NOT NULL);
            PRAGMA user_version = {SchemaVersion};
            """);
    }

    public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping)
    {
        await writing.WaitAsync(stopping);
        try
        {
            using var transaction = writer.BeginTransaction(deferred: false);
            var (last, hash) = Last(stream);
            if (last != expectedRevision)
            {
                if (IdsBehind(stream, expectedRevision, events.Count).SequenceEqual(events.Select(fact => fact.Id))) return expectedRevision + events.Count;
                throw new WrongRevisionException(stream, expectedRevision, last);
            }
            foreach (var fact in EventChain.Link(stream, last, hash, events)) Insert(fact);
            Attach(stream, last, events);
            transaction.Commit();
            bell.Ring();
            return last + events.Count;
        }
        finally
        {
            writing.Release();
        }
    }

    public async IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, [EnumeratorCancellation] CancellationToken stopping)
    {
        using var connection = Open();
        using var command = Command(connection, $"SELECT {Columns} FROM events WHERE stream = $stream AND revision >= $from ORDER BY revision", ("$stream", stream), ("$from", fromRevision));
        await foreach (var fact in Read(command, stopping)) yield return fact;
    }

    public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping)
    {
        using var connection = Open();
        return Task.FromResult((byte[]?)Scalar(connection, "SELECT data FROM attachments WHERE id = $id", ("$id", id.ToString())));
    }

    public async IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, [EnumeratorCancellation] CancellationToken stopping)
    {
        // Page by page: a reader that is slow with an event (a sink that is down) must not hold a read transaction open, which would keep the write-ahead log growing.
        while (await PageAsync(afterPosition, stopping) is { Count: > 0 } page)
        {
            foreach (var fact in page) yield return fact;
            afterPosition = page[^1].Position;
        }
    }

    private async Task<List<StoredEvent>> PageAsync(long afterPosition, CancellationToken stopping)
    {
        using var connection = Open();
        using var command = Command(connection, $"SELECT {Columns} FROM events WHERE position > $after ORDER BY position LIMIT {PageEvents}", ("$after", afterPosition));
        var page = new List<StoredEvent>();
        await foreach (var fact in Read(command, stopping)) page.Add(fact);
        return page;
    }

    public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => bell.Follow(ReadAllAsync, afterPosition, poll, time, stopping);

    public Task<long> ReadAsync(string follower, CancellationToken stopping)
    {
        using var connection = Open();
        return Task.FromResult(Convert.ToInt64(Scalar(connection, "SELECT position FROM checkpoints WHERE follower = $follower", ("$follower", follower)) ?? 0L, CultureInfo.InvariantCulture));
    }

    public async Task WriteAsync(string follower, long position, CancellationToken stopping)
    {
        await writing.WaitAsync(stopping);
        try
        {
            Execute(writer, "INSERT INTO checkpoints VALUES ($follower, $position) ON CONFLICT (follower) DO UPDATE SET position = $position", ("$follower", follower), ("$position", position));
        }
        finally
        {
            writing.Release();
        }
    }

    public void Dispose()
    {
        writer.Dispose();
        writing.Dispose();
        SqliteConnection.ClearPool(new(connectionString));
    }

    private const string Columns = "position, stream, revision, id, type, time, actor, causation, previous, hash, data";

    /// <summary>For tests: how durable the writing connection is set to be.</summary>
    internal object? Pragma(string name) => Scalar(writer, $"PRAGMA {name}");

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(connectionString);
        connection.Open();
        Execute(connection, "PRAGMA synchronous = FULL");
        return connection;
    }

    private (long Revision, string Hash) Last(string stream)
    {
        using var command = Command(writer, "SELECT revision, hash FROM events WHERE stream = $stream ORDER BY revision DESC LIMIT 1", ("$stream", stream));
        using var reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), reader.GetString(1)) : (-1, EventChain.Beginning);
    }

    private List<Guid> IdsBehind(string stream, long revision, int count)
    {
        using var command = Command(writer, "SELECT id FROM events WHERE stream = $stream AND revision > $revision ORDER BY revision LIMIT $count", ("$stream", stream), ("$revision", revision), ("$count", count));
        using var reader = command.ExecuteReader();
        var ids = new List<Guid>();
        while (reader.Read()) ids.Add(Guid.Parse(reader.GetString(0)));
        return ids;
    }

    private void Insert(StoredEvent fact) => Execute(
        writer,
        "INSERT INTO events (stream, revision, id, type, time, actor, causation, previous, hash, data) VALUES ($stream, $revision, $id, $type, $time, $actor, $causation, $previous, $hash, $data)",
        ("$stream", fact.Stream), ("$revision", fact.Revision), ("$id", fact.Id.ToString()), ("$type", fact.Type), ("$time", EventChain.TimeText(fact.Time)),
        ("$actor", fact.Actor), ("$causation", fact.Causation?.ToString()), ("$previous", fact.Previous), ("$hash", fact.Hash), ("$data", fact.Data));

    private void Attach(string stream, long last, IReadOnlyList<NewEvent> events)
    {
        for (var i = 0; i < events.Count; i++)
        {
            if (events[i].Attachment is not { } attachment) continue;
            Execute(writer, "INSERT INTO attachments VALUES ($stream, $revision, $id, $data)", ("$stream", stream), ("$revision", last + 1 + i), ("$id", events[i].Id.ToString()), ("$data", attachment));
            Execute(writer, """
                DELETE FROM attachments WHERE stream = $stream AND revision <= (SELECT revision FROM attachments WHERE stream = $stream ORDER BY revision DESC LIMIT 1 OFFSET $kept)
                """, ("$stream", stream), ("$kept", attachmentsKept));
        }
    }

    private static async IAsyncEnumerable<StoredEvent> Read(SqliteCommand command, [EnumeratorCancellation] CancellationToken stopping)
    {
        using var reader = await command.ExecuteReaderAsync(stopping);
        while (await reader.ReadAsync(stopping))
            yield return new(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), Guid.Parse(reader.GetString(3)), reader.GetString(4),
                reader.IsDBNull(5) ? null : DateTimeOffset.Parse(reader.GetString(5), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
                reader.GetString(6), reader.IsDBNull(7) ? null : Guid.Parse(reader.GetString(7)), reader.GetString(8), reader.GetString(9),
                // A hand that altered it may have left text behind; an audit is to name the event, not to fail.
                reader[10] is byte[] data ? data : System.Text.Encoding.UTF8.GetBytes(reader[10].ToString()!));
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Only constants of this file come in as SQL; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }

    private static void Execute(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteScalar();
    }
}
