using System.Collections.Immutable;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

public sealed class HazardTrialTests
{
    private const int Sequences = 100;

    private static readonly FeatureSet pair = new([2, 3], Within.Sequence);
    private static readonly HazardRule rule = new("tried", Severity.Warning, "", new HazardFeatures(pair, RateAbove: 0.1, LiftAbove: 2, null, null), MinimumSequences: 50, For: 2);
    private static readonly ModelPlan plan = Some.Plan([rule]);
    private static readonly MonitorId approved = plan.Baseline.From;

    [Fact]
    public void A_rule_is_judged_held_and_alerted_as_the_daemon_would_have()
    {
        // Two in a row raise; three steady ones end; two in a row raise again.
        var result = Try([.. Windows(Some.Monitor, 30, 0, 30, 30, 30, 0, 0, 0, 30, 30)]);

        var monitor = Assert.Single(result.Monitors);
        Assert.Equal((10, 10, 6, 2), (monitor.Windows, monitor.Judged, monitor.Held, monitor.Alerts));
        var part = Assert.Single(monitor.Parts);
        Assert.Equal(("sequence:2+3", 0, new Spread(0, 0.3, 0.3)), (part.Name, part.NotCounted, part.Rate!));
        Assert.Empty(monitor.Undecided);
    }

    [Fact]
    public void Quiet_are_the_baselines_windows_and_those_that_nothing_else_was_alarmed_by()
    {
        var drift = Some.Finding("encoder-fit", Verdict.Drift);
        var steady = Some.Finding("encoder-fit", Verdict.Steady);
        var windows = Windows(Some.Monitor, 0, 0, 30, 0, 0, 0).ToArray();
        AlertEvent[] history =
        [
            .. Windows(approved, 0, 30, 0),
            windows[0] with { Findings = [steady] },
            // The streak that raised the alert, the alert, and its end: none of them is quiet.
            windows[1] with { Findings = [drift] }, windows[2] with { Findings = [drift] }, Drift("a"),
            windows[3] with { Findings = [steady] }, new DriftEnded("a", Some.Monitor, Probe.Traffic, 0, Some.Time, 4),
            windows[4] with { Findings = [steady] },
            // Drift that raised nothing is no alarm.
            windows[5] with { Findings = [drift] },
        ];

        var result = Try(history);

        Assert.Equal([(3, 1), (3, 0)], result.Monitors.OrderBy(monitor => monitor.Monitor == Some.Monitor).Select(monitor => (monitor.Quiet, monitor.QuietHeld)));
        Assert.Equal((6, 1), (result.Quiet, result.QuietHeld));
        Assert.Equal(Statistics.ClopperPearson(1, 6, 0.95), result.FalsePositives);
    }

    [Fact]
    public void An_alert_of_the_tried_rule_itself_excuses_nothing()
    {
        var windows = Windows(Some.Monitor, 30, 30, 0).Select(window => window with { Findings = [Some.Finding("hazard:tried", Verdict.Drift)] }).ToArray();

        var result = Try([windows[0], windows[1], Some.Raised() with { Hazard = "tried" }, windows[2]]);

        Assert.Equal((3, 2), (result.Quiet, result.QuietHeld));
        // One of another rule does.
        var others = Windows(Some.Monitor, 30, 30, 0).Select(window => window with { Findings = [Some.Finding("hazard:other", Verdict.Drift)] }).ToArray();
        Assert.Equal(0, Try([others[0], others[1], Some.Raised() with { Hazard = "other" }, others[2]]).Quiet);
    }

    [Fact]
    public void Named_monitors_are_quiet_and_no_others()
    {
        var result = Try([.. Windows(approved, 0, 0), .. Windows(Some.Monitor, 30, 0, 0)], quiet: Some.Monitor);

        Assert.Equal((3, 1), (result.Quiet, result.QuietHeld));
    }

    [Fact]
    public void Windows_that_have_not_counted_a_set_are_said_and_never_silently_zero()
    {
        var old = Windows(Some.Monitor, 0, 0).Select(window => window with { Summary = SummaryCodec.Encode(Some.Summary(Sequences)) });

        var result = Try([.. old, .. Windows(Some.Monitor, 40)]);

        var monitor = Assert.Single(result.Monitors);
        Assert.Equal((3, 1, 1), (monitor.Windows, monitor.Judged, monitor.Quiet));
        Assert.Equal((2, new Spread(0.4, 0.4, 0.4)), (Assert.Single(monitor.Parts).NotCounted, monitor.Parts[0].Rate!));
        Assert.Equal([("not counted: sequence:2+3", 2)], monitor.Undecided);
    }

