using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch transform fit --kind K --source FILE… --target FILE… --out FILE</c>: learns a map from the same tokens through two models.</summary>
public sealed class TransformFitCommand
{
    private static readonly string[] kinds = [.. FitOptions.Kinds, FeatureMapFile.Kind];

    private readonly Option<string> kind = new("--kind") { Description = $"{string.Join(", ", kinds)}: ridge regression; rotation (Procrustes); reduced-rank regression; autoencoder with a shared latent; features of two dictionaries paired by correlation.", Required = true };
    private readonly PairedSource paired = new();
    private readonly Option<string> output = new("--out") { Description = "Where to write the transform file.", Required = true };
    private readonly Option<string?> targetSae = new("--target-sae") { Description = "The dictionary that mapped activations will be encoded with: the file then fits no other. feature-map: the space's dictionary, whose features are mapped to." };
    private readonly Option<string?> sourceSae = new("--source-sae") { Description = "feature-map: the model's own dictionary, whose features are mapped." };
    private readonly Option<float?> sourceInputScale = new("--source-input-scale") { Description = "As --input-scale, of the model's own dictionary." };
    private readonly Option<int?> sourceK = new("--source-k") { Description = "As --k, of the model's own dictionary." };
    private readonly Option<bool> manyToOne = new("--many-to-one") { Description = "feature-map: a canonical feature may be a mixture of several own features, not one alone." };
    private readonly Option<float?> inputScale = new("--input-scale") { Description = "Of the dictionary: what expected_average_only_in multiplies rows with; it is in no file." };
    private readonly Option<int?> k = new("--k") { Description = "Of the dictionary: k of a TopK format that keeps it in no file." };
    private readonly Option<double?> penalty = new("--penalty") { Description = "affine, low-rank: λ of ‖Y − XA − b‖² + λ‖A‖², scikit-learn's alpha. Default: chosen by cross-validation over sequences." };
    private readonly Option<int?> rank = new("--rank") { Description = "low-rank: the rank. Default: chosen by cross-validation over sequences." };
    private readonly Option<bool> scale = new("--scale") { Description = "orthogonal: true (default) or false: one factor beside the rotation.", DefaultValueFactory = _ => true };
    private readonly Option<int?> latent = new("--latent") { Description = "mlp: width of the shared latent. Default: four times the wider side." };
    private readonly Option<int> epochs = new("--epochs") { Description = "mlp: passes over the rows at most (100); it stops early.", DefaultValueFactory = _ => new FitOptions("mlp").Epochs };
    private readonly Option<int> seed = new("--seed") { Description = "mlp: of the first weights and the order of sequences (1).", DefaultValueFactory = _ => new FitOptions("mlp").Seed };
    private readonly Option<bool> holdOut = new("--hold-out") { Description = "true (default): a tenth of the sequences is not learned from and R² is measured on it. false: all are learned from and nothing is measured.", DefaultValueFactory = _ => true };
    private readonly Option<string?> sourceModel = new("--source-model") { Description = "Where the source's files do not say it." };
    private readonly Option<string?> sourceHook = new("--source-hook") { Description = "Where the source's files do not say it." };
    private readonly Option<string?> targetModel = new("--target-model") { Description = "Where the target's files do not say it." };
    private readonly Option<string?> targetHook = new("--target-hook") { Description = "Where the target's files do not say it." };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public Command Create()
    {
        var command = new Command("fit", "Learn a map from the same tokens through two models.") { kind, output, targetSae, sourceSae, sourceInputScale, sourceK, manyToOne, inputScale, k, penalty, rank, scale, latent, epochs, seed, holdOut, sourceModel, sourceHook, targetModel, targetHook, json };
        foreach (var option in paired.Options) command.Options.Add(option);
        command.SetAction((parsed, stopping) => Task.Run(() => Fit(parsed, stopping), stopping));
        return command;
    }

