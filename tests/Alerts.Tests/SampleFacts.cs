using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

/// <summary>One fact of each stored type, with every member set: what Samples/*.json was made from.</summary>
internal static class SampleFacts
{
    private static readonly AlertWindow window = new(Some.Time, Some.Time.AddHours(1), 120, 240, 20_011, 312, 0.31, 0.25, 14.5, 12.25, "B");

    private static readonly ImmutableArray<AlertFinding> findings =
    [
        new("firing-rate-shift", 7.25, 3.5, "3 of 2048 features \"fire\" more often – ∞ care", 3, [new(812, null, "hostile text", 0.001, 0.02, 7.25, 1e-12), new(90, "token:90+812", null, 0, 0.004, 4, 6e-05)]),
    ];

    /// <summary>What was added to types that had samples already, by the sample's name.</summary>
    public static IReadOnlyDictionary<string, AlertEvent> Later => new Dictionary<string, AlertEvent>(StringComparer.Ordinal)
    {
        ["drift-detected-tails"] = new DriftDetected("0123456789ab", Some.Monitor, Probe.Traffic, 3, Severity.Warning, "model", 7, 2184, window,
            [new("sequence-tails", 1250, 0.003, "unusual sequences are more frequent than before", 1, [new(812, null, "hostile text", 0.001, 0.02, 0, 1e-12, 15.5, 26, 812)])], "sequence-tails", "canary rows drift too"),
        ["drift-ended-tails"] = new DriftEnded("0123456789ab", Some.Monitor, Probe.Traffic, 3, Some.Time.AddHours(4), 11, "sequence-tails"),
        ["hazard-detected-evidence"] = new HazardDetected("ba9876543210", Some.Monitor, Probe.Traffic, 3, "backdoor-hostile", Severity.Critical, "hostile", "input", 7, 2184, window, findings, "the last 4 canary windows are steady"),
        ["drift-detected-prefix"] = new DriftDetected("0123456789ab", Some.Monitor, Probe.Traffic, 3, Severity.Warning, "unclear", 7, 2184, window,
            [new("firing-rate-shift", 7.25, 3.5, "1 feature fires more often", 1, [new(812, null, null, 0.001, 0.02, 7.25, 1e-12, Prefix: 1024)])]),
        ["drift-detected-mapped"] = new DriftDetected("0123456789ab", Some.Monitor, Probe.Traffic, 3, Severity.Warning, "mapping", 7, 2184, window with { Transform = new('5', 64) }, findings),
        ["window-closed-sample"] = (WindowClosed)All.First() with { Sample = new('6', 64) },
        ["baseline-frozen-novelty"] = new BaselineFrozen(Some.Monitor, Probe.Traffic, new('2', 64), new('4', 64), Some.Time, 50_000, 800, [EventId.From("a")], [9, 8, 7], [1, 2, 3]),
    };

    public static IEnumerable<AlertEvent> All =>
    [
        new WindowClosed(
            Some.Monitor, Probe.Canary, 3, new(120, 240, 180, Some.Time.AddMinutes(-5)), Some.Time, Some.Time.AddHours(1), 20_011, 312, 1, 2, 3, 0.31, 14.5,
            ImmutableSortedDictionary<string, long>.Empty.Add("truncated", 4).Add("bad-dtype", 1), "tinystories-l3/v1", new('1', 64), "identity", new('2', 64), new('3', 64), new('4', 64),
            [Finding.With("firing-rate-shift", Verdict.Drift, 7.25, 3.5, "3 features fire more often", [new FeatureEvidence(812, null, 0.001, 0.02, 7.25, 1e-12)]), Finding.Without("hazard:backdoor", Verdict.Undecided, 0, 0, "too few")],
            [1, 2, 254, 255]),
        new DriftDetected("0123456789ab", Some.Monitor, Probe.Traffic, 3, Severity.Warning, "unclear", 7, 2184, window, findings),
        new DriftEnded("0123456789ab", Some.Monitor, Probe.Traffic, 3, Some.Time.AddHours(4), 11),
        new HazardDetected("ba9876543210", Some.Monitor, Probe.Traffic, 3, "backdoor-hostile", Severity.Critical, "hostile-text features fire together after a trigger", "model", 7, 2184, window, findings),
        new HazardEnded("ba9876543210", Some.Monitor, Probe.Traffic, 3, "backdoor-hostile", Some.Time.AddHours(4), 11),
        new BaselineFrozen(Some.Monitor with { Version = "base" }, Probe.Traffic, new('2', 64), new('4', 64), Some.Time, 50_000, 800, [EventId.From("a"), EventId.From("b")], [9, 8, 7]),
        new CatalogChanged(new('3', 64), "{\"spaces\":[]}"),
        new TransformInstalled(new('5', 64), "acme/support-bot", "blocks.12.hook_resid_post", "tinystories-l3/v1", ImmutableSortedDictionary<string, string>.Empty.Add("kind", "affine").Add("grade", "C")),
        new AlertAcknowledged("0123456789ab", Some.Monitor, "looking into it"),
        new AlertMuted("0123456789ab", Some.Monitor, "known: new system prompt", Some.Time.AddDays(1)),
        new AlertResolved("0123456789ab", Some.Monitor, "rolled back to 2026-11-20.2"),
    ];
}
