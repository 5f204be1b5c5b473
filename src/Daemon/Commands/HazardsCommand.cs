using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch hazards test --config FILE --log ADDRESS</c>: what each rule would have said of stored windows, before anyone is paged by it.</summary>
public static class HazardsCommand
{
    public static Command Create()
    {
        var config = CommandLine.ConfigOption();
        var log = CommandLine.StoredLogOption();
        var monitors = CommandLine.MonitorsOption("--monitor", "Try the rules on these monitors only: model@version/hook. Default: all.");
        var quiet = CommandLine.MonitorsOption("--quiet", "Take the windows of these monitors, and no others, for quiet. Default: the baselines' versions, and windows that no other rule and no drift alarm was alarmed by.");
        var json = CommandLine.JsonOption();
        var test = new Command("test", "Show each rule's rates, alerts and false positives on the windows that are stored.") { config, log, monitors, quiet, json };
        test.SetAction((parsed, stopping) => TestAsync(
            parsed.GetRequiredValue(config), parsed.GetRequiredValue(log), CommandLine.Monitors(parsed.GetValue(monitors)), CommandLine.Monitors(parsed.GetValue(quiet)), parsed.GetValue(json), stopping));
        return new("hazards", "Try hazard rules.") { test };
    }

    private static async Task<int> TestAsync(string config, string address, HashSet<MonitorId> only, HashSet<MonitorId> quiet, bool json, CancellationToken stopping)
    {
        var (_, catalog) = ConfigurationFile.Load(config);
        if (catalog.Models.All(plan => plan.Hazards.IsEmpty)) throw new UsageException($"{config} has no hazards. Add the rule to try to the list hazards.");
        var trial = new HazardTrial(catalog, quiet);
        using var log = CommandLine.OpenStored(address);
        await foreach (var stored in log.Log.ReadAllAsync(0, stopping)) trial.Evolve(EventJson.Read(stored.Data), stored.Id);
        foreach (var name in only.Concat(quiet))
            if (!trial.Monitors.Contains(name))
                throw new UsageException($"{address} holds no window of {name} with the dictionary, transform and outlierNorm of {config}. It has windows of: {string.Join(", ", trial.Monitors)}.");
        var results = await trial.ResultsAsync(only, log.Log, stopping);
        if (json) Console.WriteLine(JsonSerializer.Serialize(new { rules = results.Select(View) }, EventJson.Options));
        else foreach (var result in results) Write(result, Console.Out);
        return ExitCode.Done;
    }

    private static object View(TrialRule result) => new
    {
        rule = result.Rule.Id,
        severity = result.Rule.Severity,
        @for = result.Rule.For,
        quietWindows = result.Quiet,
        quietHeld = result.QuietHeld,
        falsePositiveRate = result.Quiet == 0 ? (double?)null : (double)result.QuietHeld / result.Quiet,
        falsePositiveInterval = result.FalsePositives is { } interval ? new { confidence = HazardTrial.Confidence, low = interval.Low, high = interval.High } : null,
        monitors = result.Monitors.Select(monitor => new
        {
            monitor = monitor.Monitor,
            probe = monitor.Probe,
            windows = monitor.Windows,
            judged = monitor.Judged,
            held = monitor.Held,
            alerts = monitor.Alerts,
            quietWindows = monitor.Quiet,
            quietHeld = monitor.QuietHeld,
            parts = monitor.Parts,
            undecided = monitor.Undecided.Select(reason => new { because = reason.Because, windows = reason.Windows }),
        }),
    };

    private static void Write(TrialRule result, TextWriter output)
    {
        var rule = result.Rule;
        output.WriteLine($"{rule.Id} ({rule.Severity.ToString().ToLowerInvariant()}, for {rule.For} window{(rule.For == 1 ? "" : "s")} in a row)");
        output.WriteLine(result.FalsePositives is var (low, high)
            ? $"  held in {result.QuietHeld} of {result.Quiet} quiet windows: false positives {Share((double)result.QuietHeld / result.Quiet)} (95 % interval {Share(low)} to {Share(high)})"
            : "  no quiet window could be judged: nothing is known of its false positives");
        if (!result.Monitors.IsEmpty) output.WriteLine("  per window: smallest / median / largest rate (a fingerprint: cosine), its lift over the baseline's");
        if (result.Monitors.IsEmpty) output.WriteLine("  no stored window of a monitor that it watches");
        foreach (var monitor in result.Monitors)
        {
            output.WriteLine($"  {monitor.Monitor}{(monitor.Probe == Probe.Canary ? " (canary)" : "")}: held in {monitor.Held} of {monitor.Judged} judged windows, {monitor.Alerts} alert{(monitor.Alerts == 1 ? "" : "s")}; {monitor.Quiet} quiet");
            foreach (var part in monitor.Parts)
            {
                if (part.Rate is { } rate) output.WriteLine($"    {part.Name}: {Spread(rate)}{(part.Lift is { } lift && part.Name.StartsWith("fingerprint ", StringComparison.Ordinal) is false ? $", lift {Spread(lift)}" : "")}{(part.Magnitude is { } magnitude ? $", magnitude {Spread(magnitude)}" : "")}");
                if (part.Estimated > 0) output.WriteLine($"    {part.Name}: estimated in {part.Estimated} of {monitor.Windows} windows from the samples of sequences that are kept beside them or the baseline's; rates are as coarse as the samples");
                if (part.NotCounted > 0)
                    output.WriteLine($"    {part.Name}: not counted in {part.NotCounted} of {monitor.Windows} windows, which closed before this rule was in force; analyse the recorded messages again into a new log, or wait for new windows");
            }
            // What was not counted is said above, part by part.
            foreach (var (because, windows) in monitor.Undecided.Where(reason => !reason.Because.StartsWith(HazardTrial.NotCounted, StringComparison.Ordinal))) output.WriteLine($"    undecided in {windows} of {monitor.Windows} windows: {because}");
        }
        output.WriteLine();
    }

    private static string Spread(Spread spread) => $"{spread.Minimum:0.#####} / {spread.Median:0.#####} / {spread.Maximum:0.#####}";

    private static string Share(double share) => $"{share * 100:0.###} %";
}
