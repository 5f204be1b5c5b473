using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis;

/// <summary>A closed window and what the detectors say of it.</summary>
/// <param name="Baseline">What it was compared with; null: none is frozen yet, and nothing is decided.</param>
/// <param name="MapProblem">Why features behind the map mean nothing in this window; null: they do, or there is no map.</param>
public sealed record JudgedWindow(ClosedWindow Window, ModelPlan Plan, Baseline? Baseline, ImmutableArray<Finding> Findings, string? MapProblem = null);

/// <summary>③ to ⑥: rows to features to windows to findings. One caller at a time; buffers are reused. Features of many messages at once: <see cref="BatchGroup"/>.</summary>
public sealed class DriftAnalyzer(Catalog catalog)
{
    private readonly BatchGroup alone = new();

    /// <summary>One message by itself.</summary>
    /// <returns>The windows that the message at <paramref name="offset"/> closes, usually none, in the order in which they must be stored.</returns>
    public IEnumerable<ClosedWindow> Analyze(PartitionWindows windows, ActivationBatch batch, long offset)
    {
        if (windows.HasAlready(new(batch.Monitor, batch.Probe), offset)) return Analyze(windows, batch, null, offset);
        alone.Clear();
        var encoded = alone.Add(batch, PlanFor(batch.Monitor));
        alone.Encode();
        return Analyze(windows, batch, encoded, offset);
    }

    /// <param name="encoded">Its rows; null: they are in a stored window already, and only its time counts.</param>
    /// <returns>The windows that the message at <paramref name="offset"/> closes, usually none, in the order in which they must be stored.</returns>
    public IEnumerable<ClosedWindow> Analyze(PartitionWindows windows, ActivationBatch batch, EncodedBatch? encoded, long offset)
    {
        foreach (var old in windows.Advance(batch.SampledAt, offset)) yield return old;
        if (encoded is null) yield break;

        var (key, plan) = (new WindowKey(batch.Monitor, batch.Probe), encoded.Plan);
        var window = windows.WindowFor(key, batch.SampledAt, offset, () => new(plan.Space.Dictionary.Features, plan.Encoder.Dictionary.Width, plan.Sets, plan.Directions, new(plan.Windows.SampleSequences, seed: offset)));
        AddTo(window, encoded);
        foreach (var full in windows.CloseFull(key, offset)) yield return full;
    }

    private ModelPlan PlanFor(MonitorId monitor) => catalog.PlanFor(monitor) ?? throw new InvalidOperationException($"{monitor} is not in the catalog; decoding should have refused it");

    /// <param name="novelty">What its sequences are scored with; null: nothing is fitted yet.</param>
    /// <param name="tails">The monitor's windows before this one; null: there is no baseline.</param>
    /// <param name="canaryMap">What <see cref="MapFit"/> said of the last canary rows; null: there are none.</param>
    public static JudgedWindow Judge(ClosedWindow window, ModelPlan plan, Baseline? baseline, NoveltyModel? novelty, SequenceTails? tails, Verdict? canaryMap = null)
    {
        // A stored window has no profiles any more, and its scores.
        if (novelty is not null && window.Profiles.Length > 0)
        {
            window = window with { Summary = novelty.Scored(window.Summary, window.Profiles, window.Firings) };
            window = window with { Summary = tails is null ? window.Summary with { ProfileSample = ProfileSet.Of(window.Profiles, WindowSummary.SampleMaximum) } : tails.Scored(window) };
        }
        if (baseline is null || tails is null) return new(window, plan, baseline, []);
        var findings = plan.Detectors.Select(detector => Judge(detector, window.Summary, plan, baseline)).ToArray();
        var mapProblem = MapProblemOf(plan, findings.FirstOrDefault(finding => finding.Detector == MapFit.DetectorName), canaryMap);
        if (mapProblem is not null)
            findings = [.. findings.Zip(plan.Detectors, (finding, detector) => detector.ReadsFeatures ? Finding.Without(finding.Detector, Verdict.Undecided, finding.Score, finding.Effect, $"{mapProblem}; else: {finding.Because}") : finding)];
        return new(window, plan, baseline, [.. findings, tails.Judge(window.Summary, window.End)], mapProblem);
    }

    /// <summary>Canary rows tell a map that no longer fits from traffic that the dictionary does not describe: where there are some, they have the say.</summary>
    private static string? MapProblemOf(ModelPlan plan, Finding? fit, Verdict? canaryMap)
    {
        if (fit is null) return null;
        if (plan.Transform.Grade is { } grade && grade > plan.Detection.MinimumGrade) return $"the map has grade {grade}, and detection.minimumGrade is {plan.Detection.MinimumGrade}";
        return (canaryMap ?? fit.Verdict) == Verdict.Drift ? canaryMap is null ? $"the map no longer fits: {fit.Because}" : "the map no longer fits: canary rows are not explained any more" : null;
    }

    /// <summary>Hazard rules carry their own minimum of sequences; all other detectors share one.</summary>
    private static Finding Judge(IDetector detector, WindowSummary window, ModelPlan plan, Baseline baseline) =>
        detector is HazardDetector || window.Sequences >= plan.Detection.SequencesMinimum
            ? detector.Judge(window, baseline)
            : Finding.Without(detector.Name, Verdict.Undecided, 0, 0, $"{window.Sequences} sequences are too few; detection.sequencesMinimum is {plan.Detection.SequencesMinimum}");

    private void AddTo(SummaryBuilder window, EncodedBatch encoded)
    {
        var (rows, width) = (encoded.Rows, encoded.Plan.Encoder.Dictionary.Width);
        window.RowsNotFinite += rows.NotFinite;
        window.RowsZero += rows.Zero;
        window.RowsOutlier += rows.Outliers;
        for (var sequence = 0; sequence < rows.Sequences.Count; sequence++)
        {
            var (first, count) = rows.Sequences[sequence];
            var (energy, error) = (0.0, 0.0);
            for (var row = first; row < first + count; row++)
            {
                energy += rows.EnergyB[row];
                error += encoded.Errors.OfRows[encoded.FirstRow + row];
            }
            window.AddSequence(rows.RowsBD.Slice(first * width, count * width), encoded.Canonical, encoded.FirstCanonicalRow + first, energy, error, encoded.Unmapped(sequence));
        }
    }
}
