using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace DriftWatch.Ingest.Spool;

/// <summary>① Messages from a file of this machine that HTTP clients fill: a partition 0 without a broker.</summary>
/// <remarks>
/// A batch is on disk (SQLite, synchronous = FULL) before its client hears 202, and is deleted when no open window needs it any more. Offsets go on
/// after a deletion (SQLite's AUTOINCREMENT). The time of acceptance is stored with the batch, as a broker does, so reading again gives the same.
/// </remarks>
public sealed class SpoolSource : IActivationSource, IIntake, IDeadLetters, IDisposable
{
    private readonly SpoolOptions options;
    private readonly TimeProvider time;
    private readonly SemaphoreSlim gate = new(1);
    private readonly Channel<bool> arrived = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SqliteConnection connection;
    private long handled;
    private long deletedBefore;

    public SpoolSource(SpoolOptions options, TimeProvider time)
    {
        SQLitePCL.Batteries_V2.Init();
        (this.options, this.time) = (options, time);
        connection = new(new SqliteConnectionStringBuilder { DataSource = options.Path, Pooling = false }.ToString());
        connection.Open();
        Execute("PRAGMA journal_mode = WAL");
        Execute("""
            PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS inbox (message INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, value BLOB NOT NULL);
            CREATE TABLE IF NOT EXISTS rejected (message INTEGER PRIMARY KEY, reason TEXT NOT NULL, explanation TEXT NOT NULL, value BLOB NOT NULL);
            """);
    }

    public async Task<(int Partition, long Offset)> AcceptAsync(ReadOnlyMemory<byte> value, string key, CancellationToken stopping)
    {
        await gate.WaitAsync(stopping);
        try
        {
            // What the loop has handled and open windows still need does not count: they close only with what comes in, so refusing it would keep them open for good.
            var bytes = Number("SELECT coalesce(sum(length(value)), 0) FROM inbox WHERE message > $handled", ("$handled", handled));
            if (bytes + value.Length > options.BytesMaximum)
                throw new IntakeFullException($"{bytes} bytes wait in the spool and spool.bytesMaximum is {options.BytesMaximum}: the daemon is behind. Try again later");
            // The table counts from 1; offsets, like Kafka's, from 0.
            var offset = Number(
                "INSERT INTO inbox (received, value) VALUES ($received, $value) RETURNING message", ("$received", time.GetUtcNow().ToUnixTimeMilliseconds()), ("$value", value.ToArray())) - 1;
            arrived.Writer.TryWrite(true);
            return (0, offset);
        }
        catch (SqliteException error) when (IsTransient(error))
        {
            throw new IntakeFullException($"The spool does not take the batch: {error.Message} Try again later");
        }
        finally
        {
            gate.Release();
        }
    }

    public async IAsyncEnumerable<SourceEvent> ReadAsync([EnumeratorCancellation] CancellationToken stopping)
    {
        var assigned = new PartitionAssigned(0);
        yield return assigned;
        var next = await assigned.Begin.WaitAsync(stopping) ?? 0;
        while (true)
        {
            while (await NextAsync(next, stopping) is { } message)
            {
                next = message.Offset + 1;
                yield return new MessageReceived(message);
            }
            await arrived.Reader.ReadAsync(stopping);
        }
    }

    public void Acknowledge(int partition, long openFrom, long next)
    {
        gate.Wait();
        try
        {
            handled = next;
            if (openFrom == deletedBefore) return;
            Execute("DELETE FROM inbox WHERE message <= $before", ("$before", openFrom));
            deletedBefore = openFrom;
        }
        catch (SqliteException error) when (IsTransient(error))
        {
            // What is not deleted now is deleted with the next.
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>A batch that was accepted under another catalog: its client is gone, so it stays in the file's table <c>rejected</c>.</summary>
    public async Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping)
    {
        await gate.WaitAsync(stopping);
        try
        {
            // Refused again after a restart it is the same row.
            Execute(
                "INSERT OR REPLACE INTO rejected VALUES ($message, $reason, $explanation, $value)",
                ("$message", message.Offset + 1), ("$reason", reason), ("$explanation", explanation), ("$value", message.Value.ToArray()));
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>There is no other partition to wait for; the reader goes on with the message it has.</summary>
    public bool CanPostpone => false;

    public void Dispose()
    {
        connection.Dispose();
        gate.Dispose();
    }

    /// <summary>A lock that somebody holds, a disk that is full or does not answer.</summary>
    private static bool IsTransient(SqliteException error) => error.SqliteErrorCode is 5 or 6 or 10 or 13;

    private async Task<RawMessage?> NextAsync(long from, CancellationToken stopping)
    {
        await gate.WaitAsync(stopping);
        try
        {
            using var command = Command("SELECT message, received, value FROM inbox WHERE message > $from ORDER BY message LIMIT 1", ("$from", from));
            using var reader = command.ExecuteReader();
            return reader.Read() ? new(0, reader.GetInt64(0) - 1, (byte[])reader[2], default, [], DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(1))) : null;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>For tests: how durable the file is set to be.</summary>
    internal object? Pragma(string name)
    {
        using var command = Command($"PRAGMA {name}");
        return command.ExecuteScalar();
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Only constants of this file come in as SQL; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value);
        return command;
    }

    private void Execute(string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using var command = Command(sql, values);
        command.ExecuteNonQuery();
    }

    private long Number(string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using var command = Command(sql, values);
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }
}
