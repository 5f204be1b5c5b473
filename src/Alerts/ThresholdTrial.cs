using System.Collections.Immutable;
using System.Globalization;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts;

/// <summary>One option of <c>detection</c> and what the history says of it.</summary>
/// <param name="Option">As the operator writes it.</param>
/// <param name="Now">As the configuration has it.</param>
/// <param name="Usual">What 99.9 % of the quiet windows stay at or below; what is compared with the option, whatever the option is.</param>
/// <param name="Largest">Of all quiet windows.</param>
/// <param name="Over">Quiet windows that reach the option as it is now.</param>
/// <param name="Enough">The smallest value that this history would have been quiet under, with the margin.</param>
/// <param name="Proposal">The option, or what to raise it to.</param>
/// <param name="Alarming">Windows that were alarming and that reach the option as it is now.</param>
/// <param name="Lost">Of these, how many would no longer reach the proposal.</param>
/// <param name="Cost">What raising it costs.</param>
public sealed record ThresholdOption(string Option, double Now, double Usual, double Largest, int Over, double Enough, double Proposal, int Alarming, int Lost, string Cost)
{
    public bool Raised => Proposal > Now;
}

/// <summary>Drift alerts that the history would have had.</summary>
/// <param name="Quiet">Raised by quiet windows: false ones, if the windows are what they are called.</param>
public sealed record AlertCount(int Quiet, int All);

/// <param name="Windows">Judged windows; the others have no baseline, or cannot be re-decided.</param>
/// <param name="Monitors">Quiet windows by monitor.</param>
public sealed record ThresholdProposal(
    int Windows, int Quiet, ImmutableArray<(MonitorId Monitor, int Quiet, int Windows)> Monitors, ImmutableArray<ThresholdOption> Options, AlertCount AlertsNow, AlertCount? AlertsThen, DetectionOptions? Proposed);

/// <summary>Proposes thresholds from quiet history: what the detectors measured in windows in which nothing was the matter, with a margin.</summary>
/// <remarks>
/// Each window is judged anew (<see cref="WindowReplay"/>) and measured with the detectors' own code; quiet windows are those of <see cref="AlarmHistory"/>. Proposed is what 99.9 % of the quiet
/// windows stay below (with fewer than a thousand: their largest) and a quarter of its distance from no change on top: the largest of n windows is passed by the next with probability 1/(n + 1).
/// The evidence that <c>runTime</c> is compared with begins anew with each alarm, so what would have come without is at least what is shown.
/// Options are only raised: what would do on this history and is below the option is said and not proposed, since a history shows the noise that it had and no other.
/// With a raised option the log is replayed again, to count the alerts that are left. Hazard rules have limits of their own (<see cref="HazardTrial"/>).
/// </remarks>
public sealed class ThresholdTrial(Catalog catalog, IReadOnlySet<MonitorId> only, IReadOnlySet<MonitorId> quiet)
{
    /// <summary>With fewer, the next window passes their largest with a probability above 3 %: nothing to rest a threshold on.</summary>
    public const int QuietMinimum = 30;

    /// <summary>Of the distance from no change.</summary>
    private const double Margin = 1.25;
    private const double UsualShare = 0.999;

    private long seen;

    private sealed record Measures(double Fvu, double L0, double Mean, double Covariance, double Share, double Rate, double Magnitude, double Appearance, double Evidence);

    private sealed record Entry(MonitorId Monitor, Probe Probe, int Partition, IReadOnlySet<string> Alarms, Measures Measures, bool Drifts, int Alerts);

