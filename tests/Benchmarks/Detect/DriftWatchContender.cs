using System.Collections.Immutable;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>The product with its defaults, on summaries: its detectors, its sequence tails, its alert policy. The only file here that knows how the product decides.</summary>
/// <remarks>
/// As the daemon does it: novelty is fitted on the baseline's windows up to a fifth of its rows and scores the others; each window is judged, its alerts are decided, and it is taken in.
/// Alarm: an alert is raised. The stated run time is the threshold: there is no other score.
/// </remarks>
/// <param name="dictionary">0 the SAE, 1 the random dictionary.</param>
internal sealed class DriftWatchContender(string name, int dictionary, DetectOptions options) : IContender
{
    private static readonly WindowKey key = new(new("bench", "1", "hook"), Probe.Traffic);

    private readonly DetectionOptions detection = new() { RunTime = new(options.RunTime, Days: false) };
    private ModelPlan? plan;
    private Baseline? baseline;
    private SequenceTails? tails;

    /// <summary>What was judged before the runs part, as stored: tails have no copy, they are a fold of the windows.</summary>
    private readonly List<WindowSummary> stored = [];
    private AlertBook book = AlertBook.Empty;

    public string Name => name;
    public string Rule => $"an alert is raised; stated run time {detection.RunTime}";
    public bool StatesRunTime => true;

    public void Learn(Sample sample, FastRandom random)
    {
        var summary = sample.Summaries[dictionary];
        var (fitted, rows) = (0, 0L);
        for (; rows < summary.Rows / NoveltyModel.BaselineParts; fitted++) rows += sample.Pool.LengthOf(sample.Quiet[fitted]);
        fitted = Math.Min(sample.Sequences, (fitted + options.Window - 1) / options.Window * options.Window);
        var fold = new SummaryFold(dictionary, sample.Pool);
        fold.Add(sample.Pool, sample.Quiet.AsSpan(0, fitted));
        var novelty = NoveltyModel.Fit(fold.Build());
        plan = BenchPlan.Of(key.Monitor, summary.Features, summary.Width, detection);
        for (var first = fitted; novelty is not null && first < sample.Sequences; first += options.Window)
            summary = WithSingleSequences(summary, novelty, sample, first, Math.Min(options.Window, sample.Sequences - first));
        baseline = new(key, plan.EncodingHash, "hash", summary, novelty);
        tails = NewTails();
    }

    public Reading Read(Sample window)
    {
        var raised = Judge(window).Facts.Any(fact => fact is DriftDetected);
        return new(raised ? 1 : 0, raised);
    }

    /// <summary>The window as the product would store it, and what would follow.</summary>
    public (JudgedWindow Judged, IReadOnlyList<AlertEvent> Facts) Judge(Sample window)
    {
        var closed = new ClosedWindow(key, default, default, default, ImmutableSortedDictionary<string, long>.Empty, window.Summaries[dictionary]) { Profiles = window.Profiles[dictionary], Firings = window.Firings[dictionary] };
        var judged = DriftAnalyzer.Judge(closed, plan!, baseline, baseline!.Novelty, tails);
        var summary = judged.Window.Summary;
        var closedEvent = new WindowClosed(
            key.Monitor, key.Probe, 0, default, default, default, summary.Rows, summary.Sequences, 0, 0, 0, summary.Fvu, summary.L0.Ratio,
            closed.Rejected, plan!.Space.Id, "", "", plan.EncodingHash, "", baseline.Hash, judged.Findings, []);
        var facts = AlertPolicy.Decide(book, closedEvent, judged);
        book = facts.Prepend(closedEvent).Aggregate(book, AlertBook.Evolve);
        tails!.Take(summary, default);
        if (stored.Count < options.QuietWindows) stored.Add(summary);
        return (judged, facts);
    }

    public IContender Fork(IReadOnlyList<Sample> read)
    {
        if (read.Count > stored.Count) throw new InvalidOperationException($"{read.Count} windows were read before the runs part and {stored.Count} kept");
        var fork = (DriftWatchContender)MemberwiseClone();
        fork.tails = NewTails();
        foreach (var summary in stored.Take(read.Count)) fork.tails.Take(summary, default);
        return fork;
    }

    private SequenceTails NewTails() => new(baseline!, sameVersion: !options.OtherVersion, detection);

    /// <summary>What a baseline's window keeps of single sequences, added to the sums of all its windows.</summary>
    private WindowSummary WithSingleSequences(WindowSummary summary, NoveltyModel novelty, Sample sample, int first, int count)
    {
        var profiles = sample.Profiles[dictionary].AsSpan(first * SequenceProfile.Length, count * SequenceProfile.Length);
        var firings = new SequenceFirings();
        Sampler.AddFirings(firings, sample.Pool.Tables[dictionary], sample.Quiet.AsSpan(first, count));
        var window = novelty.Scored(WindowSummary.Empty(summary.Features, summary.Width), profiles, firings);
        return summary with
        {
            Scores = summary.Scores.SetItem(ScoreNames.Novelty, summary.Score(ScoreNames.Novelty).Merge(window.Score(ScoreNames.Novelty))),
            Unusual = summary.Unusual is null ? window.Unusual : summary.Unusual.Merge(window.Unusual!),
            ProfileSample = summary.ProfileSample.Merge(ProfileSet.Of(profiles, WindowSummary.SampleMaximum), WindowSummary.MergedSampleMaximum),
        };
    }
}
