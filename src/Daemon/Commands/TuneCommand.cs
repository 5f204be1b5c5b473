using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch tune --config FILE --log ADDRESS</c>: thresholds that the quiet windows of a log would have stayed below.</summary>
public static class TuneCommand
{
    public static Command Create()
    {
        var config = CommandLine.ConfigOption();
        var log = CommandLine.StoredLogOption();
        var monitors = CommandLine.MonitorsOption("--monitor", "Windows of these monitors only: model@version/hook. Default: all.");
        var quiet = CommandLine.MonitorsOption("--quiet", "Take the windows of these monitors, and no others, for quiet. Default: the baselines' versions, and windows that no alert was about.");
        var json = CommandLine.JsonOption();
        var command = new Command("tune", "Propose thresholds from the quiet windows of a log, and show what they cost.") { config, log, monitors, quiet, json };
        command.SetAction((parsed, stopping) => RunAsync(
            parsed.GetRequiredValue(config), parsed.GetRequiredValue(log), CommandLine.Monitors(parsed.GetValue(monitors)), CommandLine.Monitors(parsed.GetValue(quiet)), parsed.GetValue(json), stopping));
        return command;
    }

    private static async Task<int> RunAsync(string config, string address, HashSet<MonitorId> only, HashSet<MonitorId> quiet, bool json, CancellationToken stopping)
    {
        var (_, catalog) = ConfigurationFile.Load(config);
        ThresholdProposal proposal;
        using (var log = CommandLine.OpenStored(address))
        {
            var progress = new Progress(json ? null : Console.Error, "windows", total: null);
            proposal = await new ThresholdTrial(catalog, only, quiet).RunAsync(log.Log, progress.Report, stopping);
        }
        foreach (var name in only.Concat(quiet))
            if (proposal.Monitors.All(entry => entry.Monitor != name))
                throw new UsageException($"{address} holds no window of {name} that can be judged under {config}. It has: {string.Join(", ", proposal.Monitors.Select(entry => entry.Monitor))}.");
        if (proposal.Quiet < ThresholdTrial.QuietMinimum)
        {
            await Console.Error.WriteLineAsync($"{proposal.Quiet} quiet windows are too few to rest a threshold on; {ThresholdTrial.QuietMinimum} are needed, of {proposal.Windows} that could be judged. Analyse more traffic of the approved version, or name monitors that are known to be quiet with --quiet.");
            return ExitCode.InputRefused;
        }
        if (json) Console.WriteLine(JsonSerializer.Serialize(View(proposal), EventJson.Options));
        else Write(Console.Out, proposal, catalog);
        return ExitCode.Done;
    }

    private static object View(ThresholdProposal proposal) => new
    {
        windows = proposal.Windows,
        quietWindows = proposal.Quiet,
        monitors = proposal.Monitors.Select(entry => new { monitor = entry.Monitor, quietWindows = entry.Quiet, windows = entry.Windows }),
        options = proposal.Options,
        alertsNow = proposal.AlertsNow,
        alertsThen = proposal.AlertsThen,
        detection = proposal.Options.Where(option => option.Raised).ToDictionary(option => option.Option, option => option.Proposal),
    };

    private static void Write(TextWriter output, ThresholdProposal proposal, Catalog catalog)
    {
        output.WriteLine($"{proposal.Quiet} quiet windows of {proposal.Windows}:");
        foreach (var (monitor, quiet, windows) in proposal.Monitors) output.WriteLine($"  {monitor}: {quiet} of {windows}");
        output.WriteLine();
        output.WriteLine($"{"option",-16} {"now",8} {"99.9 %",8} {"largest",8} {"at or over",10} {"proposal",9}   of the quiet windows");
        foreach (var option in proposal.Options)
            output.WriteLine($"{option.Option,-16} {Number(option.Now),8} {Number(option.Usual),8} {Number(option.Largest),8} {option.Over,10} {(option.Raised ? Number(option.Proposal) : "keep"),9}{(option.Option == "raiseAfter" ? "   (windows in a row)" : "")}");
        output.WriteLine();
        output.WriteLine($"This history would have had {Alerts(proposal.AlertsNow)} as it is configured{(proposal.AlertsThen is { } then ? $", {Alerts(then)} as proposed" : "; nothing to raise")}.");
        foreach (var option in proposal.Options.Where(option => option.Raised))
            output.WriteLine($"Raising {option.Option} {option.Cost}{(option.Alarming > 0 ? $": {option.Lost} of {option.Alarming} alarming windows that reach {Number(option.Now)} would not reach {Number(option.Proposal)}" : "")}.");
        output.WriteLine();
        output.WriteLine($"detection:   # from {proposal.Quiet} quiet windows");
        var days = catalog.Models[0].Detection.RunTime.Days;
        foreach (var option in proposal.Options)
        {
            var unit = option.Option == "runTime" ? days ? " days" : " windows" : "";
            if (option.Raised) output.WriteLine($"  {option.Option}: {Number(option.Proposal)}{unit}   # was {Number(option.Now)}{unit}; quiet windows reached {Number(option.Largest)}");
            // A run time is what the operator wants, not what traffic measures; and where nothing was measured nothing is known.
            else if (option.Enough < option.Now && option.Usual > 0 && option.Option is not ("runTime" or "raiseAfter") && !(option.Option.EndsWith("Ratio", StringComparison.Ordinal) && option.Usual <= 1)) output.WriteLine($"  # {option.Option}: {Number(option.Now)}{unit} stays; {Number(option.Enough)} would have been quiet, too");
        }
    }

    private static string Alerts(AlertCount count) => $"{count.All} drift alert{(count.All == 1 ? "" : "s")}, {count.Quiet} of them in quiet windows";

    private static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