    [Fact]
    public async Task What_windows_and_the_baseline_have_not_counted_is_estimated_from_the_samples_beside_them()
    {
        var log = new InMemoryEventLog();
        var trial = new HazardTrial(Some.Catalog(plan), new HashSet<MonitorId>());
        // The pair fires in 1 of 50 sampled sequences of the baseline's window and in 40 of 50 of the other.
        var usual = await StoredAsync(approved, "usual", 1);
        await StoredAsync(Some.Monitor, "odd", 40);
        var uncounted = Some.Summary(Sequences);
        trial.Evolve(new BaselineFrozen(approved, Probe.Traffic, plan.EncodingHash, new('b', 64), Some.Time, uncounted.Rows, uncounted.Sequences, [usual], SummaryCodec.Encode(uncounted)), EventId.From("baseline"));

        var result = Assert.Single(await trial.ResultsAsync(Of(Some.Monitor), log, default));

        var monitor = Assert.Single(result.Monitors);
        Assert.Equal((1, 1, 1), (monitor.Windows, monitor.Judged, monitor.Held));
        Assert.Equal((0, 1, 0.8), (monitor.Parts[0].NotCounted, monitor.Parts[0].Estimated, monitor.Parts[0].Rate!.Median));
        Assert.Equal(40.5 / 1.5, monitor.Parts[0].Lift!.Median, 1e-9);

        async Task<Guid> StoredAsync(MonitorId monitor, string stream, int firing)
        {
            var sample = new SequenceSample([.. Enumerable.Range(0, 50).Select(i => new[] { i < firing ? new[] { 2, 3 } : [2] })]).Encode();
            var window = Windows(monitor, 0).Single() with { Summary = SummaryCodec.Encode(Some.Summary(Sequences)), Sample = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(sample)) };
            var id = EventId.From(stream);
            await log.AppendAsync(stream, -1, [new(id, "window-closed", null, "driftwatch", null, [], sample)], default);
            trial.Evolve(window, id);
            return id;
        }
    }

    [Fact]
    public async Task Without_a_baseline_nothing_is_known()
    {
        var trial = new HazardTrial(Some.Catalog(plan), new HashSet<MonitorId>());
        foreach (var window in Windows(Some.Monitor, 30)) trial.Evolve(window, Guid.Empty);

        var result = Assert.Single(await trial.ResultsAsync(new HashSet<MonitorId>(), new InMemoryEventLog(), default));

        Assert.Equal((0, null), (result.Quiet, result.FalsePositives));
        Assert.Equal([("no baseline is frozen for it in this log", 1)], Assert.Single(result.Monitors).Undecided);
    }

    [Fact]
    public void Windows_of_another_dictionary_and_monitors_that_were_not_asked_for_are_left_out()
    {
        AlertEvent[] history = [.. Windows(approved, 0), .. Windows(Some.Monitor, 30).Select(window => window with { Encoding = "another" })];

        Assert.Equal([approved], Try(history).Monitors.Select(monitor => monitor.Monitor));
        Assert.Empty(Try([.. Windows(approved, 0)], only: Some.Monitor).Monitors);
    }

    private static TrialRule Try(IEnumerable<AlertEvent> history, MonitorId? quiet = null, MonitorId? only = null)
    {
        var trial = new HazardTrial(Some.Catalog(plan), Of(quiet));
        // The baseline counted the pair in five of a hundred sequences. It comes last: windows before it are tried too.
        foreach (var fact in history) trial.Evolve(fact, Guid.Empty);
        var baseline = Summary(5);
        trial.Evolve(new BaselineFrozen(approved, Probe.Traffic, plan.EncodingHash, new('b', 64), Some.Time, baseline.Rows, baseline.Sequences, [], SummaryCodec.Encode(baseline)), Guid.Empty);
        return Assert.Single(trial.ResultsAsync(Of(only), new InMemoryEventLog(), default).GetAwaiter().GetResult());
    }

    private static HashSet<MonitorId> Of(MonitorId? monitor) => monitor is { } named ? [named] : [];

    /// <summary>Windows in which the pair fires in so many of a hundred sequences.</summary>
    private static IEnumerable<WindowClosed> Windows(MonitorId monitor, params int[] firing) =>
        firing.Select((count, number) => Some.Closed(Some.Judged(number, plan, [], monitor, summary: Summary(count))));

    private static WindowSummary Summary(int firing) =>
        Some.Summary(Sequences) is var summary ? summary with { Sets = summary.Sets.Add(pair.Key, new(firing, firing, firing, firing)) } : null!;

    private static DriftDetected Drift(string alert) => new(
        alert, Some.Monitor, Probe.Traffic, 0, Severity.Warning, "unclear", 3, 300, Some.Raised().Window, []);
}
