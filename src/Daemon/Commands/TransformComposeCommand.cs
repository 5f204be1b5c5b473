using System.CommandLine;
using System.CommandLine.Parsing;
using DriftWatch.Analysis.Canonical;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch transform compose FIRST SECOND… --out FILE</c>: a model that is mapped to another, which is mapped to the reference.</summary>
public sealed class TransformComposeCommand
{
    private readonly Argument<string[]> files = new("files") { Description = "Transform files in the order in which they are applied; a feature-map only as the last.", Arity = new(2, 8) };
    private readonly Option<string> output = new("--out") { Description = "Where to write the transform file (kind chain).", Required = true };

    public Command Create()
    {
        var command = new Command("compose", "Put maps one behind the other: from a model through another to the reference.") { files, output };
        command.SetAction(parsed => Compose(parsed.GetRequiredValue(files), parsed.GetRequiredValue(output)));
        return command;
    }

    private static int Compose(string[] paths, string path)
    {
        foreach (var part in paths)
            if (!File.Exists(part)) throw new UsageException($"{part}: no such file.");
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"--out: {folder}: no such folder.");
        using var written = new MemoryStream();
        ChainFile.Write(written, [.. paths.Select(part => (part, File.ReadAllBytes(part)))]);
        File.WriteAllBytes($"{path}.part", written.ToArray());
        File.Move($"{path}.part", path, overwrite: true);
        Console.WriteLine($"{path}: {string.Join(", then ", paths)}. Its fidelity is not known yet: measure it from end to end with 'driftwatch transform evaluate {path} --write …'.");
        return ExitCode.Done;
    }
}
