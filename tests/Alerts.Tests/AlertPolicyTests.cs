using System.Collections.Immutable;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

/// <summary>A letter is a window: D drift, S steady, U undecided.</summary>
public sealed class AlertPolicyTests
{
    private const string Detector = "firing-rate-shift";

    public static TheoryData<int> Seeds => [.. Some.Seeds];

    [Theory]
    [InlineData("D", "")]
    [InlineData("DD", "1:drift-detected")]
    [InlineData("DSD", "")]
    [InlineData("DUD", "2:drift-detected")]
    [InlineData("DUUUUS", "")]
    [InlineData("DDDDDD", "1:drift-detected")]
    [InlineData("DDSS", "1:drift-detected")]
    [InlineData("DDSSS", "1:drift-detected 4:drift-ended")]
    [InlineData("DDSSDSSS", "1:drift-detected 7:drift-ended")]
    [InlineData("DDSUSUS", "1:drift-detected 6:drift-ended")]
    [InlineData("DDUUUUUU", "1:drift-detected")]
    [InlineData("DDSSSDSDD", "1:drift-detected 4:drift-ended 8:drift-detected")]
    [InlineData("SSSSSS", "")]
    [InlineData("UUUUUU", "")]
    public void Drift_is_raised_after_two_windows_held_and_ended_after_three(string windows, string expected) =>
        Assert.Equal(expected, Story(Some.Plan(), [.. windows.Select(window => Findings((Detector, window)))]));

    [Theory]
    [InlineData(1, "D", "0:hazard-detected")]
    [InlineData(3, "DD", "")]
    [InlineData(3, "DDUD", "3:hazard-detected")]
    [InlineData(3, "DDSDDD", "5:hazard-detected")]
    public void A_hazard_is_raised_after_the_windows_that_its_rule_asks_for(int inARow, string windows, string expected) =>
        Assert.Equal(expected, Story(Some.Plan([Some.Hazard("backdoor", inARow)]), [.. windows.Select(window => Findings((Detector, 'S'), ("hazard:backdoor", window)))]));

    [Fact]
    public void One_alert_whichever_detectors_see_the_drift()
    {
        var facts = Decided(Some.Plan(), Findings(("a", 'D'), ("b", 'S')), Findings(("a", 'S'), ("b", 'D')), Findings(("a", 'D'), ("b", 'D')));

        var raised = Assert.IsType<DriftDetected>(Assert.Single(facts));
        Assert.Equal(["b"], raised.Findings.Select(finding => finding.Detector));
    }

    [Fact]
    public void Drift_and_each_hazard_are_alerts_of_their_own()
    {
        var drift = Findings((Detector, 'D'), ("hazard:one", 'D'), ("hazard:two", 'D'));

        var facts = Decided(Some.Plan([Some.Hazard("one"), Some.Hazard("two")], new() { RaiseAfter = 1 }), drift);

        Assert.Equal(["drift", "one", "two"], facts.Select(fact => (fact as HazardDetected)?.Hazard ?? "drift"));
        Assert.Equal(3, facts.Select(AlertOf).Distinct().Count());
    }

    [Fact]
    public void One_steady_detector_among_undecided_ones_is_an_all_clear_and_none_is_not()
    {
        Assert.Equal("1:drift-detected 4:drift-ended", Story(Some.Plan(), [.. "DDUUU".Select(window => Findings(("a", window), ("b", 'S')))]));
        Assert.Equal("1:drift-detected", Story(Some.Plan(), [.. "DDUUU".Select(window => Findings(("a", window), ("b", 'U')))]));
    }

    [Fact]
    public void A_hazard_whose_rule_looks_only_at_rare_things_can_hold_while_drift_is_steady()
    {
        var facts = Decided(Some.Plan([Some.Hazard("backdoor", severity: Severity.Critical)]), Findings((Detector, 'S'), ("hazard:backdoor", 'D')));

        var raised = Assert.IsType<HazardDetected>(Assert.Single(facts));
        Assert.Equal(("backdoor", Severity.Critical, "what backdoor is about"), (raised.Hazard, raised.Severity, raised.Summary));
    }

