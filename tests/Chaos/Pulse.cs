using System.Diagnostics;
using Npgsql;

namespace DriftWatch.Chaos;

/// <summary>How long the record stood still while messages were sent.</summary>
internal sealed class Pulse(Func<long> position)
{
    private static readonly TimeSpan look = TimeSpan.FromMilliseconds(200);

    public TimeSpan Longest { get; private set; }

    public async Task FeelAsync(CancellationToken until)
    {
        var (last, since) = (0L, Stopwatch.GetTimestamp());
        while (!until.IsCancellationRequested)
        {
            await Task.Delay(look, CancellationToken.None);
            try
            {
                if (position() is var now && now == last) continue;
                else last = now;
            }
            catch (NpgsqlException)
            {
                continue;   // The store is away: it stands still.
            }
            if (Stopwatch.GetElapsedTime(since) is var paused && paused > Longest) Longest = paused;
            since = Stopwatch.GetTimestamp();
        }
        if (Stopwatch.GetElapsedTime(since) is var end && end > Longest) Longest = end;
    }
}
