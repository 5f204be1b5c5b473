using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

public sealed class ThresholdTrialTests
{
    private const int Sequences = 100;

    private static readonly ModelPlan plan = Some.Plan(detection: new() { FvuRatio = 1.05, RaiseAfter = 1 });
    private static readonly MonitorId approved = plan.Baseline.From;

    [Fact]
    public async Task An_option_is_raised_above_what_quiet_windows_measured_with_a_quarter_on_top()
    {
        var proposal = await TryAsync([.. Windows(approved, 40, misfit: 1.1, at: 20)]);

        Assert.Equal((40, 40), (proposal.Windows, proposal.Quiet));
        var fvu = proposal.Options.Single(option => option.Option == "fvuRatio");
        Assert.Equal((1.05, 1.1, 1.13, 1), (fvu.Now, Math.Round(fvu.Largest, 6), fvu.Proposal, fvu.Over));
        Assert.Equal(1.13, proposal.Proposed!.FvuRatio);
        Assert.Equal((new(1, 1), new AlertCount(0, 0)), (proposal.AlertsNow, proposal.AlertsThen));
    }

    [Fact]
    public async Task What_stayed_below_is_kept()
    {
        var proposal = await TryAsync([.. Windows(approved, 40, misfit: 1.02, at: 20)]);

        Assert.All(proposal.Options, option => Assert.False(option.Raised, option.Option));
        Assert.Null(proposal.Proposed);
        Assert.InRange(proposal.Options.Single(option => option.Option == "fvuRatio").Enough, 1.02, 1.03);
    }

    [Fact]
    public async Task What_raising_costs_is_counted_in_windows_that_were_alarming()
    {
        // The other version's alert is recorded, so its windows are not quiet; one misfits, less than the proposal asks for.
        AlertEvent[] other = [.. Windows(Some.Monitor, 3, misfit: 1.12, at: 0), Raised()];

        var fvu = (await TryAsync([.. Windows(approved, 40, misfit: 1.1, at: 20), .. other])).Options.Single(option => option.Option == "fvuRatio");

        Assert.Equal((1, 1), (fvu.Alarming, fvu.Lost));
    }

    [Fact]
    public async Task Magnitudes_that_moved_in_quiet_windows_raise_their_option()
    {
        // Half an octave up in every sequence, for all features: two bins of a quarter.
        var strong = Windows(approved, 40, misfit: 1, at: 20).Select((window, number) => number != 20 ? window : window with
        {
            Summary = SummaryCodec.Encode(Louder(SummaryCodec.Decode(window.Summary), bins: 2)),
        });

        var option = (await TryAsync([.. strong])).Options.Single(option => option.Option == "magnitudeOctaves");

        Assert.Equal((0.5, 0.625, 1), (option.Largest, option.Proposal, option.Over));
    }

    [Fact]
    public async Task Fewer_than_thirty_quiet_windows_are_too_few()
    {
        var proposal = await TryAsync([.. Windows(approved, ThresholdTrial.QuietMinimum - 1, misfit: 1.1, at: 20)]);

        Assert.Equal(ThresholdTrial.QuietMinimum - 1, proposal.Quiet);
        Assert.Empty(proposal.Options);
    }

    private static WindowSummary Louder(WindowSummary summary, int bins)
    {
        var louder = new MagnitudeBins.Builder(summary.Fired.Length, summary.Magnitudes.Count);
        for (var place = 0; place < summary.Fired.Length; place++)
        {
            foreach (var (bin, sequences) in summary.Magnitudes.Of(place)) louder.Add(new(bin + bins, sequences));
            louder.EndFeature();
        }
        return summary with { Magnitudes = louder.Build() };
    }

    private static DriftDetected Raised() => new("a", Some.Monitor, Probe.Traffic, 0, Severity.Warning, "unclear", 3, 300, Some.Raised().Window, []);

    private static async Task<ThresholdProposal> TryAsync(IReadOnlyList<AlertEvent> windows)
    {
        var log = new InMemoryEventLog();
        var summary = Some.Summary(Sequences);
        var frozen = new BaselineFrozen(approved, Probe.Traffic, plan.EncodingHash, new('b', 64), Some.Time, summary.Rows, summary.Sequences, [], SummaryCodec.Encode(summary));
        AlertEvent[] facts = [frozen, .. windows];
        for (var i = 0; i < facts.Length; i++)
            await log.AppendAsync(
                facts[i] is BaselineFrozen ? StreamNames.Baseline(approved) : "watch-all", facts[i] is BaselineFrozen ? -1 : i - 2,
                [new(EventId.From($"{i}"), EventJson.TypeOf(facts[i]), null, "driftwatch", null, EventJson.Write(facts[i]))], TestContext.Current.CancellationToken);
        return await new ThresholdTrial(Some.Catalog(plan), new HashSet<MonitorId>(), new HashSet<MonitorId>()).RunAsync(log, null, TestContext.Current.CancellationToken);
    }

    /// <summary>Windows like the baseline, but for one whose residual is larger.</summary>
    private static IEnumerable<WindowClosed> Windows(MonitorId monitor, int count, double misfit, int at)
    {
        var usual = Some.Summary(Sequences);
        var off = usual with { Residual = RatioSums.Of(0, 0) };
        for (var sequence = 0; sequence < Sequences; sequence++)
            off = off with { Residual = off.Residual + RatioSums.Of(usual.Residual.Y.Value / Sequences * misfit, usual.Residual.N.Value / Sequences) };
        // Drift findings as recorded, so that a recorded alert reaches back over them.
        for (var number = 0; number < count; number++)
            yield return Some.Closed(Some.Judged(number, plan, [Some.Finding("encoder-fit", monitor == approved ? Verdict.Steady : Verdict.Drift)], monitor, summary: number == at ? off : usual));
    }
}
