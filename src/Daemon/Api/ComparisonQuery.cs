using System.Globalization;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Daemon.Api;

/// <summary>What a comparison is asked with, as text from a query or a command line.</summary>
public static class ComparisonQuery
{
    /// <exception cref="NotComparableException">It is neither.</exception>
    public static Probe Probe(string name, string? text) => text switch
    {
        null or "traffic" => Analysis.Activations.Probe.Traffic,
        "canary" => Analysis.Activations.Probe.Canary,
        _ => throw Misspelt($"{name} is '{text}'. Use traffic or canary."),
    };

    /// <summary>RFC 3339; null where it is not given.</summary>
    public static DateTimeOffset? Time(string name, string? text) =>
        text is null ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time
        : throw Misspelt($"{name} is '{text}'. Use an event time, as in 2026-11-20T12:00:00Z or 2026-11-20.");

    public static int Count(string name, string? text, int usual, int maximum) =>
        text is null ? usual
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count >= 1 && count <= maximum ? count
        : throw Misspelt($"{name} is '{text}'. Use 1 to {maximum}.");

    private static NotComparableException Misspelt(string message) => new(NotComparable.Misspelt, message);
}
