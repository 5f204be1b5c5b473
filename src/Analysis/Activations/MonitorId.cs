using System.Text;

namespace DriftWatch.Analysis.Activations;

/// <summary>What is watched: one version of a model at one hook. Prints as <c>model@version/hook</c>.</summary>
public readonly record struct MonitorId(string Model, string Version, string Hook) : IComparable<MonitorId>
{
    /// <summary>Longest model, version or hook that is accepted, in characters; they become stream names and metric labels.</summary>
    public const int PartLengthMaximum = 200;

    public override string ToString() => $"{Model}@{Version}/{Hook}";

    public int CompareTo(MonitorId other) => string.CompareOrdinal(ToString(), other.ToString());

    /// <summary>Reads <c>model@version/hook</c>: the first <c>@</c> ends the model, the first <c>/</c> after it the version.</summary>
    public static bool TryParse(string text, out MonitorId monitor)
    {
        monitor = default;
        var at = text.IndexOf('@');
        if (at <= 0) return false;
        var slash = text.IndexOf('/', at);
        if (slash <= at + 1 || slash == text.Length - 1) return false;
        monitor = new(text[..at], text[(at + 1)..slash], text[(slash + 1)..]);
        return monitor.Problem is null;
    }

    /// <summary>Why this cannot be a monitor, or null. A model holds no <c>@</c> and a version no <c>/</c>, so that the printed form reads back.</summary>
    public string? Problem =>
        PartProblem("model", Model, '@') ?? PartProblem("version", Version, '/') ?? PartProblem("hook", Hook, null);

    private static string? PartProblem(string name, string part, char? forbidden)
    {
        if (part.Length == 0) return $"{name} is empty";
        if (part.Length > PartLengthMaximum) return $"{name} has {part.Length} characters; use {PartLengthMaximum} or fewer";
        // First, so that the message that shows the part goes into a log line as one line.
        foreach (var rune in part.EnumerateRunes())
            if (Rune.IsControl(rune) || rune == Rune.ReplacementChar) return $"{name} holds a control character or is not valid UTF-8";
        return forbidden is { } separator && part.Contains(separator) ? $"{name} '{part}' holds '{separator}', which separates the parts of model@version/hook" : null;
    }
}

/// <summary>Where rows come from: production traffic, or the same fixed prompts for each version (what differs there is the model, never the input).</summary>
public enum Probe : byte
{
    Traffic,
    Canary,
}
