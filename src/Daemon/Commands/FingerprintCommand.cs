using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch fingerprint A B --log ADDRESS --config FILE --out FILE</c>: the drift from one version to another as a file that hazard rules name.</summary>
public static class FingerprintCommand
{
    private const int FeaturesDefault = 256;

    public static Command Create()
    {
        var from = new Argument<string>("from") { Description = "The version it moved away from: model@version/hook, a monitor of the log." };
        var to = new Argument<string>("to") { Description = "The version it became: model@version/hook." };
        var log = CommandLine.StoredLogOption();
        var config = CommandLine.ConfigOption();
        var output = new Option<string>("--out") { Description = "Where to write the fingerprint (JSON).", Required = true };
        var features = new Option<int>("--features") { Description = "How many features to keep: those that moved most.", DefaultValueFactory = _ => FeaturesDefault };
        var json = CommandLine.JsonOption();
        var command = new Command("fingerprint", "Keep how a version's features moved, so that a hazard rule can say: this drift looks like that one.") { from, to, log, config, output, features, json };
        command.SetAction((parsed, stopping) => RunAsync(
            CommandLine.Monitor(parsed.GetRequiredValue(from)), CommandLine.Monitor(parsed.GetRequiredValue(to)), parsed.GetRequiredValue(log), parsed.GetRequiredValue(config),
            parsed.GetRequiredValue(output), parsed.GetValue(features), parsed.GetValue(json), stopping));
        return command;
    }

    private static async Task<int> RunAsync(MonitorId from, MonitorId to, string address, string config, string output, int features, bool json, CancellationToken stopping)
    {
        if (features < Fingerprint.FeaturesMinimum) throw new UsageException($"--features is {features}. Use {Fingerprint.FeaturesMinimum} or more.");
        var (_, catalog) = ConfigurationFile.Load(config);
        var (fromPlan, toPlan) = (PlanOf(from, catalog), PlanOf(to, catalog));
        if (fromPlan.Space.Dictionary.Hash != toPlan.Space.Dictionary.Hash) throw new UsageException($"{from} and {to} are encoded with different dictionaries ({fromPlan.Space.Id}, {toPlan.Space.Id}). Use two monitors of one space.");

        var merged = new Dictionary<MonitorId, WindowSummary>();
        var (seen, otherEncoding) = (new SortedSet<MonitorId>(), 0);
        using (var log = CommandLine.OpenStored(address))
        {
            await foreach (var stored in log.Log.ReadAllAsync(0, stopping))
            {
                if (EventJson.Read(stored.Data) is not WindowClosed { Probe: Probe.Traffic } window) continue;
                seen.Add(window.Monitor);
                if (window.Monitor != from && window.Monitor != to) continue;
                if (window.Encoding != PlanOf(window.Monitor, catalog).EncodingHash)
                {
                    otherEncoding++;
                    continue;
                }
                var summary = SummaryCodec.Decode(window.Summary);
                merged[window.Monitor] = merged.TryGetValue(window.Monitor, out var before) ? before.Merge(summary) : summary;
            }
        }
        foreach (var monitor in new[] { from, to })
            if (!merged.ContainsKey(monitor))
                throw new UsageException($"{address} holds no window of {monitor} with the dictionary, transform and outlierNorm of {config}. It has windows of: {string.Join(", ", seen)}.");
        if (otherEncoding > 0) await Console.Error.WriteLineAsync($"{otherEncoding} windows were left out: another dictionary, transform or outlierNorm.");

        var fingerprint = Fingerprint.Of(toPlan.Space.Id, toPlan.Space.Dictionary.Hash, from.ToString(), merged[from], to.ToString(), merged[to], features);
        if (fingerprint.Drift.Count < Fingerprint.FeaturesMinimum)
        {
            await Console.Error.WriteLineAsync($"Only {fingerprint.Drift.Count} features moved by more than their noise; a fingerprint takes {Fingerprint.FeaturesMinimum}. Use more traffic ({fingerprint.FromSequences} and {fingerprint.ToSequences} sequences are there), or a version that differs.");
            return ExitCode.InputRefused;
        }
        await File.WriteAllBytesAsync(output, fingerprint.Write(), stopping);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new { fingerprint.Hash, fingerprint.Space, fingerprint.From, fingerprint.FromSequences, fingerprint.To, fingerprint.ToSequences, features = fingerprint.Drift.Count, file = output }, EventJson.Options));
            return ExitCode.Done;
        }
        Console.WriteLine($"{fingerprint.Drift.Count} features that moved from {from} ({fingerprint.FromSequences} sequences) to {to} ({fingerprint.ToSequences}) → {output}");
        foreach (var (feature, drift) in fingerprint.Drift.OrderByDescending(entry => Math.Abs(entry.Value)).ThenBy(entry => entry.Key).Take(Finding.FeaturesMaximum))
            Console.WriteLine($"  feature {feature}{(toPlan.Space.Labels.Of(feature) is { } label ? $" '{label}'" : "")}: rate × {Math.Pow(2, drift):0.00}");
        Console.WriteLine($"Use it in a hazard as  when: {{ fingerprint: {output}, cosineAbove: 0.3, pBelow: 0.001 }}  and try it with 'driftwatch hazards test'.");
        return ExitCode.Done;
    }

    private static ModelPlan PlanOf(MonitorId monitor, Catalog catalog) =>
        catalog.PlanFor(monitor) ?? throw new UsageException($"{monitor}: the configuration has no model {monitor.Model} at {monitor.Hook}. It has {string.Join(", ", catalog.Models.Select(plan => $"{plan.Model} at {plan.Hook}"))}.");
}