    [Fact]
    public void What_is_raised_says_what_was_seen_and_how_much_of_it()
    {
        var facts = Decided(Some.Plan(), Findings((Detector, 'D')), Findings((Detector, 'D')));

        var raised = Assert.IsType<DriftDetected>(Assert.Single(facts));
        Assert.Equal((2L, 4L), (raised.Windows, raised.SequencesSeen));
        Assert.Equal((10L, 20L, Some.Time.AddHours(1), Some.Time.AddHours(2)), (raised.Window.FirstOffset, raised.Window.NextOffset, raised.Window.Start, raised.Window.End));
        Assert.Equal(new AlertFeature(1, null, "hostile", 0.01, 0.2, 3, 1e-6), Assert.Single(Assert.Single(raised.Findings).Features));
        Assert.Matches("^[0-9a-f]{12}$", raised.Alert);
    }

    [Fact]
    public void Unusual_sequences_alert_at_once_and_beside_a_broad_drift_that_is_known()
    {
        var drift = Findings((Detector, 'D'), (AlarmKey.TailsRule, 'S'));
        var both = Findings((Detector, 'D'), (AlarmKey.TailsRule, 'D'));
        var over = Findings((Detector, 'D'), (AlarmKey.TailsRule, 'S'));

        var facts = Decided(Some.Plan(), drift, drift, both, over, over, over);

        Assert.Equal(["drift-detected ", "drift-detected sequence-tails", "drift-ended sequence-tails"], facts.Select(fact => $"{EventJson.TypeOf(fact)} {(fact as DriftDetected)?.Rule ?? (fact as DriftEnded)?.Rule}"));
        var tails = (DriftDetected)facts[1];
        Assert.Equal(["sequence-tails"], tails.Findings.Select(finding => finding.Detector));
        Assert.NotEqual(AlertOf(facts[0]), AlertOf(facts[1]));
        Assert.Equal(AlertOf(facts[1]), AlertOf(facts[2]));
    }

