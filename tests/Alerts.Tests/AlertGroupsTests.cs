using DriftWatch.Analysis.Activations;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

public sealed class AlertGroupsTests
{
    private AlertGroups groups = AlertGroups.Empty;
    private long position;

    public static TheoryData<int> Seeds => [.. Some.Seeds];

    [Fact]
    public void Alarms_of_one_rule_that_overlap_over_the_partitions_are_one_alert_that_lasts_until_the_last_has_ended()
    {
        Assert.Equal(new("a", Opens: true), After(Raised("a", partition: 0)));
        Assert.Equal(new("a"), After(Raised("b", partition: 1)));
        Assert.Equal(new("a"), After(Ended("a", partition: 0)));
        Assert.Equal(new("a"), After(Raised("c", partition: 2)));
        Assert.Equal(new("a"), After(Ended("c", partition: 2)));
        Assert.Equal(new("a", Ends: true), After(Ended("b", partition: 1)));

        Assert.Equal(new("d", Opens: true), After(Raised("d", partition: 1)));
    }

    [Fact]
    public void Another_rule_monitor_or_probe_is_another_cause()
    {
        After(Raised("a", partition: 0));

        Assert.True(After(Raised("b", partition: 1) with { Hazard = "other" }).Opens);
        Assert.True(After(Raised("c", partition: 1) with { Monitor = Some.Monitor with { Version = "other" } }).Opens);
        Assert.True(After(Raised("d", partition: 1) with { Probe = Probe.Canary }).Opens);
        Assert.True(After(SampleFacts.All.OfType<DriftDetected>().Single()).Opens);
        Assert.True(After(SampleFacts.Later["drift-detected-tails"] is DriftDetected tails ? tails with { Alert = "e" } : null!).Opens);
    }

    [Fact]
    public void What_is_done_about_one_of_its_alarms_is_done_about_the_alert()
    {
        After(Raised("a", partition: 0));
        After(Raised("b", partition: 1));

        Assert.Equal(new("a"), After(new AlertAcknowledged("b", Some.Monitor, "seen")));
        Assert.Equal(new("a"), After(new AlertMuted("a", Some.Monitor, "known", null)));
    }

    [Fact]
    public void What_alarms_after_a_person_has_resolved_the_alert_is_news()
    {
        After(Raised("a", partition: 0));
        After(new AlertResolved("a", Some.Monitor, "rolled back"));

        Assert.Equal(new("b", Opens: true), After(Raised("b", partition: 1)));
        Assert.Equal(new("b"), After(Raised("c", partition: 2)));
        Assert.Equal(new("a", Ends: true), After(Ended("a", partition: 0)));
        Assert.Equal(new("b"), After(Ended("b", partition: 1)));
        Assert.Equal(new("b", Ends: true), After(Ended("c", partition: 2)));
    }

    [Fact]
    public void An_end_without_its_beginning_is_not_swallowed() => Assert.Equal(new("x", Ends: true), After(Ended("x", partition: 0)));

    [Theory, MemberData(nameof(Seeds))]
    public void A_fold_that_begins_where_any_earlier_state_said_comes_to_the_same(int seed)
    {
        var random = new Random(seed);
        var facts = Facts(random, 300);
        var (said, grouped) = (new List<long>(), new List<Grouped>());
        foreach (var fact in facts)
        {
            grouped.Add(After(fact));
            said.Add(groups.FoldFrom ?? position);
        }

        for (var at = 0; at < facts.Length; at++)
        {
            // Written down at some time before, and not since.
            var from = said[random.Next(at + 1)];
            var late = AlertGroups.Empty;
            for (var i = from; i < facts.Length; i++)
            {
                (late, var again) = late.Evolve(facts[i], i + 1);
                if (i > at) Assert.Equal(grouped[(int)i], again);
            }
        }
        Assert.Contains(said, from => from > 200);
    }

    /// <summary>A few causes over a few partitions; some alerts are resolved.</summary>
    private static AlertEvent[] Facts(Random random, int count)
    {
        var alarming = new List<HazardDetected>();
        var facts = new List<AlertEvent>();
        while (facts.Count < count)
        {
            var raised = Raised($"{facts.Count}", random.Next(4)) with { Hazard = $"h{random.Next(3)}" };
            if (alarming.Count > 0 && random.Next(12) == 0) facts.Add(new AlertResolved(alarming[random.Next(alarming.Count)].Alert, Some.Monitor, ""));
            else if (alarming.Count > 0 && random.Next(10) < 6)
            {
                var ended = alarming[random.Next(alarming.Count)];
                alarming.Remove(ended);
                facts.Add(Ended(ended.Alert, ended.Partition) with { Hazard = ended.Hazard });
            }
            else if (!alarming.Exists(other => (other.Hazard, other.Partition) == (raised.Hazard, raised.Partition)))
            {
                alarming.Add(raised);
                facts.Add(raised);
            }
        }
        return [.. facts];
    }

    private static HazardDetected Raised(string alarm, int partition) => Some.Raised(alarm) with { Partition = partition };

    private static HazardEnded Ended(string alarm, int partition) => new(alarm, Some.Monitor, Probe.Traffic, partition, "backdoor-hostile", Some.Time, 9);

    private Grouped After(AlertEvent fact)
    {
        (groups, var grouped) = groups.Evolve(fact, ++position);
        return grouped;
    }
}
