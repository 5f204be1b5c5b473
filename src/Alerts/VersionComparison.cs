using System.Collections.Immutable;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>One side of a comparison: whose windows, and how well they describe it.</summary>
/// <param name="Summary">Their sum.</param>
/// <param name="LeftOut">Windows within the stretch that were stored under another dictionary, transform or outlierNorm than the configuration's.</param>
/// <param name="Start">Event time of the earliest message, and <paramref name="End"/> of the latest.</param>
public sealed record ComparedVersion(MonitorId Monitor, ModelPlan Plan, WindowSummary Summary, int Windows, int LeftOut, DateTimeOffset Start, DateTimeOffset End)
{
    /// <summary>Canonical features that its feature map reaches; null: all.</summary>
    public bool[]? ReachedF => Plan.Own?.Map.ReachedT;

    /// <summary><c>identity</c>, <c>affine</c>, <c>feature-map</c> …</summary>
    public string TransformKind => Plan.Transform.Card?.Kind ?? "identity";
}

/// <summary>What differs between two versions or models, and how far to trust it.</summary>
public sealed record ComparedVersions(ComparisonRequest Request, ComparedVersion A, ComparedVersion B, FeatureComparison Comparison)
{
    /// <summary>Of the canonical space that both are seen in.</summary>
    public CanonicalSpace Space => B.Plan.Space;
    public DetectionOptions Detection => B.Plan.Detection;
}

/// <summary>A fold of stored windows, in any order: the sums of two monitors, and what differs between them. Keeps the two sums and no window.</summary>
public sealed class VersionComparison(Catalog catalog, ComparisonRequest request)
{
    private readonly SortedSet<MonitorId> seen = [];
    private Sum a, b;

    /// <summary>Whether the stream holds windows of either side; others need not be read.</summary>
    public bool Wants(string stream)
    {
        if (StreamNames.WatchedIn(stream) is not { } monitor) return false;
        seen.Add(monitor);
        return monitor == request.A || monitor == request.B;
    }

    public void Evolve(WindowClosed window)
    {
        if (!request.Holds(window)) return;
        if (window.Monitor == request.A) a.Add(window, catalog.PlanFor(request.A)!);
        if (window.Monitor == request.B) b.Add(window, catalog.PlanFor(request.B)!);
    }

    public long Windows => a.Windows + b.Windows;

    /// <param name="there">Monitors that could be asked for, where these were not seen by <see cref="Wants"/>.</param>
    /// <exception cref="NotComparableException">A side has no windows, or too few sequences.</exception>
    public ComparedVersions Result(IEnumerable<MonitorId>? there = null)
    {
        var monitors = there?.ToArray() ?? [.. seen];
        var (sideA, sideB) = (Side(request.A, a, monitors), Side(request.B, b, monitors));
        return new(request, sideA, sideB, FeatureComparison.Of(new(sideA.Summary, sideA.ReachedF), new(sideB.Summary, sideB.ReachedF), sideB.Plan.Detection.FalseDiscoveryRate));
    }

    private ComparedVersion Side(MonitorId monitor, in Sum sum, IReadOnlyCollection<MonitorId> there)
    {
        var plan = catalog.PlanFor(monitor)!;
        if (sum.Summary is not { } summary)
            throw new NotComparableException(NotComparable.Unknown, sum.LeftOut > 0
                ? $"The {sum.LeftOut} {Described} of {monitor} are stored under another dictionary, transform or outlierNorm than the configuration's. Use the configuration that they were stored under, or analyse the recorded messages again into a new log."
                : $"There are no {Described} of {monitor}. There are windows of: {(there.Count == 0 ? "none" : string.Join(", ", there.Take(ShownMaximum)))}{(there.Count > ShownMaximum ? $" and {there.Count - ShownMaximum} more" : "")}.");
        if (summary.Sequences < plan.Detection.SequencesMinimum)
            throw new NotComparableException(NotComparable.Incomparable, $"The {Described} of {monitor} hold {summary.Sequences} sequences, too few to compare; detection.sequencesMinimum is {plan.Detection.SequencesMinimum}. Use more windows.");
        return new(monitor, plan, summary, sum.Windows, sum.LeftOut, sum.Start, sum.End);
    }

    private const int ShownMaximum = 20;

    private string Described =>
        $"stored {request.Probe.ToString().ToLowerInvariant()} windows{(request.From is { } from ? $" from {from:u}" : "")}{(request.To is { } to ? $" to {to:u}" : "")}";

    /// <summary>One side so far.</summary>
    private struct Sum
    {
        public WindowSummary? Summary { get; private set; }
        public int Windows { get; private set; }
        public int LeftOut { get; private set; }
        public DateTimeOffset Start { get; private set; }
        public DateTimeOffset End { get; private set; }

        public void Add(WindowClosed window, ModelPlan plan)
        {
            if (window.Encoding != plan.EncodingHash)
            {
                LeftOut++;
                return;
            }
            var summary = Slim(SummaryCodec.Decode(window.Summary));
            (Start, End) = Windows == 0 ? (window.Start, window.End) : (window.Start < Start ? window.Start : Start, window.End > End ? window.End : End);
            Summary = Summary?.Merge(summary) ?? summary;
            Windows++;
        }

        /// <summary>Without what no comparison looks at, so that sums stay small.</summary>
        private static WindowSummary Slim(WindowSummary summary) => summary with
        {
            Sets = summary.Sets.Clear(),
            Scores = summary.Scores.Clear(),
            SequenceSquareD = [],
            SequenceByLengthD = [],
            ActivationSquareD = [],
            ProfileSum = [],
            ProfileProducts = [],
            Unusual = null,
            ProfileSample = ProfileSet.Empty,
        };
    }
}
