using System.Text;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>The measured numbers as Markdown.</summary>
internal static class DetectReport
{
    /// <param name="calibrations">By run, then contender; quiet windows only.</param>
    /// <param name="measured">By run, then contender.</param>
    /// <param name="wanted">Share of the runs that must find a change for it to count as found.</param>
    public static string Of(DetectOptions options, SequencePool pool, IContender[] contenders, Trace[][] calibrations, Trace[][] measured, double wanted)
    {
        var text = new StringBuilder();
        text.AppendLine(Stream(options, pool));
        text.AppendLine($"{measured.Length} measured runs, {calibrations.Length} for calibration, {options.QuietWindows} quiet windows each, then {options.Windows} windows ({options.Windows * options.Window:N0} sequences) for each share; seed {options.Seed}.");
        text.AppendLine();
        if (!options.Alone) AddOwnThresholds(text, options, contenders, calibrations, measured, wanted);
        text.AppendLine(options.Alone
            ? $"At a stated run time of {options.RunTime:N0} windows, {(options.OtherVersion ? "the version another than the baseline's" : "the version the baseline's")}: runs that found the share, and their median delay in windows."
            : $"At an equal run time of {options.RunTime:N0} windows without drift (stated to DriftWatch; the others' thresholds from the calibration runs; measured on the other runs): runs that found the share, and their median delay in windows.");
        text.AppendLine();
        text.AppendLine($"| contender | run time measured | {string.Join(" | ", options.Shares.Select(Percent))} | smallest share found |");
        text.AppendLine($"|---|--:|{string.Concat(options.Shares.Select(_ => "--:|"))}--:|");
        for (var i = 0; i < contenders.Length; i++)
        {
            var threshold = contenders[i].StatesRunTime ? double.NaN : RunLength.Threshold([.. calibrations.Select(run => run[i].Quiet.Select(reading => reading.Score).ToArray())], options.RunTime);
            bool Alarms(Reading reading) => double.IsNaN(threshold) ? reading.Alarm : reading.Score > threshold;
            var runTime = RunLength.Of(measured.Select(run => run[i].Quiet.Select(Alarms)));
            var found = options.Shares.Select((_, share) => Delays(measured, i, share, Alarms)).ToArray();
            text.AppendLine($"| {contenders[i].Name} | {Shown(runTime, measured.Length * options.QuietWindows)} | {string.Join(" | ", found.Select(Cell))} | {Limit(options, found, wanted)} |");
        }
        return text.ToString();
    }

    private static void AddOwnThresholds(StringBuilder text, DetectOptions options, IContender[] contenders, Trace[][] calibrations, Trace[][] measured, double wanted)
    {
        text.AppendLine($"At their own thresholds: false alarms among {1.0 * (calibrations.Length + measured.Length) * options.QuietWindows:N0} quiet windows, and the smallest share found in {wanted:0 %} of runs.");
        text.AppendLine();
        text.AppendLine("| contender | alarms when | false alarms per 1,000 windows | windows to the first | smallest share found |");
        text.AppendLine("|---|---|--:|--:|--:|");
        for (var i = 0; i < contenders.Length; i++)
        {
            var quiet = calibrations.Concat(measured).Select(run => run[i].Quiet.Select(reading => reading.Alarm)).ToArray();
            var all = quiet.SelectMany(run => run).ToArray();
            var found = options.Shares.Select((_, share) => Delays(measured, i, share, reading => reading.Alarm)).ToArray();
            text.AppendLine($"| {contenders[i].Name} | {contenders[i].Rule} | {1000.0 * all.Count(alarm => alarm) / all.Length:0.0} | {Shown(RunLength.Of(quiet), all.Length)} | {(AlarmsAnyway(options, quiet) ? "alarms anyway" : Limit(options, found, wanted))} |");
        }
        text.AppendLine();
    }

    public static string Stream(DetectOptions options, SequencePool pool)
    {
        var stream = options.Quiet is null ? $"synthetic, {options.Features:N0} dependent features" : $"{NameOf(options.Quiet)}, SAE {NameOf(options.Sae!)} of {pool.Tables[0].Features:N0} features";
        return $"Stream: {stream}, L0 {pool.L0:0.0}, {pool.Count:N0} sequences to draw from; baseline {options.Baseline:N0} sequences, window {options.Window:N0}.";
    }

    private static string NameOf(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));

    /// <summary>In a fifth of the runs or more it alarms within as many quiet windows as a change is looked for in: what it finds says nothing.</summary>
    private static bool AlarmsAnyway(DetectOptions options, IEnumerable<bool>[] quiet) => quiet.Count(run => run.Take(options.Windows).Contains(true)) >= 0.2 * quiet.Length;

    /// <summary>For each run that was quiet until the change: windows to the first alarm, 0 for none.</summary>
    private static int[] Delays(Trace[][] measured, int contender, int share, Func<Reading, bool> alarms)
    {
        // Whoever alarms all the time is not let off: without a quiet run its alarms are taken as they come.
        var quiet = measured.Where(run => !run[contender].Quiet.Any(alarms)).ToArray();
        return [.. (quiet.Length > measured.Length / 4 ? quiet : measured).Select(run => Array.FindIndex(run[contender].Changed[share], reading => alarms(reading)) + 1)];
    }

    private static double FoundShare(int[] delays) => (double)delays.Count(delay => delay > 0) / delays.Length;

    private static string Cell(int[] delays)
    {
        var found = delays.Where(delay => delay > 0).Order().ToArray();
        return found.Length == 0 ? "0 %" : $"{FoundShare(delays):0 %}, {found[found.Length / 2]}";
    }

    /// <summary>The smallest share that was found, and every larger one too.</summary>
    private static string Limit(DetectOptions options, int[][] delays, double wanted)
    {
        var found = options.Shares.TakeWhile((_, share) => FoundShare(delays[share]) >= wanted).Count();
        return found == 0 ? "none" : Percent(options.Shares[found - 1]);
    }

    private static string Percent(double share) => $"{share * 100:0.##} %";

    private static string Shown((double Windows, int Alarms) runTime, int windows) =>
        windows == 0 ? "–" : runTime.Alarms == 0 ? $"> {windows:N0}" : $"{runTime.Windows:N0} ({runTime.Alarms})";
}
