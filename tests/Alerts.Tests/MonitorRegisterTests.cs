using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

public sealed class MonitorRegisterTests
{
    private const string Drift = "0123456789ab";

    private readonly MonitorRegister register = new();
    private long position;

    [Fact]
    public void Windows_add_up_and_FVU_and_L0_are_weighted_by_rows()
    {
        Store(Some.Closed(0) with { Rows = 100, Sequences = 10, Fvu = 0.1, L0 = 10 });
        Store(Some.Closed(1) with { Rows = 300, Sequences = 20, Fvu = 0.3, L0 = 20 });

        var entry = Assert.Single(register.Current.Monitors.Values);
        Assert.Equal((2L, 400L, 30L), (entry.Windows, entry.Rows, entry.Sequences));
        Assert.Equal(0.25, entry.Fvu, 12);
        Assert.Equal(17.5, entry.L0, 12);
        Assert.Equal(Some.Time.AddHours(2), entry.Last.End);
        Assert.Equal(2, register.Current.Position);
    }

    [Fact]
    public void A_monitor_without_rows_has_no_FVU_and_no_division_by_zero()
    {
        Store(Some.Closed(0) with { Rows = 0, Fvu = 0, L0 = 0 });

        Assert.Equal((0d, 0d), Assert.Single(register.Current.Monitors.Values) is var entry ? (entry.Fvu, entry.L0) : default);
    }

    [Fact]
    public void Traffic_and_canary_rows_of_a_monitor_are_kept_apart_and_its_partitions_together()
    {
        Store(Some.Closed(0));
        Store(Some.Closed(0) with { Partition = 1 });
        Store(Some.Closed(0) with { Probe = Probe.Canary });

        Assert.Equal([(Probe.Traffic, 2L), (Probe.Canary, 1L)], register.Current.Monitors.Values.Select(entry => (entry.Probe, entry.Windows)));
    }

    [Fact]
    public void The_last_windows_are_kept_without_their_sums()
    {
        for (var i = 0; i < 60; i++) Store(Some.Closed(i));

        var entry = Assert.Single(register.Current.Monitors.Values);
        Assert.Equal(Enumerable.Range(10, MonitorEntry.RecentMaximum).Select(i => (long)i * 10), entry.Recent.Select(window => window.Offsets.First));
        Assert.All(entry.Recent.Append(entry.Last), window => Assert.Empty(window.Summary));
        // Where the sums are: each was the only event of its place.
        Assert.Equal(Enumerable.Range(10, MonitorEntry.RecentMaximum).Select(i => (long)i), entry.RecentRevisions);
    }

    [Fact]
    public void An_alert_is_open_until_its_cause_ends()
    {
        Store(Raised());
        Assert.Equal(AlertState.Open, State());

        Store(new DriftEnded(Drift, Some.Monitor, Probe.Traffic, 3, Some.Time.AddHours(4), 11));

        Assert.Equal(AlertState.Ended, State());
        Assert.Equal(Some.Time.AddHours(4), register.Current.Alerts[Drift].Ended);
    }

    [Fact]
    public void An_alert_over_several_partitions_is_shown_once_found_by_any_of_its_alarms_and_ends_with_the_last()
    {
        Store(Some.Raised("a") with { Partition = 0 });
        Store(Some.Raised("b") with { Partition = 1, Severity = Analysis.Detection.Severity.Warning });

        var alert = Assert.Single(register.Current.AlertsInOrder);
        Assert.Equal(("a", "a"), (register.Current.Find("b")!.Id, register.Current.Find("a")!.Id));
        Assert.Null(register.Current.Find("c"));
        Assert.Equal(Analysis.Detection.Severity.Critical, alert.Severity);
        Assert.Equal([("a", 0), ("b", 1)], alert.Members.Select(member => (member.Id, member.Partition)));

        Store(new HazardEnded("a", Some.Monitor, Probe.Traffic, 0, "backdoor-hostile", Some.Time.AddHours(9), 11));
        Assert.Equal((null, Some.Time.AddHours(9), null), (register.Current.Find("a")!.Ended, register.Current.Find("a")!.Members[0].Ended, register.Current.Find("a")!.Members[1].Ended));

        // The last to end in the log is not the last in event time: the alert lasted until then.
        Store(new HazardEnded("b", Some.Monitor, Probe.Traffic, 1, "backdoor-hostile", Some.Time.AddHours(8), 11));
        Assert.Equal(Some.Time.AddHours(9), register.Current.Find("b")!.Ended);
    }

    [Fact]
    public void What_a_person_did_about_one_of_its_alarms_is_shown_of_the_alert()
    {
        Store(Some.Raised("a") with { Partition = 0 });
        Store(Some.Raised("b") with { Partition = 1 });
        Store(new AlertAcknowledged("b", Some.Monitor, "looking"), "ann");

        Assert.Equal("ann: looking", Assert.Single(register.Current.AlertsInOrder).Acknowledged);
    }

    [Fact]
    public void Features_that_later_windows_name_belong_to_the_open_alert_of_unusual_sequences()
    {
        Store(SampleFacts.Later["drift-detected-tails"]);
        Store(Some.Closed(9, [Some.Finding(AlarmKey.TailsRule, Analysis.Detection.Verdict.Drift)]) with { Partition = 3 });

        Assert.Equal([1], register.Current.Alerts[Drift].Features.Select(feature => feature.Feature));

        Store(SampleFacts.Later["drift-ended-tails"]);
        Store(Some.Closed(10, [Analysis.Detection.Finding.With(AlarmKey.TailsRule, Analysis.Detection.Verdict.Drift, 1, 1, "", [new(2, null, 0, 1, 0, 0)])]) with { Partition = 3 });

        Assert.Equal([1], register.Current.Alerts[Drift].Features.Select(feature => feature.Feature));
    }