    [Fact]
    public void An_alert_says_why_it_carries_its_label()
    {
        var facts = Decided(Some.Plan(), Findings((Detector, 'D'), ("encoder-fit", 'S')), Findings((Detector, 'D'), ("encoder-fit", 'S')));

        var evidence = Assert.IsType<DriftDetected>(Assert.Single(facts)).Evidence!;
        Assert.StartsWith("there are no canary rows", evidence, StringComparison.Ordinal);
        Assert.Contains("encoder-fit is steady: it did not move", evidence, StringComparison.Ordinal);
        Assert.Contains("sequences have", evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void The_end_names_the_alert_that_it_ends()
    {
        var facts = Decided(Some.Plan(), [.. "DDSSSDD".Select(window => Findings((Detector, window)))]);

        Assert.Equal(AlertOf(facts[0]), AlertOf(facts[1]));
        Assert.NotEqual(AlertOf(facts[0]), AlertOf(facts[2]));
    }

    [Fact]
    public void Windows_without_a_baseline_decide_nothing() => Assert.Equal("", Story(Some.Plan(), [[], [], []]));

    [Fact]
    public void A_hazard_that_was_taken_out_of_the_catalog_ends_with_the_first_window_that_is_judged_without_it() =>
        Assert.Equal("0:hazard-detected 2:hazard-ended", Story(Some.Plan([Some.Hazard("backdoor")]), [Findings(("hazard:backdoor", 'D')), [], Findings((Detector, 'S')), Findings((Detector, 'S'))]));

    [Fact]
    public void A_hazard_that_comes_back_into_the_catalog_needs_its_windows_anew() => Assert.Equal(
        "1:hazard-detected 2:hazard-ended 5:hazard-detected",
        Story(
            Some.Plan([Some.Hazard("backdoor", inARow: 2)]),
            [
                Findings(("hazard:backdoor", 'D')), Findings(("hazard:backdoor", 'D')), Findings((Detector, 'S')),
                Findings(("hazard:backdoor", 'U')), Findings(("hazard:backdoor", 'D')), Findings(("hazard:backdoor", 'D')),
            ]));

    [Fact]
    public void A_limit_that_was_lowered_raises_with_the_next_drift_and_not_with_a_window_that_cannot_say()
    {
        var (strict, lax) = (Some.Plan(detection: new() { RaiseAfter = 9 }), Some.Plan(detection: new() { RaiseAfter = 2 }));

        var facts = Decided([(strict, Findings((Detector, 'D'))), (strict, Findings((Detector, 'D'))), (lax, Findings((Detector, 'U'))), (lax, Findings((Detector, 'D')))]);

        Assert.Equal(20 + 10 + 10, Assert.IsType<DriftDetected>(Assert.Single(facts)).Window.NextOffset);
    }

    [Fact]
    public void Alarms_of_monitors_probes_and_partitions_do_not_mix()
    {
        var plan = Some.Plan();
        var book = AlertBook.Empty;
        foreach (var (partition, probe, version) in new[] { (0, Probe.Traffic, "1"), (1, Probe.Traffic, "1"), (0, Probe.Canary, "1"), (0, Probe.Traffic, "2") })
            (book, _) = Step(book, Some.Judged(0, plan, Findings((Detector, 'D')), Some.Monitor with { Version = version }, probe), partition);

        Assert.Equal(4, book.Alarms.Count);
        Assert.All(book.Alarms.Values, alarm => Assert.Equal(new Alarm(null, 1, 0), alarm));
    }

    [Theory]
    [InlineData("", 'D', "unclear")]
    [InlineData("S", 'D', "input")]
    [InlineData("D", 'D', "model")]
    public void Canary_windows_tell_a_changed_model_from_changed_traffic(string canary, char traffic, string attribution)
    {
        var plan = Some.Plan(detection: new() { RaiseAfter = 2 });
        var book = AlertBook.Empty;
        foreach (var window in canary) (book, _) = Step(book, Some.Judged(0, plan, Findings((Detector, window)), probe: Probe.Canary));
        (book, _) = Step(book, Some.Judged(1, plan, Findings((Detector, traffic))));

        var (_, decided) = Step(book, Some.Judged(2, plan, Findings((Detector, traffic))));

        Assert.Equal(attribution, Assert.IsType<DriftDetected>(Assert.Single(decided)).Attribution);
    }

    [Fact]
    public void A_poor_transform_and_an_encoder_that_does_not_fit_are_named_as_the_cause()
    {
        var once = new DetectionOptions { RaiseAfter = 1 };
        var poor = new AffineTransform(new float[Some.Width * Some.Width], new float[Some.Width], 'F', new('0', 64));

        Assert.Equal("mapping", Assert.IsType<DriftDetected>(Assert.Single(Decided(Some.Plan(detection: once, transform: poor), Findings((Detector, 'D'))))).Attribution);
        Assert.Equal("encoder", Assert.IsType<DriftDetected>(Assert.Single(Decided(Some.Plan(detection: once), Findings((Detector, 'S'), ("encoder-fit", 'D'))))).Attribution);
    }

    [Theory, MemberData(nameof(Seeds))]
    public async Task A_crash_and_a_replay_leave_the_same_log(int seed)
    {
        var random = new Random(seed);
        var plan = Some.Plan([Some.Hazard("backdoor", inARow: 2)]);
        var windows = Enumerable.Range(0, 60).Select(number => Some.Judged(
            number, plan, Findings((Detector, Letter(random)), ("hazard:backdoor", Letter(random))), probe: random.Next(3) == 0 ? Probe.Canary : Probe.Traffic)).ToArray();
        var (uninterrupted, interrupted) = (new InMemoryEventLog(), new InMemoryEventLog());

        await RunAsync(uninterrupted, windows);
        for (var crash = 0; crash < windows.Length; crash += random.Next(1, 20)) await RunAsync(interrupted, windows[..crash]);
        await RunAsync(interrupted, windows);

        Assert.Equal(await HashesAsync(uninterrupted), await HashesAsync(interrupted));
        Assert.Contains("hazard-detected", (await HashesAsync(interrupted)).Select(entry => entry.Type));
    }

    [Fact]
    public async Task A_daemon_that_lost_its_partition_cannot_write_to_it()
    {
        var log = new InMemoryEventLog();
        var plan = Some.Plan();
        var (zombie, owner) = (new WatchRecord(log, Some.Catalog(plan)), new WatchRecord(log, Some.Catalog(plan)));
        await zombie.RecordAsync(Some.Judged(0, plan, []), 0, default);
        await owner.CatchUpAsync(default);
        await owner.RecordAsync(Some.Judged(1, plan, []), 0, default);

        await Assert.ThrowsAsync<WrongRevisionException>(() => zombie.RecordAsync(Some.Judged(2, plan, []), 0, default));
        Assert.Equal(2, (await HashesAsync(log)).Count);
    }

    [Fact]
    public void A_map_that_no_longer_fits_is_the_label_and_canary_rows_are_remembered_for_the_traffic_beside_them()
    {
        var plan = Some.Plan(detection: new() { RaiseAfter = 1 });
        var judged = Some.Judged(0, plan, Findings((Detector, 'U'), ("map-fit", 'D'))) with { MapProblem = "the map no longer fits" };

        var raised = Assert.IsType<DriftDetected>(Assert.Single(Step(AlertBook.Empty, judged).Decided));
        Assert.Equal("mapping", raised.Attribution);
        Assert.StartsWith("the map no longer fits", raised.Evidence, StringComparison.Ordinal);

        var (book, _) = Step(AlertBook.Empty, Some.Judged(0, plan, Findings(("map-fit", 'S')), probe: Probe.Canary));
        (book, _) = Step(book, Some.Judged(1, plan, Findings(("map-fit", 'U')), probe: Probe.Canary));
        (book, _) = Step(book, Some.Judged(2, plan, Findings(("map-fit", 'D'))));
        Assert.Equal(Verdict.Steady, Assert.Single(book.CanaryMaps).Value);
    }

    [Fact]
    public async Task A_learned_map_is_recorded_once_when_it_is_installed()
    {
        var log = new InMemoryEventLog();
        var card = new TransformCard("affine") { SourceModel = "small", Grade = 'C' };
        var map = new AffineTransform(new float[Some.Width * Some.Width], new float[Some.Width], 'C', new('5', 64), card);

        foreach (var catalog in new[] { Some.Catalog(Some.Plan(transform: map)), Some.Catalog(Some.Plan(transform: map)), Some.Catalog(Some.Plan(transform: map)) with { Hash = new('e', 64) } })
        {
            var record = new WatchRecord(log, catalog);
            await record.CatchUpAsync(default);
            await record.RecordCatalogAsync(default);
        }

        var facts = new List<AlertEvent>();
        await foreach (var stored in log.ReadStreamAsync(StreamNames.Catalog, 0, default)) facts.Add(EventJson.Read(stored.Data));
        Assert.Equal(["catalog-changed", "transform-installed", "catalog-changed"], facts.Select(EventJson.TypeOf));
        var installed = Assert.IsType<TransformInstalled>(facts[1]);
        Assert.Equal((map.Hash, Some.Model, "some/v1", "C"), (installed.Hash, installed.Model, installed.Space, installed.Card["grade"]));
    }

    [Fact]
    public void A_feature_of_a_Matryoshka_dictionary_is_reported_with_its_prefix()
    {
        var plan = Some.Plan(detection: new() { RaiseAfter = 1 });
        var nested = plan with { Space = plan.Space with { Encoder = new Analysis.Encoding.CpuEncoder(Some.Dictionary() with { PrefixWidths = [1, 4, 16] }, threads: 1) } };

        Assert.Equal(4, Assert.IsType<DriftDetected>(Assert.Single(Decided(nested, Findings((Detector, 'D'))))).Findings[0].Features[0].Prefix);
        Assert.Null(Assert.IsType<DriftDetected>(Assert.Single(Decided(plan, Findings((Detector, 'D'))))).Findings[0].Features[0].Prefix);
    }

    [Fact]
    public void A_book_never_skips_a_fact() => Assert.Throws<System.Diagnostics.UnreachableException>(() => AlertBook.Evolve(AlertBook.Empty, new Unheard()));

    private sealed record Unheard : AlertEvent;

    private static char Letter(Random random) => "DDSSSU"[random.Next(6)];

    /// <summary>What the daemon does after a restart: fold the log, skip what it holds.</summary>
    private static async Task RunAsync(IEventLog log, IEnumerable<JudgedWindow> windows)
    {
        var record = new WatchRecord(log, Some.Catalog(Some.Plan()));
        await record.CatchUpAsync(default);
        var done = record.PositionOf(0);
        foreach (var judged in windows)
            if (judged.Window.Offsets.Next > done.NextOf.GetValueOrDefault(judged.Window.Key)) await record.RecordAsync(judged, 0, default);
    }

    private static async Task<List<(string Type, string Hash)>> HashesAsync(IEventLog log)
    {
        var hashes = new List<(string, string)>();
        await foreach (var stored in log.ReadAllAsync(0, default)) hashes.Add((stored.Type, stored.Hash));
        return hashes;
    }

    private static ImmutableArray<Finding> Findings(params (string Detector, char Letter)[] windows) =>
        [.. windows.Select(window => Some.Finding(window.Detector, window.Letter switch { 'D' => Verdict.Drift, 'S' => Verdict.Steady, _ => Verdict.Undecided }))];

    private static (AlertBook Book, IReadOnlyList<AlertEvent> Decided) Step(AlertBook book, JudgedWindow judged, int partition = 0)
    {
        var closed = Some.Closed(judged, partition);
        var decided = AlertPolicy.Decide(book, closed, judged);
        return (decided.Prepend(closed).Aggregate(book, AlertBook.Evolve), decided);
    }

    private static List<AlertEvent> Decided(ModelPlan plan, params ImmutableArray<Finding>[] windows) => Decided([.. windows.Select(findings => (plan, findings))]);

    private static List<AlertEvent> Decided((ModelPlan Plan, ImmutableArray<Finding> Findings)[] windows)
    {
        var (book, facts) = (AlertBook.Empty, new List<AlertEvent>());
        for (var number = 0; number < windows.Length; number++)
        {
            (book, var decided) = Step(book, Some.Judged(number, windows[number].Plan, windows[number].Findings));
            facts.AddRange(decided);
        }
        return facts;
    }

    /// <summary>What was decided, each with the number of its window.</summary>
    private static string Story(ModelPlan plan, ImmutableArray<Finding>[] windows)
    {
        var (book, story) = (AlertBook.Empty, new List<string>());
        for (var number = 0; number < windows.Length; number++)
        {
            (book, var decided) = Step(book, Some.Judged(number, plan, windows[number]));
            story.AddRange(decided.Select(fact => $"{number}:{EventJson.TypeOf(fact)}"));
        }
        return string.Join(' ', story);
    }

    private static string AlertOf(AlertEvent fact) => fact switch
    {
        DriftDetected drift => drift.Alert,
        DriftEnded drift => drift.Alert,
        HazardDetected hazard => hazard.Alert,
        HazardEnded hazard => hazard.Alert,
        _ => throw new ArgumentOutOfRangeException(nameof(fact)),
    };
}
