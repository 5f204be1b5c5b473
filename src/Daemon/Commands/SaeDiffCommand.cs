using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Diffing;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Daemon.Api;
using DriftWatch.Daemon.Reports;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch sae diff PATH --activations-a FILE… --activations-b FILE…</c>: which latents of a crosscoder a model and its fine-tune share, and which are really one's own.</summary>
internal sealed class SaeDiffCommand
{
    private readonly NamedDictionary dictionary = new();
    private readonly Option<string[]> activationsA = Rows("--activations-a", "The base's rows: a crosscoder's first head.");
    private readonly Option<string[]> activationsB = Rows("--activations-b", "The fine-tune's rows, the same tokens in the same order: a crosscoder's second head.");
    private readonly Option<string?> top = new("--top") { Description = $"How many latents of each kind to show. Default: {ModelDiffReport.TopDefault}." };
    private readonly Option<string?> html = new("--html") { Description = "Write the report with plots as one HTML page, too." };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public Command Create()
    {
        var command = new Command("diff", "Compare a model and its fine-tune through a crosscoder of both, or through one dictionary.") { activationsA, activationsB, top, html, json };
        dictionary.AddTo(command);
        command.SetAction((parsed, stopping) => Task.Run(() => Diff(parsed, stopping), stopping));
        return command;
    }

    private static Option<string[]> Rows(string name, string whose) => new(name) { Description = $"{whose} Files with the tensor activations, or folders of them.", Required = true, AllowMultipleArgumentsPerToken = true };

    private int Diff(ParseResult parsed, CancellationToken stopping)
    {
        var (page, quiet, path) = (parsed.GetValue(html), parsed.GetValue(json), dictionary.Path(parsed));
        if (page is not null && Path.GetDirectoryName(Path.GetFullPath(page)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"--html: {folder}: no such folder.");
        var shown = Shown(parsed);
        var sae = dictionary.Open(parsed);
        var pairs = PairedFiles.Open(CommandLine.Files(parsed.GetRequiredValue(activationsA)), CommandLine.Files(parsed.GetRequiredValue(activationsB)));
        var progress = new Progress(quiet ? null : Console.Error, "paired rows", total: null);
        var diff = ModelDiffPass.Over(pairs, FastestEncoder.For(sae, Environment.ProcessorCount), progress.Report, stopping);
        progress.End(diff.Rows);
        var report = ModelDiffReport.Of(sae, diff, pairs, shown);
        if (page is not null) File.WriteAllText(page, ModelDiffPage.Html(report, $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))}: {report.B.Model ?? "B"} beside {report.A.Model ?? "A"}"));
        if (quiet) Console.WriteLine(JsonSerializer.Serialize(report, EventJson.Options));
        else ModelDiffTable.Write(Console.Out, report);
        if (page is not null && !quiet) Console.WriteLine($"\nPlots: {page}");
        return ExitCode.Done;
    }

    private int Shown(ParseResult parsed)
    {
        try
        {
            return ComparisonQuery.Count("--top", parsed.GetValue(top), ModelDiffReport.TopDefault, ModelDiffReport.TopMaximum);
        }
        catch (NotComparableException error)
        {
            throw new UsageException(error.Message);
        }
    }
}
