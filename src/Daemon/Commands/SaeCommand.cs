using System.CommandLine;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch sae inspect|encode|convert|diff</c>: what a dictionary is, what it computes, the same as SAELens would save it, and two models through a crosscoder.</summary>
public static class SaeCommand
{
    public static Command Create() => new("sae", "Look into sparse dictionaries.") { new SaeInspectCommand().Create(), new SaeEncodeCommand().Create(), new SaeConvertCommand().Create(), new SaeDiffCommand().Create() };
}

/// <summary>The dictionary that a command is about: its path and what no file says.</summary>
internal sealed class NamedDictionary
{
    private readonly Argument<string> path = new("path") { Description = "The dictionary's folder, or its file where one of several is meant." };
    private readonly Option<float?> scale = new("--input-scale") { Description = "What expected_average_only_in multiplies rows with; it is in no file." };
    private readonly Option<int?> k = new("--k") { Description = "k of a TopK format that keeps it in no file." };

    public void AddTo(Command command)
    {
        command.Arguments.Add(path);
        command.Options.Add(scale);
        command.Options.Add(k);
    }

    public string Path(ParseResult parsed) => parsed.GetRequiredValue(path);

    public SparseAutoencoder Open(ParseResult parsed)
    {
        var folder = Path(parsed);
        if (!System.IO.Path.Exists(folder)) throw new UsageException($"{folder}: no such folder or file. Name the folder that holds the dictionary's files, or the file where one is the dictionary.");
        return DictionaryReader.Read(new DirectoryFiles(folder), new(parsed.GetValue(scale), parsed.GetValue(k)));
    }
}

/// <summary>Activations in a safetensors file: the tensor x or activations, [rows, width] or [rows, heads, width of a head].</summary>
internal sealed record ActivationsFile(float[] RowsBD, int[] Shape, long[] SequenceOf, IReadOnlyDictionary<string, string> Metadata)
{
    public static ActivationsFile Read(string path, int width, int heads)
    {
        if (!File.Exists(path)) throw new UsageException($"{path}: no such file.");
        using var tensors = new WeightTensors(File.OpenRead(path));
        var name = new[] { "x", "activations" }.FirstOrDefault(tensors.Has) ?? throw new MalformedException("missing-tensor", $"{path} has neither a tensor x nor activations; it holds {string.Join(", ", tensors.Header.Tensors.Keys.Take(20))}.");
        var tensor = tensors.Header.Tensors[name];
        // Heads of a hook_z dictionary and of a crosscoder are flattened.
        if (tensor.Shape.Length < 2 || tensor.Shape.Skip(1).Aggregate(1L, (product, size) => product * size) != width || heads > 1 && tensor.Shape.Length == 3 && tensor.Shape[1] != heads)
            throw new MalformedException("wrong-width", $"{path}: {tensor} should be [rows, {(heads > 1 ? $"{heads}, {width / heads}" : width)}].");
        var sequences = tensors.Header.Tensors.TryGetValue("sequence_ids", out var ids) && ids.Shape is [var count] && count == tensor.Shape[0] ? tensors.ReadWhole(ids) : [];
        return new(tensors.Read(tensor), tensor.Shape, sequences, tensors.Header.Metadata);
    }
}
