using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Tests.Simulation;

public sealed class ReplayTests
{
    private readonly SmallWorld world = new();

    public static TheoryData<int, int> Seeds => new(Enumerable.Range(0, 20).Select(seed => (seed, 1 + seed % 4)));

    [Theory, MemberData(nameof(Seeds))]
    public async Task Under_the_same_catalog_every_finding_and_alert_is_the_recorded_one_to_the_byte(int seed, int threads)
    {
        var log = await LogAsync(seed);

        var (recorded, replayed) = (new List<string>(), new List<string>());
        await foreach (var step in new WindowReplay(world.Catalog, new HashSet<MonitorId>()) { Parallelism = threads }.RunAsync(log, TestContext.Current.CancellationToken))
        {
            if (step.Fact is WindowClosed window) recorded.Add(Text(window with { Summary = [] }));
            else if (step.Fact is DriftDetected or DriftEnded or HazardDetected or HazardEnded) recorded.Add(Text(step.Fact));
            if (step.Closed is not null) replayed.AddRange([Text(step.Closed), .. step.Decided.Select(Text)]);
        }

        Assert.Equal(recorded, replayed);
        Assert.Contains(replayed, text => text.Contains("drift-detected", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_replay_writes_nothing_and_compares_alert_by_alert()
    {
        var log = await LogAsync(1);
        var before = await SmallWorld.ContentAsync(log);

        var same = await ReportAsync(log, world.Catalog);

        Assert.Equal(before, await SmallWorld.ContentAsync(log));
        Assert.All(same, monitor => Assert.Equal((monitor.Windows, monitor.Windows, 0), (monitor.Redecided, monitor.AsRecorded, monitor.OtherEncoding)));
        Assert.NotEmpty(same.SelectMany(monitor => monitor.Alerts));
        Assert.All(same.SelectMany(monitor => monitor.Alerts), alert => Assert.Equal(AlertChange.Same, alert.Change));
    }

    [Fact]
    public async Task Waiting_longer_makes_alerts_later_and_looser_rules_make_them_go()
    {
        var log = await LogAsync(1);

        var bad = Bad(await ReportAsync(log, With(plan => plan with { Detection = plan.Detection with { RaiseAfter = 3 }, Hazards = [] })));

        var drift = Assert.Single(bad.Alerts, alert => alert.Rule == AlarmKey.DriftRule);
        Assert.Equal((AlertChange.Later, drift.Recorded!.Alert.Windows + 1), (drift.Change, drift.Replayed!.Alert.Windows));
        Assert.Contains(bad.Alerts, alert => alert is { Change: AlertChange.Gone, Rule: "hazard:odd" });
        Assert.Contains(bad.Verdicts, change => change is { Detector: "hazard:odd", Replayed: null });
    }

    [Fact]
    public async Task A_rule_over_a_set_that_was_not_counted_is_judged_by_the_samples_beside_the_windows()
    {
        var log = await LogAsync(1);
        // The world's own rule counts this pair per token; nobody has counted it per sequence.
        var rule = new HazardRule("late", Severity.Warning, "", new HazardFeatures(new([13, 14], Within.Sequence), RateAbove: 0.05, null, null, null), 20, 2);

        var bad = Bad(await ReportAsync(log, With(plan => plan with { Hazards = [.. plan.Hazards, rule] })));

        Assert.Empty(bad.NotCounted);
        Assert.Contains(bad.Verdicts, change => change is { Detector: "hazard:late", Recorded: null, Replayed: Verdict.Drift or Verdict.Steady });
        Assert.DoesNotContain(bad.Verdicts, change => change is { Detector: "hazard:late", Replayed: Verdict.Undecided });
    }

    [Fact]
    public async Task A_sample_that_was_changed_is_refused()
    {
        var log = new TamperedSamples(await LogAsync(1));
        var rule = new HazardRule("late", Severity.Warning, "", new HazardFeatures(new([13, 14], Within.Sequence), RateAbove: 0.05, null, null, null), 20, 2);

        var refused = await Assert.ThrowsAsync<MalformedException>(() => ReportAsync(log, With(plan => plan with { Hazards = [.. plan.Hazards, rule] })));

        Assert.Contains("it was changed", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rule_over_a_set_that_was_not_counted_is_undecided_and_said_when_samples_are_gone()
    {
        var log = await LogAsync(1, samplesKept: 0);
        var rule = new HazardRule("late", Severity.Warning, "", new HazardFeatures(new([13, 15], Within.Sequence), RateAbove: 0.05, null, null, null), 20, 2);

        var bad = Bad(await ReportAsync(log, With(plan => plan with { Hazards = [.. plan.Hazards, rule] })));

        Assert.Equal(("late", "sequence:13+15", bad.Windows), Assert.Single(bad.NotCounted));
        Assert.Contains(bad.Verdicts, change => change is { Detector: "hazard:late", Recorded: null, Replayed: Verdict.Undecided });
        Assert.All(bad.Alerts, alert => Assert.NotEqual("hazard:late", alert.Rule));
    }

    [Fact]
    public async Task Windows_of_another_encoding_are_counted_and_their_alerts_are_not_called_gone()
    {
        var log = await LogAsync(1);

        var bad = Bad(await ReportAsync(log, With(plan => plan with { Windows = plan.Windows with { OutlierNorm = 5 } })));

        Assert.Equal((0, bad.Windows), (bad.Redecided, bad.OtherEncoding));
        Assert.All(bad.Alerts, alert => Assert.Equal(AlertChange.NotReplayed, alert.Change));
    }

    [Fact]
    public async Task A_baseline_that_was_never_frozen_is_learned_from_the_stored_windows()
    {
        var log = await LogAsync(1);

        var bad = Bad(await ReportAsync(log, With(plan => plan with { Baseline = plan.Baseline with { From = plan.Baseline.From with { Version = "bad" } } })));

        // 600 of its rows are three windows; with itself it agrees.
        Assert.Equal((3, bad.Windows), (bad.WithoutBaseline, bad.Redecided));
        Assert.Contains(bad.Verdicts, change => change is { Detector: "new-feature", Recorded: Verdict.Drift, Replayed: Verdict.Steady });
    }

    [Fact]
    public async Task Only_the_monitors_that_were_asked_for_are_replayed_and_as_among_all()
    {
        var log = await LogAsync(1);
        var all = Bad(await ReportAsync(log, world.Catalog));

        var one = Assert.Single(await ReportAsync(log, world.Catalog, only: all.Monitor));

        Assert.Equal((all.Monitor, all.Windows, all.AsRecorded, all.Alerts.Length), (one.Monitor, one.Windows, one.AsRecorded, one.Alerts.Length));
    }

    private async Task<InMemoryEventLog> LogAsync(int seed, int samplesKept = 100)
    {
        var log = new InMemoryEventLog(samplesKept);
        await world.RunAsync(log, new ScriptedPartitions(SmallWorld.Traffic(new(seed), 1 + seed % 3), new(seed)), new());
        return log;
    }

    private static async Task<ReplayedMonitor[]> ReportAsync(IEventLog log, Catalog catalog, MonitorId? only = null)
    {
        var report = new ReplayReport();
        await foreach (var step in new WindowReplay(catalog, only is { } one ? new HashSet<MonitorId> { one } : []).RunAsync(log, TestContext.Current.CancellationToken)) report.Evolve(step);
        return [.. report.Results()];
    }

    private Catalog With(Func<ModelPlan, ModelPlan> change) => new("changed", "{}", [.. world.Catalog.Models.Select(change)]);

    private static ReplayedMonitor Bad(IEnumerable<ReplayedMonitor> results) => results.Single(result => result.Monitor.Version == "bad");

    private static string Text(AlertEvent fact) => System.Text.Encoding.UTF8.GetString(EventJson.Write(fact));

    private sealed class TamperedSamples(IEventLog log) : IEventLog
    {
        public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) => throw new NotSupportedException("a replay writes nothing");

        public async Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => await log.ReadAttachmentAsync(id, stopping) is { } bytes ? [.. bytes, 0] : null;

        public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) => log.ReadStreamAsync(stream, fromRevision, stopping);

        public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => log.ReadAllAsync(afterPosition, stopping);

        public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => log.SubscribeAsync(afterPosition, stopping);
    }
}