    public async Task<ThresholdProposal> RunAsync(IEventLog log, Action<long>? progress, CancellationToken stopping)
    {
        var entries = await EntriesAsync(log, catalog, progress, stopping);
        var (calm, alarming) = (entries.Where(entry => entry.IsQuiet).Select(entry => entry.Entry).ToArray(), entries.Where(entry => !entry.IsQuiet).Select(entry => entry.Entry).ToArray());
        var monitors = entries.GroupBy(entry => entry.Entry.Monitor).OrderBy(group => group.Key).Select(group => (group.Key, group.Count(entry => entry.IsQuiet), group.Count())).ToImmutableArray();
        if (calm.Length < QuietMinimum) return new(entries.Count, calm.Length, monitors, [], Count(entries), null, null);

        var now = catalog.Models[0].Detection;
        var options = ImmutableArray.Create(
            Of("fvuRatio", now.FvuRatio, 1, measures => measures.Fvu, "overlooks a dictionary that fits a little worse"),
            Of("l0Ratio", now.L0Ratio, 1, measures => measures.L0, "overlooks rows that become a little denser"),
            Of("meanShift", now.MeanShift, 0, measures => measures.Mean, "overlooks small shifts of the activations"),
            Of("covarianceRatio", now.CovarianceRatio, 1, measures => measures.Covariance, "overlooks activations that spread out or turn a little"),
            Of("featuresShare", now.FeaturesShare, 0, measures => measures.Share, "overlooks change in few features, which hazard rules and new features still show"),
            Of("rateRatio", now.RateRatio, 1, measures => measures.Rate, "overlooks broad, weak change"),
            Of("magnitudeOctaves", now.MagnitudeOctaves, 0, measures => measures.Magnitude, "overlooks features that fire as often, but a little stronger or weaker"),
            Of("appearanceShare", now.AppearanceShare, 0, measures => measures.Appearance, "overlooks new and silent features of few sequences"),
            Streaks(),
            Of("runTime", now.RunTime.Amount, 0, measures => measures.Evidence, "delays alarms by a window or two for ten times the run time, and overlooks the very rarest triggers"));
        var proposed = options.Where(option => option.Raised).Aggregate(now, With);
        var then = proposed == now ? null : Count(await EntriesAsync(log, catalog with { Models = [.. catalog.Models.Select(plan => plan with { Detection = proposed })] }, progress, stopping));
        return new(entries.Count, calm.Length, monitors, options, Count(entries), then, proposed == now ? null : proposed);

        ThresholdOption Of(string option, double limit, double nothing, Func<Measures, double> measure, string cost)
        {
            var values = calm.Select(entry => measure(entry.Measures)).Order().ToArray();
            var usual = values[(int)Math.Ceiling(UsualShare * values.Length) - 1];
            var enough = Rounded(nothing + (usual - nothing) * Margin);
            var proposal = values[^1] >= limit ? Math.Max(limit, enough) : limit;
            var shown = alarming.Select(entry => measure(entry.Measures)).Where(value => value >= limit).ToArray();
            return new(option, limit, usual, values[^1], values.Count(value => value >= limit), enough, proposal, shown.Length, shown.Count(value => value < proposal), cost);
        }

        ThresholdOption Streaks()
        {
            var runs = RunsOf(entries.Where(entry => entry.IsQuiet).Select(entry => entry.Entry)).Order().DefaultIfEmpty(0).ToArray();
            var lost = RunsOf(alarming).Where(run => run >= now.RaiseAfter).ToArray();
            var (usual, most) = (runs[(int)Math.Ceiling(UsualShare * runs.Length) - 1], runs[^1]);
            var proposal = Math.Max(now.RaiseAfter, most + 1);
            return new("raiseAfter", now.RaiseAfter, usual, most, runs.Where(run => run >= now.RaiseAfter).Sum(), most + 1, proposal, lost.Sum(), lost.Where(run => run < proposal).Sum(), "delays alerts by as many windows");
        }
    }

    private async Task<List<(Entry Entry, bool IsQuiet)>> EntriesAsync(IEventLog log, Catalog under, Action<long>? progress, CancellationToken stopping)
    {
        var history = new AlarmHistory(under, quiet);
        var entries = new List<Entry>();
        await foreach (var step in new WindowReplay(under, only, Measure).RunAsync(log, stopping))
        {
            var alarms = history.Evolve(step.Fact);
            if (step.Fact is WindowClosed) progress?.Invoke(++seen);
            if (step is not { Closed: { } closed, Measured: Measures measures }) continue;
            var drifts = AlertBook.Verdicts(closed.Findings).Any(entry => entry is (AlarmKey.DriftRule, Verdict.Drift));
            entries.Add(new(closed.Monitor, closed.Probe, closed.Partition, alarms!, measures, drifts, step.Decided.OfType<DriftDetected>().Count()));
        }
        // Only now is it known which windows an alert was about.
        return [.. entries.Select(entry => (entry, history.IsQuiet(entry.Monitor, entry.Alarms)))];
    }