    private int Fit(ParseResult parsed, CancellationToken stopping)
    {
        var options = ReadOptions(parsed);
        var file = parsed.GetRequiredValue(output);
        if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"--out: {folder}: no such folder.");
        var progress = parsed.GetValue(json) ? null : Console.Error;
        var sae = OpenSae(targetSae, inputScale, k, parsed);
        var own = OpenSae(sourceSae, sourceInputScale, sourceK, parsed);
        using var opened = paired.Open(parsed, progress, stopping);
        var pairs = opened.Files;
        if (sae is not null && sae.Width != pairs.TargetWidth) throw new MalformedException("wrong-width", $"The target's activations are {pairs.TargetWidth} wide; the dictionary of --target-sae takes {sae.Width}. Use the activations of the model and hook that it was trained on.");
        if (options.Rank > Math.Min(pairs.SourceWidth, pairs.TargetWidth)) throw new UsageException($"--rank is {options.Rank}. Use {Math.Min(pairs.SourceWidth, pairs.TargetWidth)} or less, the narrower width.");
        var card = new TransformCard(options.Kind)
        {
            SourceModel = Said(sourceModel, pairs.SourceModel, parsed),
            SourceHook = Said(sourceHook, pairs.SourceHook, parsed),
            TargetModel = Said(targetModel, pairs.TargetModel, parsed),
            TargetHook = Said(targetHook, pairs.TargetHook, parsed),
            TargetSae = sae?.Hash,
        };

        if (options.Kind == FeatureMapFile.Kind) return FeatureMapFitting.Run(pairs, card, own!, sae!, parsed.GetValue(manyToOne), file, parsed.GetValue(json), new FitProgressLine(progress, pairs.Rows), stopping);

        var began = Stopwatch.GetTimestamp();
        var learned = TransformFit.Learn(pairs, options, new FitProgressLine(progress, pairs.Rows), stopping);
        learned = learned with
        {
            Card = card with { Data = learned.Card.Data, Rows = learned.Card.Rows, Sequences = learned.Card.Sequences, Choices = learned.Card.Choices, Fidelity = learned.Card.Fidelity },
        };
        // Not there before it is whole: a daemon may be pointed at the same file.
        using (var written = File.Create($"{file}.part")) learned.Write(written);
        File.Move($"{file}.part", file, overwrite: true);

