using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Daemon.Reports;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch transform evaluate FILE --source FILE… --target FILE… --sae PATH</c>: how well a map carries a model into the reference's features, beside controls, and its grade.</summary>
public sealed class TransformEvaluateCommand
{
    private readonly Argument<string> file = new("file") { Description = "The transform file." };
    private readonly PairedSource paired = new();
    private readonly Option<string> sae = new("--sae") { Description = "The reference dictionary's folder.", Required = true };
    private readonly Option<float?> inputScale = new("--input-scale") { Description = "Of the reference dictionary: what expected_average_only_in multiplies rows with; it is in no file." };
    private readonly Option<int?> k = new("--k") { Description = "Of the reference dictionary: k of a TopK format that keeps it in no file." };
    private readonly Option<string?> sourceSae = new("--source-sae") { Description = "For a feature-map: the folder of the mapped model's own dictionary." };
    private readonly Option<float?> sourceInputScale = new("--source-input-scale") { Description = "As --input-scale, of the mapped model's own dictionary." };
    private readonly Option<int?> sourceK = new("--source-k") { Description = "As --k, of the mapped model's own dictionary." };
    private readonly Option<string?> html = new("--html") { Description = "Write the report with plots as one HTML page, too." };
    private readonly Option<bool> write = new("--write") { Description = "Store grade and fidelity in the transform file; its hash changes." };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public Command Create()
    {
        var command = new Command("evaluate", "Measure a map on rows that it was not fitted on, beside controls, and grade it A to F.") { file, sae, inputScale, k, sourceSae, sourceInputScale, sourceK, html, write, json };
        foreach (var option in paired.Options) command.Options.Add(option);
        command.SetAction((parsed, stopping) => Task.Run(() => Evaluate(parsed, stopping), stopping));
        return command;
    }

    private int Evaluate(ParseResult parsed, CancellationToken stopping)
    {
        var path = parsed.GetRequiredValue(file);
        var (page, quiet, threads) = (parsed.GetValue(html), parsed.GetValue(json), Environment.ProcessorCount);
        if (!File.Exists(path)) throw new UsageException($"{path}: no such file. Name the transform file that 'driftwatch transform fit' wrote.");
        if (page is not null && Path.GetDirectoryName(Path.GetFullPath(page)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"--html: {folder}: no such folder.");
        var reference = FastestEncoder.For(Dictionary("--sae", parsed.GetRequiredValue(sae), parsed.GetValue(inputScale), parsed.GetValue(k)), threads);
        var own = parsed.GetValue(sourceSae) is { } named ? FastestEncoder.For(Dictionary("--source-sae", named, parsed.GetValue(sourceInputScale), parsed.GetValue(sourceK)), threads) : null;
        var progress = quiet ? null : Console.Error;
        using var opened = paired.Open(parsed, progress, stopping);
        var pairs = opened.Files;
        var (view, card) = EvaluatedTransform.Open(path, pairs, reference, own);

        var (survey, seen) = (new Progress(progress, "rows looked through", pairs.Rows), 0L);
        var data = EvaluationData.Survey(pairs, card, rows => survey.Report(seen += rows), stopping);
        survey.End(seen);
        var report = TransformEvaluation.Run(data, view, reference, own, threads, new Progress(progress, "rows measured", data.Rows).Report, stopping);

        var title = $"{Path.GetFileName(path)}: {card.Kind}, {Origin(card.SourceModel, card.SourceHook)} → {Origin(card.TargetModel, card.TargetHook)}";
        if (page is not null) File.WriteAllText(page, FidelityPage.Html(report, title));
        if (parsed.GetValue(write)) EvaluatedTransform.Store(path, card with { Fidelity = FidelityJson.Of(report), Grade = report.Grade });
        if (quiet)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new { file = path, kind = card.Kind, written = parsed.GetValue(write), html = page, rowsLeftOut = pairs.LeftOut, cutOffs = Grading.CutOffs.ToDictionary(cut => cut.Grade, cut => cut.Score), report }, EventJson.Options));
            return ExitCode.Done;
        }
        FidelityTable.Write(Console.Out, report, title);
        if (pairs.LeftOut.All > 0) Console.WriteLine($"{pairs.LeftOut.All} of {pairs.Rows} rows were left out ({pairs.LeftOut.NotFinite} not finite, {pairs.LeftOut.Outliers} outliers).");
        if (parsed.GetValue(write)) Console.WriteLine($"Grade {report.Grade} and fidelity stand in {path} now; its hash has changed.");
        if (page is not null) Console.WriteLine($"Plots: {page}");
        return ExitCode.Done;
    }

    private static string Origin(string? model, string? hook) => $"{model ?? "(model not said)"} at {hook ?? "(hook not said)"}";

    private static SparseAutoencoder Dictionary(string option, string path, float? scale, int? k)
    {
        if (!Path.Exists(path)) throw new UsageException($"{option}: {path}: no such folder or file. Name the folder that holds the dictionary's files, or the file where one is the dictionary.");
        var named = DictionaryReader.Read(new DirectoryFiles(path), new(scale, k));
        if (named.Transcodes || named.Heads > 1) throw new UsageException($"{option}: {path} is a {(named.Heads > 1 ? "crosscoder" : "transcoder")}. Fidelity is measured by what a dictionary reconstructs of its own input; name an autoencoder of the hook.");
        return named;
    }
}