    [Fact]
    public void What_people_do_is_shown_with_who_and_why()
    {
        Store(Raised());

        Store(new AlertAcknowledged(Drift, Some.Monitor, "looking"), "ann");
        Assert.Equal((AlertState.Acknowledged, "ann: looking"), (State(), register.Current.Alerts[Drift].Acknowledged));
        Store(new AlertMuted(Drift, Some.Monitor, "known", Some.Time.AddHours(1)), "bob");
        Assert.Equal((AlertState.Muted, "bob: known"), (State(), register.Current.Alerts[Drift].Muted));
        Store(new AlertResolved(Drift, Some.Monitor, "rolled back"), "cy");
        Assert.Equal((AlertState.Resolved, "cy: rolled back"), (State(), register.Current.Alerts[Drift].Resolved));
    }

    [Fact]
    public void A_mute_is_over_at_its_time_and_one_without_a_time_is_not()
    {
        Store(Raised());
        Store(new AlertMuted(Drift, Some.Monitor, "known", Some.Time.AddHours(1)));
        Assert.Equal(AlertState.Muted, State(Some.Time.AddHours(1).AddTicks(-1)));
        Assert.Equal(AlertState.Open, State(Some.Time.AddHours(1)));

        Store(new AlertMuted(Drift, Some.Monitor, "for good", null));
        Assert.Equal(AlertState.Muted, State(DateTimeOffset.MaxValue));
    }

    [Fact]
    public void Resolved_by_a_person_stays_resolved_when_the_cause_ends()
    {
        Store(Raised());
        Store(new AlertResolved(Drift, Some.Monitor, "rolled back"));
        Store(new DriftEnded(Drift, Some.Monitor, Probe.Traffic, 3, Some.Time.AddHours(4), 11));

        Assert.Equal(AlertState.Resolved, State());
    }

    [Fact]
    public void Drift_is_named_by_its_strongest_detector_and_a_hazard_by_its_rule()
    {
        foreach (var fact in SampleFacts.All) Store(fact);

        Assert.Equal([("drift", "firing-rate-shift"), ("hazard", "backdoor-hostile")], register.Current.AlertsInOrder.Select(alert => (alert.Kind, alert.Rule)));
        Assert.Equal([(812, null), (90, "token:90+812")], register.Current.AlertsInOrder.First().Features.Select(feature => (feature.Feature, feature.Set)));
    }

    [Fact]
    public void Frozen_baselines_are_listed_without_their_sums()
    {
        foreach (var fact in SampleFacts.All) Store(fact);

        Assert.Empty(Assert.Single(register.Current.Baselines).Summary);
    }

    [Fact]
    public void An_act_on_an_alert_that_is_not_there_changes_nothing()
    {
        Store(new AlertResolved("nosuchalert0", Some.Monitor, "note"));

        Assert.Empty(register.Current.Alerts);
    }

    [Fact]
    public void At_the_bound_the_oldest_ended_alert_goes_and_open_ones_stay()
    {
        for (var i = 0; i < MonitorRegister.AlertsMaximum + 5; i++)
        {
            Store(Some.Raised($"{i}") with { Hazard = $"h{i}" });
            if (i != 1) Store(new HazardEnded($"{i}", Some.Monitor, Probe.Traffic, 0, $"h{i}", Some.Time, 8));
        }

        Assert.Equal(MonitorRegister.AlertsMaximum, register.Current.Alerts.Count);
        Assert.Equal(["1", "6", "7"], register.Current.AlertOrder[..3]);
        Assert.Equal(register.Current.Alerts.Keys.Order(), register.Current.AlertOrder.Order());
    }

    [Fact]
    public void An_alert_that_lasts_while_its_alarms_come_and_go_lists_the_newest()
    {
        Store(Some.Raised("first"));
        for (var i = 0; i < AlertEntry.MembersMaximum + 5; i++)
        {
            Store(Some.Raised($"{i}") with { Partition = 1 });
            Store(new HazardEnded($"{i}", Some.Monitor, Probe.Traffic, 1, "backdoor-hostile", Some.Time, 8));
        }

        var alert = Assert.Single(register.Current.Alerts.Values);
        Assert.Equal(AlertEntry.MembersMaximum, alert.Members.Length);
        Assert.Equal(("first", "6"), (alert.Members[0].Id, alert.Members[1].Id));
        Assert.Null(register.Current.Find("5"));
        Assert.Equal("first", register.Current.Find("6")?.Id);
    }

    private static AlertEvent Raised() => SampleFacts.All.OfType<DriftDetected>().Single();

    private AlertState State(DateTimeOffset? now = null) => register.Current.Alerts[Drift].StateAt(now ?? Some.Time);

    private void Store(AlertEvent fact, string actor = "driftwatch")
    {
        position++;
        register.Evolve(new(position, "s", position - 1, EventId.From($"{position}"), EventJson.TypeOf(fact), Some.Time, actor, null, EventChain.Beginning, EventChain.Beginning, EventJson.Write(fact)));
    }
}
