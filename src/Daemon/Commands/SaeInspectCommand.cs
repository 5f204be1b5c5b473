using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Inspection;
using DriftWatch.Daemon.Reports;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch sae inspect PATH</c>: what a dictionary is, how it does on given activations, and how well it found features that are known.</summary>
internal sealed class SaeInspectCommand
{
    private readonly NamedDictionary dictionary = new();
    private readonly Option<string?> activations = new("--activations") { Description = "A safetensors file with activations: adds L0, dead latents, FVU and more." };
    private readonly Option<string?> target = new("--target") { Description = "For a transcoder: a safetensors file with the activations it predicts, the same rows." };
    private readonly Option<string?> truth = new("--truth") { Description = "A safetensors file with the true features, dictionary.MODEL [N, width] or dictionary: adds MCC, uniqueness and, with --activations, precision, recall and F1." };
    private readonly Option<string?> truthModel = new("--truth-model") { Description = "Which MODEL of the truth file; left out, the one that the activations or the dictionary's folder are named after." };
    private readonly Option<string?> html = new("--html") { Description = "Write the report with plots as one HTML page, too." };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public Command Create()
    {
        var command = new Command("inspect", "Say what a dictionary is, its health on given activations, and how well it found known features.") { activations, target, truth, truthModel, html, json };
        dictionary.AddTo(command);
        command.SetAction(Inspect);
        return command;
    }

    private int Inspect(ParseResult parsed)
    {
        var (page, path) = (parsed.GetValue(html), dictionary.Path(parsed));
        if (page is not null && Path.GetDirectoryName(Path.GetFullPath(page)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"--html: {folder}: no such folder.");
        if (parsed.GetValue(truthModel) is not null && parsed.GetValue(truth) is null) throw new UsageException("--truth-model says which model of a truth file is meant. Name the file with --truth.");
        if (parsed.GetValue(target) is not null && parsed.GetValue(activations) is null) throw new UsageException("--target belongs to rows. Name them with --activations.");
        var sae = dictionary.Open(parsed);
        var report = Report(parsed, sae);
        if (page is not null) File.WriteAllText(page, DictionaryPage.Html(report, $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))}: {report.Format}, {report.Architecture}"));
        if (parsed.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(report, EventJson.Options));
        else report.Write(Console.Out);
        return ExitCode.Done;
    }

    private DictionaryReport Report(ParseResult parsed, SparseAutoencoder sae)
    {
        var file = parsed.GetValue(activations) is { } named ? ActivationsFile.Read(named, sae.Width, sae.Heads) : null;
        var known = parsed.GetValue(truth) is { } of ? ReadTruth(of, parsed, sae, file) : null;
        if (file is null) return new(sae, null, known is null ? null : TruthScores.Of(sae, known, null, null, Environment.ProcessorCount), false);

        var rows = DictionaryHealth.Select(file.RowsBD, file.SequenceOf, sae);
        if (rows.Count == 0) throw new MalformedException("not-finite", $"{parsed.GetValue(activations)}: no row can be encoded.");
        var (health, codes) = DictionaryHealth.Measure(sae, rows, Targets(parsed, sae, rows), Environment.ProcessorCount);
        if (known is null) return new(sae, health, null, false);
        // A transcoder's features are those of its target, which are not in the input.
        if (sae.Transcodes || sae.Heads > 1) return new(sae, health, TruthScores.Of(sae, known, null, null, Environment.ProcessorCount), false);
        var (firings, found) = TrueFirings.Of(known, rows, Environment.ProcessorCount);
        return new(sae, health, TruthScores.Of(sae, known, codes, firings, Environment.ProcessorCount), found);
    }

    private float[] Targets(ParseResult parsed, SparseAutoencoder sae, InspectedRows rows)
    {
        if (parsed.GetValue(target) is not { } named) return [];
        if (!sae.Transcodes) throw new UsageException("--target is for a transcoder; this dictionary predicts its own input.");
        var file = ActivationsFile.Read(named, sae.OutputWidth, 1);
        if (file.Shape[0] != rows.Keep.Length) throw new MalformedException("rows", $"{named} has {file.Shape[0]} rows and the activations {rows.Keep.Length}; they are the same rows.");
        if (Array.Exists(file.RowsBD, x => !float.IsFinite(x))) throw new MalformedException("not-finite", $"{named} holds numbers that are not finite.");
        return DictionaryHealth.Packed(file.RowsBD, rows.Keep, sae.OutputWidth);
    }

    private GroundTruth ReadTruth(string file, ParseResult parsed, SparseAutoencoder sae, ActivationsFile? rows)
    {
        if (!File.Exists(file)) throw new UsageException($"{file}: no such file.");
        if (sae.EncodesOnly) throw new UsageException($"--truth: {sae.Architecture} has no decoder that could be used alone, so there are no directions to compare.");
        using var tensors = new WeightTensors(File.OpenRead(file));
        var models = GroundTruth.Models(tensors);
        var guesses = new[] { rows?.Metadata.GetValueOrDefault("model")?.Split('/')[^1], Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(dictionary.Path(parsed)))) };
        var model = parsed.GetValue(truthModel) ?? guesses.FirstOrDefault(models.Contains) ?? (models is [var only] ? only : throw new UsageException($"{file} knows {string.Join(", ", models)}. Say which with --truth-model."));
        var known = GroundTruth.Read(tensors, model);
        return known.Width == sae.AtomWidth ? known : throw new MalformedException("wrong-width", $"{file}: the features of {model} have width {known.Width} and the dictionary's {sae.AtomWidth}.");
    }
}
