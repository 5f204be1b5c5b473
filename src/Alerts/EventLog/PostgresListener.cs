using Npgsql;

namespace DriftWatch.Alerts.EventLog;

/// <summary>Hears of what other daemons append: LISTEN on a connection of its own. Nothing rests on it: whoever follows the log polls as well, so where it cannot listen (a pooler between, which hands out connections by the transaction) events come a poll later.</summary>
/// <param name="connectionString">Of Npgsql.</param>
/// <param name="heard">Called for each notice, and when listening has begun: what was appended before is read then.</param>
internal sealed class PostgresListener(string connectionString, Action heard, TimeProvider time) : IDisposable
{
    public const string Channel = "driftwatch_appended";

    /// <summary>Between attempts to connect. Meanwhile the poll finds everything, so there is no hurry.</summary>
    private static readonly TimeSpan again = TimeSpan.FromSeconds(5);

    /// <summary>A connection that is dead without having said so is found out within this.</summary>
    private const int KeepAliveSeconds = 15;

    private readonly CancellationTokenSource stopped = new();
    private int started;

    /// <summary>For the first follower; what nobody follows needs no connection.</summary>
    public void Start()
    {
        if (Interlocked.Exchange(ref started, 1) == 0) _ = ListenAsync(stopped.Token);
    }

    public void Dispose()
    {
        stopped.Cancel();
        stopped.Dispose();
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        // Off the caller's thread, and not in the pool, whose connections forget what they listen to.
        await Task.Yield();
        var connecting = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, KeepAlive = KeepAliveSeconds, ApplicationName = "driftwatch listener" }.ConnectionString;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(connecting);
                connection.Notification += (_, _) => heard();
                await connection.OpenAsync(stopping);
                await using (var command = new NpgsqlCommand($"LISTEN {Channel}", connection)) await command.ExecuteNonQueryAsync(stopping);
                heard();
                while (true) await connection.WaitAsync(stopping);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is NpgsqlException or IOException or TimeoutException or InvalidOperationException)
            {
                // The store's own errors are told by whoever asks it something.
                await Task.Delay(again, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
