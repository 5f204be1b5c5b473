using System.Diagnostics;
using System.Text;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Detection;
using MathNet.Numerics.Distributions;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>Nothing changes: how long does the product run until it raises an alert, and how often does it name a feature? Each one that it names is wrong.</summary>
/// <remarks>
/// Run length: windows at risk over first alerts (<see cref="RunLength"/>); a run is at risk until its first alert or its end. Interval: exact for a Poisson number of alerts (Garwood 1936).
/// Runs are independent but for the pool that they are drawn from; windows of a run share their baseline.
/// </remarks>
internal static class NullRuns
{
    private const double Confidence = 0.95;

    public static string Of(DetectOptions options, SequencePool pool)
    {
        var watch = Stopwatch.StartNew();
        var runs = new NullRun[options.Runs];
        var done = 0;
        Parallel.For(0, runs.Length, new() { MaxDegreeOfParallelism = options.Threads }, () => new Sampler(pool, pool), (run, _, sampler) =>
        {
            runs[run] = RunOnce(options, sampler, run);
            if (Interlocked.Increment(ref done) is var now && now % Math.Max(1, runs.Length / 20) == 0)
                Console.Error.WriteLine($"{now} of {runs.Length} runs, {watch.Elapsed.TotalSeconds:0} s");
            return sampler;
        }, _ => { });

        var windows = (long)options.Runs * options.Windows;
        var text = new StringBuilder();
        text.AppendLine(DetectReport.Stream(options, pool));
        text.AppendLine($"{options.Runs} runs of {options.Windows:N0} windows without change, {(options.OtherVersion ? "the version another than the baseline's" : "the version the baseline's")}; stated run time {options.RunTime:N0} windows; seed {options.Seed}.");
        text.AppendLine();
        text.AppendLine("| rule | windows to the first alert (95 % interval) | alerts in all | alerts that name a feature |");
        text.AppendLine("|---|--:|--:|--:|");
        foreach (var rule in new[] { AlarmKey.TailsRule, AlarmKey.DriftRule })
        {
            var alerts = runs.SelectMany(run => run.Alerts).Where(alert => alert.Rule == rule).ToArray();
            var first = runs.Select(run => run.Alerts.Where(alert => alert.Rule == rule).Select(alert => alert.Window).DefaultIfEmpty(-1).First()).ToArray();
            var atRisk = first.Sum(window => window < 0 ? (long)options.Windows : window + 1);
            text.AppendLine($"| {rule} | {Length(atRisk, first.Count(window => window >= 0))} | {alerts.Length} | {alerts.Count(alert => alert.Names)} |");
        }
        text.AppendLine();
        text.AppendLine("| detector | windows with drift | windows that name a feature | features named |");
        text.AppendLine("|---|--:|--:|--:|");
        foreach (var detector in runs[0].Detectors.Keys)
        {
            var all = runs.Select(run => run.Detectors[detector]).ToArray();
            text.AppendLine($"| {detector} | {Share(all.Sum(one => one.Drift), windows)} | {Share(all.Sum(one => one.Naming), windows)} | {all.Sum(one => one.Named):N0} |");
        }
        return text.ToString();
    }

    private static NullRun RunOnce(DetectOptions options, Sampler sampler, int run)
    {
        var random = new FastRandom(options.Seed, 1000 + run);
        var product = new DriftWatchContender("DriftWatch", 0, options);
        product.Learn(sampler.Draw(random, options.Baseline, 0), random);
        var result = new NullRun([], []);
        for (var window = 0; window < options.Windows; window++)
        {
            var (judged, facts) = product.Judge(sampler.Draw(random, options.Window, 0));
            foreach (var alert in facts.OfType<DriftDetected>())
                result.Alerts.Add((window, alert.Rule ?? AlarmKey.DriftRule, alert.Findings.Any(finding => finding.FeatureCount > 0)));
            foreach (var finding in judged.Findings)
            {
                var (drift, naming, named) = result.Detectors.GetValueOrDefault(finding.Detector);
                result.Detectors[finding.Detector] = (drift + (finding.Verdict == Verdict.Drift ? 1 : 0), naming + (finding.FeatureCount > 0 ? 1 : 0), named + finding.FeatureCount);
            }
        }
        return result;
    }

    private static string Length(long atRisk, int alerts)
    {
        var shortest = 2 * atRisk / ChiSquared.InvCDF(2 * alerts + 2, (1 + Confidence) / 2);
        return alerts == 0 ? $"> {shortest:N0} (none in {atRisk:N0})" : $"{(double)atRisk / alerts:N0} ({shortest:N0}–{2 * atRisk / ChiSquared.InvCDF(2 * alerts, (1 - Confidence) / 2):N0}; {alerts} in {atRisk:N0})";
    }

    private static string Share(long some, long all) => $"{some:N0} ({100.0 * some / all:0.###} %)";
}

/// <summary>What one run gave.</summary>
/// <param name="Detectors">By name: windows with drift, windows that named a feature, features named.</param>
internal sealed record NullRun(List<(int Window, string Rule, bool Names)> Alerts, Dictionary<string, (int Drift, int Naming, long Named)> Detectors);
