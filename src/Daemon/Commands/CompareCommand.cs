using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Daemon.Api;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Daemon.Reports;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch compare A B --config FILE --log ADDRESS</c>: which canonical features differ between two versions or models, over their stored windows.</summary>
public sealed class CompareCommand
{
    private readonly Argument<string> a = new("a") { Description = "What it is compared with: model@version/hook, a monitor of the log; model@version where the model is watched at one hook." };
    private readonly Argument<string> b = new("b") { Description = "What is compared: what fires more fires more in this one." };
    private readonly Option<string> config = CommandLine.ConfigOption();
    private readonly Option<string> log = CommandLine.StoredLogOption();
    private readonly Option<string?> probe = new("--probe") { Description = "traffic (default), or canary: the same prompts for both, so that what differs is the model." };
    private readonly Option<string?> from = new("--from") { Description = "Windows from this event time on: 2026-11-20T12:00:00Z, or 2026-11-20." };
    private readonly Option<string?> to = new("--to") { Description = "Windows up to this event time." };
    private readonly Option<string?> top = new("--top") { Description = $"How many features of each kind to show. Default: {ComparisonView.TopDefault}." };
    private readonly Option<string?> html = new("--html") { Description = "Write the report with plots as one HTML page, too." };
    private readonly Option<string[]> pairedA = Paired("--paired-a", "A's");
    private readonly Option<string[]> pairedB = Paired("--paired-b", "B's");
    private readonly Option<bool> json = CommandLine.JsonOption();

    public static Command Create() => new CompareCommand().Build();

    private Command Build()
    {
        var command = new Command("compare", "Show which features fire more, less, newly or no more in B than in A, over the windows that are stored.") { a, b, config, log, probe, from, to, top, html, pairedA, pairedB, json };
        command.SetAction(RunAsync);
        return command;
    }

    private static Option<string[]> Paired(string name, string whose) => new(name)
    {
        Description = $"{whose} activation files, or folders of them: the same tokens through both, in the same order. Tells features that are B's own from those that only look so (latent scaling).",
        AllowMultipleArgumentsPerToken = true,
    };

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken stopping)
    {
        var (address, page, quiet) = (parsed.GetRequiredValue(log), parsed.GetValue(html), parsed.GetValue(json));
        if (page is not null && Path.GetDirectoryName(Path.GetFullPath(page)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"--html: {folder}: no such folder.");
        try
        {
            var shown = ComparisonQuery.Count("--top", parsed.GetValue(top), ComparisonView.TopDefault, ComparisonView.TopMaximum);
            var (askedProbe, start, end) = (ComparisonQuery.Probe("--probe", parsed.GetValue(probe)), ComparisonQuery.Time("--from", parsed.GetValue(from)), ComparisonQuery.Time("--to", parsed.GetValue(to)));
            var (_, catalog) = ConfigurationFile.Load(parsed.GetRequiredValue(config));
            var request = ComparisonRequest.Of(catalog, parsed.GetRequiredValue(a), parsed.GetRequiredValue(b), askedProbe, start, end);
            var output = quiet ? null : Console.Error;
            var pairs = PairsOf(parsed, request, catalog);
            var compared = await FoldAsync(new(catalog, request), address, new Progress(output, "windows", total: null), stopping);
            var scaling = pairs is null ? null : LatentScalingPass.Over(new MappedPairs(pairs, compared.A.Plan.Transform, compared.B.Plan.Transform), compared.A.Plan.Encoder, compared.B.Plan.Encoder, new Progress(output, "paired rows", pairs.Rows).Report, stopping);
            var view = ComparisonView.Of(compared, shown, scaling);
            if (page is not null) await File.WriteAllTextAsync(page, ComparisonPage.Html(view), stopping);
            if (quiet) Console.WriteLine(JsonSerializer.Serialize(view, EventJson.Options));
            else ComparisonTable.Write(Console.Out, view);
            if (page is not null && !quiet) Console.WriteLine($"\nPlots: {page}");
            return ExitCode.Done;
        }
        catch (NotComparableException error)
        {
            if (error.Why != NotComparable.Incomparable) throw new UsageException(error.Message);
            throw new MalformedException("incomparable", error.Message);
        }
    }

    /// <summary>Null: none were named.</summary>
    private PairedFiles? PairsOf(ParseResult parsed, ComparisonRequest request, Catalog catalog)
    {
        var (filesA, filesB) = (parsed.GetValue(pairedA) ?? [], parsed.GetValue(pairedB) ?? []);
        if (filesA.Length == 0 && filesB.Length == 0) return null;
        if (filesA.Length == 0 || filesB.Length == 0) throw new UsageException($"--paired-{(filesA.Length == 0 ? 'a' : 'b')} is missing. Name files of both, the same tokens in the same order.");
        foreach (var monitor in new[] { request.A, request.B })
            if (catalog.PlanFor(monitor)!.Own is not null)
                throw new UsageException($"--paired-a and --paired-b look for a feature's direction in the activations of both, and {monitor.Model} has a dictionary of its own: its canonical features are made of others after encoding, and no map brings its activations to the space. Leave them out; 'driftwatch sae diff' with that dictionary compares two versions of it.");
        var pairs = PairedFiles.Open(CommandLine.Files(filesA), CommandLine.Files(filesB));
        RefuseOther("--paired-a", pairs.SourceModel, pairs.SourceHook, request.A);
        RefuseOther("--paired-b", pairs.TargetModel, pairs.TargetHook, request.B);
        return pairs;
    }

    private static void RefuseOther(string option, string? model, string? hook, MonitorId monitor)
    {
        if ((model ?? monitor.Model, hook ?? monitor.Hook) != (monitor.Model, monitor.Hook)) throw new MalformedException("wrong-model", $"{option} holds rows of {model} at {hook}; {monitor} is compared. Give rows of it.");
    }

    private static async Task<ComparedVersions> FoldAsync(VersionComparison comparison, string address, Progress progress, CancellationToken stopping)
    {
        using var opened = CommandLine.OpenStored(address);
        await foreach (var stored in opened.Log.ReadAllAsync(0, stopping))
        {
            if (!comparison.Wants(stored.Stream) || EventJson.Read(stored.Data) is not WindowClosed window) continue;
            comparison.Evolve(window);
            progress.Report(comparison.Windows);
        }
        progress.End(comparison.Windows);
        return comparison.Result();
    }
}