    /// <summary>What the options are compared with, whatever they are.</summary>
    private static object Measure(JudgedWindow judged)
    {
        var (window, baseline, options) = (judged.Window.Summary, judged.Baseline!, judged.Plan.Detection);
        var (fvu, l0) = EncoderFit.Factors(window, baseline);
        var (tested, factors) = new FiringRateShift(options).Measure(window, baseline);
        var (strengths, octaves) = new MagnitudeShift(options).Measure(window, baseline);
        var drifted = factors.Count(factor => factor >= options.RateRatio);
        var any = options with { AppearanceShare = 0 };
        return new Measures(
            fvu, l0, EffectOf(new ActivationMeanShift(options)), EffectOf(new ActivationCovarianceShift(options)),
            drifted >= FiringRateShift.Needed(0, tested) ? (double)drifted / tested : 0, AtLimit(factors, tested, 1), AtLimit(octaves, strengths, 0),
            Math.Max(EffectOf(new NewFeature(any)), EffectOf(new SilentFeature(any))), judged.Findings.FirstOrDefault(finding => finding.Detector == SequenceTails.Name)?.Score ?? 0);

        // How far the last of the features moved that are needed for drift.
        double AtLimit(double[] moved, int of, double nothing) => (int)Math.Ceiling(FiringRateShift.Needed(options.FeaturesShare, of)) is var needed && moved.Length >= needed ? moved[needed - 1] : nothing;

        double EffectOf(IDetector detector) => judged.Findings.FirstOrDefault(finding => finding.Detector == detector.Name) is { Verdict: Verdict.Undecided } ? 0 : detector.Judge(window, baseline).Effect;
    }

    /// <summary>Lengths of runs of windows in a row that drift, by monitor and partition.</summary>
    private static List<int> RunsOf(IEnumerable<Entry> entries)
    {
        var runs = new List<int>();
        foreach (var line in entries.GroupBy(entry => (entry.Monitor, entry.Probe, entry.Partition)))
        {
            var run = 0;
            foreach (var entry in line)
            {
                if (!entry.Drifts && run > 0) runs.Add(run);
                run = entry.Drifts ? run + 1 : 0;
            }
            if (run > 0) runs.Add(run);
        }
        return runs;
    }

    private static AlertCount Count(List<(Entry Entry, bool IsQuiet)> entries) => new(entries.Where(entry => entry.IsQuiet).Sum(entry => entry.Entry.Alerts), entries.Sum(entry => entry.Entry.Alerts));

    private static DetectionOptions With(DetectionOptions options, ThresholdOption option) => option.Option switch
    {
        "fvuRatio" => options with { FvuRatio = option.Proposal },
        "l0Ratio" => options with { L0Ratio = option.Proposal },
        "meanShift" => options with { MeanShift = option.Proposal },
        "covarianceRatio" => options with { CovarianceRatio = option.Proposal },
        "featuresShare" => options with { FeaturesShare = Math.Min(0.99, option.Proposal) },
        "rateRatio" => options with { RateRatio = option.Proposal },
        "magnitudeOctaves" => options with { MagnitudeOctaves = option.Proposal },
        "appearanceShare" => options with { AppearanceShare = Math.Min(0.99, option.Proposal) },
        "raiseAfter" => options with { RaiseAfter = (int)option.Proposal },
        "runTime" => options with { RunTime = options.RunTime with { Amount = option.Proposal } },
        _ => throw new InvalidOperationException($"no option {option.Option}"),
    };

    /// <summary>Up to three digits.</summary>
    private static double Rounded(double value)
    {
        if (value <= 0) return 0;
        var unit = Math.Pow(10, Math.Floor(Math.Log10(value)) - 2);
        return double.Parse((Math.Ceiling(value / unit - 1e-9) * unit).ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }
}