        using var stored = File.OpenRead(file);
        var hash = Convert.ToHexStringLower(SHA256.HashData(stored));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (parsed.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(View(learned, pairs, file, hash, seconds), EventJson.Options));
        else Write(Console.Out, learned, pairs, file, hash, seconds);
        return ExitCode.Done;
    }

    private FitOptions ReadOptions(ParseResult parsed)
    {
        var options = new FitOptions(parsed.GetRequiredValue(kind))
        {
            Penalty = parsed.GetValue(penalty),
            Rank = parsed.GetValue(rank),
            Scale = parsed.GetValue(scale),
            Latent = parsed.GetValue(latent),
            Epochs = parsed.GetValue(epochs),
            Seed = parsed.GetValue(seed),
            HoldOut = parsed.GetValue(holdOut),
        };
        if (!kinds.Contains(options.Kind, StringComparer.Ordinal)) throw new UsageException($"--kind is '{options.Kind}'. Use {string.Join(", ", kinds)}.");
        if (options.Kind == FeatureMapFile.Kind)
            foreach (var needed in new[] { sourceSae, targetSae })
                if (parsed.GetValue(needed) is null) throw new UsageException($"{needed.Name} is missing: a feature-map pairs the features of two dictionaries. Name the folders of both, --source-sae and --target-sae.");
        if (options.Penalty is { } stated && !(stated >= 0 && double.IsFinite(stated))) throw new UsageException($"--penalty is {stated}. Use 0 or more.");
        foreach (var (name, value) in new[] { (rank.Name, options.Rank), (latent.Name, options.Latent), (epochs.Name, options.Epochs) })
            if (value < 1) throw new UsageException($"{name} is {value}. Use 1 or more.");
        foreach (var (option, belongs) in new (Option, string[])[]
        {
            (penalty, ["affine", "low-rank"]), (rank, ["low-rank"]), (scale, ["orthogonal"]), (latent, ["mlp"]), (epochs, ["mlp"]), (seed, ["mlp"]),
            (holdOut, [.. FitOptions.Kinds]), (sourceSae, [FeatureMapFile.Kind]), (sourceInputScale, [FeatureMapFile.Kind]), (sourceK, [FeatureMapFile.Kind]), (manyToOne, [FeatureMapFile.Kind]),
        })
            if (parsed.GetResult(option) is { Implicit: false } && !belongs.Contains(options.Kind, StringComparer.Ordinal)) throw new UsageException($"{option.Name} says nothing about --kind {options.Kind}. It belongs to {string.Join(" and ", belongs)}.");
        return options;
    }

    private static SparseAutoencoder? OpenSae(Option<string?> folder, Option<float?> inputScale, Option<int?> k, ParseResult parsed)
    {
        if (parsed.GetValue(folder) is not { } path) return null;
        if (!Path.Exists(path)) throw new UsageException($"{folder.Name}: {path}: no such folder or file. Name the folder that holds the dictionary's files, or the file where one is the dictionary.");
        return DictionaryReader.Read(new DirectoryFiles(path), new(parsed.GetValue(inputScale), parsed.GetValue(k)));
    }

    private static string? Said(Option<string?> option, string? inFiles, ParseResult parsed)
    {
        var stated = parsed.GetValue(option);
        if (stated is not null && inFiles is not null && stated != inFiles) throw new UsageException($"{option.Name} is '{stated}', but the files say '{inFiles}'. Leave it out.");
        return inFiles ?? stated;
    }

    private static object View(LearnedTransform learned, PairedFiles pairs, string file, string hash, double seconds) => new
    {
        kind = learned.Card.Kind,
        file,
        hash,
        source = new { model = learned.Card.SourceModel, hook = learned.Card.SourceHook, width = pairs.SourceWidth },
        target = new { model = learned.Card.TargetModel, hook = learned.Card.TargetHook, width = pairs.TargetWidth, sae = learned.Card.TargetSae },
        rows = learned.Data.Rows,
        sequences = learned.Data.Sequences,
        rowsLeftOut = new { notFinite = pairs.LeftOut.NotFinite, outliers = pairs.LeftOut.Outliers },
        heldOut = new { rows = learned.Data.HeldOutRows, sequences = learned.Data.HeldOutSequences, r2 = learned.HeldOutR2 },
        choices = learned.Choices,
        data = learned.Data.Hash,
        run = new { seconds },
    };

    private static void Write(TextWriter output, LearnedTransform learned, PairedFiles pairs, string file, string hash, double seconds)
    {
        var chosen = learned.Choices.Where(choice => choice.Value is not System.Text.Json.Nodes.JsonArray).Select(choice => $"{choice.Key} {choice.Value}");
        output.WriteLine($"""
            {learned.Card.Kind}: {Named(learned.Card.SourceModel, learned.Card.SourceHook)} ({pairs.SourceWidth}) → {Named(learned.Card.TargetModel, learned.Card.TargetHook)} ({pairs.TargetWidth})
            learned from    {learned.Data.Rows} rows of {learned.Data.Sequences} sequences; {pairs.LeftOut.All} of {pairs.Rows} rows left out ({pairs.LeftOut.NotFinite} not finite, {pairs.LeftOut.Outliers} outliers)
            chosen          {string.Join(", ", chosen)}
            R² held out     {(learned.HeldOutR2 is { } r2 ? $"{r2:0.0000} on {learned.Data.HeldOutRows} rows of {learned.Data.HeldOutSequences} sequences" : "not measured: nothing was held out")}
            {seconds:0.0} s → {file}, {hash}
            """);
    }

    internal static string Named(string? model, string? hook) => $"{model ?? "(model not said)"} at {hook ?? "(hook not said)"}";

    /// <summary>Each step has a line of its own.</summary>
    private sealed class FitProgressLine(TextWriter? output, long rows) : IProgress<FitProgress>
    {
        private Progress? line;
        private FitProgress last;

        public void Report(FitProgress value)
        {
            if (line is null || value.Step != last.Step)
            {
                if (last.Done > 0) line?.End(last.Done);
                line = new(output, value.Step, value.Step == "rows" ? rows : value.Total > 0 ? value.Total : null);
            }
            last = value;
            if (value.Done > 0) line.Report(value.Done);
        }
    }
}
