using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Windows;

/// <summary>Whose rows a window holds.</summary>
public readonly record struct WindowKey(MonitorId Monitor, Probe Probe);

/// <summary>Where a partition stood when a window closed: what a restart needs so that it reads on with nothing lost and nothing twice.</summary>
/// <param name="First">Offset of the window's first message.</param>
/// <param name="Next">The window holds everything of its monitor before this offset; its monitor goes on here.</param>
/// <param name="OpenFrom">Lowest offset that a window still open on the partition needs: where reading resumes.</param>
/// <param name="OpenFromTime">Event time of the partition before the message at <paramref name="OpenFrom"/>.</param>
public readonly record struct WindowOffsets(long First, long Next, long OpenFrom, DateTimeOffset OpenFromTime);

/// <summary>A window that will not change any more.</summary>
/// <param name="Start">Event time of its earliest message.</param>
/// <param name="End">Event time of its latest message.</param>
/// <param name="Rejected">Messages of the partition that were refused since the window before it closed, by reason.</param>
public sealed record ClosedWindow(
    WindowKey Key,
    WindowOffsets Offsets,
    DateTimeOffset Start,
    DateTimeOffset End,
    ImmutableSortedDictionary<string, long> Rejected,
    WindowSummary Summary)
{
    /// <summary>Profiles of its sequences (<see cref="SequenceProfile"/>): for judging it, not stored.</summary>
    public float[] Profiles { get; init; } = [];

    /// <summary>Codes of some of its sequences (<see cref="SequenceSample"/>), stored beside it; null: none is kept.</summary>
    public byte[]? Sample { get; init; }

    /// <summary>What fired in each of its sequences: for naming the unusual ones, not stored.</summary>
    public SequenceFirings Firings { get; init; } = new();
}
