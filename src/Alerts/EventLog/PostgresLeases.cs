using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Leases among all daemons of a PostgreSQL database: advisory locks, each held by a connection of its own.</summary>
/// <remarks>
/// Nothing has to expire: the server frees the lock when the connection ends, at once when the holder's process dies and within about ten seconds (TCP keepalive, set for this connection) when its
/// machine or the network goes silent. A lock belongs to a session, so the address must not lead through a proxy that shares sessions (PgBouncer's transaction pooling).
/// </remarks>
internal sealed class PostgresLeases : ILeases, IDisposable
{
    private static readonly TimeSpan poll = TimeSpan.FromSeconds(1);
    private const int AnswerSeconds = 5;

    private readonly NpgsqlDataSource connections;
    private readonly TimeProvider time;

    /// <param name="connectionString">Of Npgsql.</param>
    public PostgresLeases(string connectionString, TimeProvider time)
    {
        this.time = time;
        connections = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
        {
            // A pooled connection would go on holding what it held.
            Pooling = false,
            CommandTimeout = AnswerSeconds,
            Options = "-c tcp_keepalives_idle=4 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
        });
    }

    public async Task<ILease> TakeAsync(string name, CancellationToken stopping)
    {
        var number = BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"driftwatch lease {name}")));
        NpgsqlConnection? connection = null;
        try
        {
            while (true)
            {
                try
                {
                    connection ??= await connections.OpenConnectionAsync(stopping);
                    if (await AskAsync(connection, "SELECT pg_try_advisory_lock(@number)", number, stopping))
                    {
                        var held = new Held(connection, number, time);
                        connection = null;
                        return held;
                    }
                }
                catch (NpgsqlException error) when (error.IsTransient)
                {
                    // Away: the log, which waits for it too, says so.
                    if (connection is not null) await connection.DisposeAsync();
                    connection = null;
                }
                await Task.Delay(poll, time, stopping);
            }
        }
        finally
        {
            if (connection is not null) await connection.DisposeAsync();
        }
    }

    public void Dispose() => connections.Dispose();

    private static async Task<bool> AskAsync(NpgsqlConnection connection, string question, long number, CancellationToken stopping)
    {
#pragma warning disable CA2100 // Only constants of this file.
        await using var command = new NpgsqlCommand(question, connection);
#pragma warning restore CA2100
        command.Parameters.AddWithValue("number", number);
        return (bool)(await command.ExecuteScalarAsync(stopping))!;
    }

    private sealed class Held : ILease
    {
        // Of the two-part key that the server shows a 64-bit one as.
        private const string IsMine = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND ((classid::bigint << 32) | objid::bigint) = @number)";

        private readonly NpgsqlConnection connection;
        private readonly CancellationTokenSource lost = new(), released = new();
        private readonly Task watching;

        public Held(NpgsqlConnection connection, long number, TimeProvider time)
        {
            this.connection = connection;
            watching = WatchAsync(number, time);
        }

        public CancellationToken Lost => lost.Token;

        public async ValueTask DisposeAsync()
        {
            await released.CancelAsync();
            await watching;
            await connection.DisposeAsync();
            lost.Dispose();
            released.Dispose();
        }

        /// <summary>As long as the connection answers the lock is ours.</summary>
        private async Task WatchAsync(long number, TimeProvider time)
        {
            try
            {
                do await Task.Delay(poll, time, released.Token);
                while (await AskAsync(connection, IsMine, number, released.Token));
            }
            catch (Exception error) when (error is NpgsqlException or InvalidOperationException or IOException)
            {
                // The connection is gone, and the lock with it.
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await lost.CancelAsync();
        }
    }
}
