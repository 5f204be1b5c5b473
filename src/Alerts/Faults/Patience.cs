namespace DriftWatch.Alerts.Faults;

/// <summary>How a <see cref="Dependency"/> is asked.</summary>
public sealed record Patience
{
    /// <summary>An attempt that takes longer has failed. It may still take effect: whatever is asked must bear being asked twice.</summary>
    public TimeSpan Attempt { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Before the second attempt; it doubles from there, with jitter, so that many daemons do not come back at one instant.</summary>
    public TimeSpan DelayFirst { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Also about how long it takes at most to notice that the dependency is back.</summary>
    public TimeSpan DelayLongest { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Attempts, of all callers and within <see cref="BreakWindow"/>, before the breaker can open.</summary>
    public int BreakAttempts { get; init; } = 6;

    public TimeSpan BreakWindow { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an open breaker keeps everybody off before one caller tries.</summary>
    public TimeSpan Break { get; init; } = TimeSpan.FromSeconds(5);
}
