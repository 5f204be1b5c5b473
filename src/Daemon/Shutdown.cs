using Microsoft.Extensions.Hosting;

namespace DriftWatch.Daemon;

/// <summary>From the wish to stop to the end: nothing new is taken, what is in work is finished, and at the deadline the process ends anyway.</summary>
/// <remarks>Nothing is lost by ending early: what is not stored is read again by the partition's next owner, and alerts that are not sent are in the log.</remarks>
public sealed class Shutdown : IDisposable
{
    private readonly CancellationTokenSource giveUp;
    private readonly CancellationTokenRegistration asked;
    private readonly TimeSpan within;

    public Shutdown(IHostApplicationLifetime lifetime, TimeSpan within, TimeProvider time)
    {
        this.within = within;
        Stopping = lifetime.ApplicationStopping;
        giveUp = new(Timeout.InfiniteTimeSpan, time);
        asked = Stopping.Register(() => giveUp.CancelAfter(within));
    }

    /// <summary>Take nothing new.</summary>
    public CancellationToken Stopping { get; }

    /// <summary>Leave what is in work.</summary>
    public CancellationToken GiveUp => giveUp.Token;

    /// <summary>What was left at the deadline, for the operator; null: everything was finished.</summary>
    public string? Unfinished { get; private set; }

    /// <param name="work">What did not come to its end.</param>
    /// <param name="because">What it waited for; null: it was just slow.</param>
    public void Left(string work, string? because) =>
        Unfinished = $"{work} was not finished within shutdownWithin ({within}){(because is null ? "" : $", because {because}")}. Nothing is lost: what is not stored is read again from the last stored window, and alerts that were not sent are in the event log.";

    public void Dispose()
    {
        asked.Dispose();
        giveUp.Dispose();
    }
}
