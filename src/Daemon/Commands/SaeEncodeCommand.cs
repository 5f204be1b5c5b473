using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Inspection;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch sae encode PATH IN OUT</c>: features and reconstruction of a file's rows, dense, as a person compares them with the library's.</summary>
/// <remarks>A row that cannot be encoded (not finite, all zero before a division by the norm, or so large that a feature overflows) is zero in both, and counted.</remarks>
internal sealed class SaeEncodeCommand
{
    private readonly NamedDictionary dictionary = new();
    private readonly Argument<string> input = new("in") { Description = "A safetensors file with the tensor x or activations: [rows, width], or [rows, heads, width] for a crosscoder and for hook_z." };
    private readonly Argument<string> output = new("out") { Description = "Where to write features [rows, F] (a crosscoder's: [rows, heads, F]) and reconstruction as F32." };
    private readonly Option<bool> strengths = new("--strengths") { Description = "Write strengths [rows, F], too: the length of what each feature adds to the reconstruction, f·‖W_dec‖ in the activations' own scale. These compare across dictionaries; features do not." };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public Command Create()
    {
        var command = new Command("encode", "Encode activations and write features and reconstruction.");
        dictionary.AddTo(command);
        command.Arguments.Add(input);
        command.Arguments.Add(output);
        command.Options.Add(strengths);
        command.Options.Add(json);
        command.SetAction(parsed => Encode(dictionary.Open(parsed), parsed.GetRequiredValue(input), parsed.GetRequiredValue(output), parsed.GetValue(strengths), parsed.GetValue(json)));
        return command;
    }

    private static int Encode(SparseAutoencoder sae, string input, string output, bool strengths, bool json)
    {
        if (strengths && (sae.EncodesOnly || sae.Transcodes)) throw new UsageException("--strengths is for dictionaries that reconstruct what they encode: what a transcoder or an encoder alone adds lies elsewhere. Leave it out.");
        if (Path.GetFullPath(input) == Path.GetFullPath(output)) throw new UsageException($"{output} is the input too. Name another file for the output.");
        var file = ActivationsFile.Read(input, sae.Width, sae.Heads);
        var keep = DictionaryHealth.Encodable(file.RowsBD, sae);
        if (Math.Max((long)keep.Length * sae.Features, (long)keep.Length * sae.OutputWidth) > Array.MaxLength) throw new UsageException($"{keep.Length} rows of {sae.Features} features are too many for one tensor. Encode fewer rows at a time.");
        var (featuresBF, reconstructionBO) = (new float[keep.Length * sae.Features], new float[keep.Length * sae.OutputWidth]);
        var strengthsBF = strengths ? new float[featuresBF.Length] : [];
        var normsF = strengths ? sae.DecoderNorms() : [];
        var codes = new SparseCodes();
        FastestEncoder.For(sae, Environment.ProcessorCount).Encode(DictionaryHealth.Packed(file.RowsBD, keep, sae.Width), codes);
        var reconstruction = sae.EncodesOnly ? null : new Reconstruction(sae);
        var (active, leftOut) = (0L, 0);
        for (int row = 0, at = 0; row < keep.Length; row++)
        {
            var reconstructionO = reconstructionBO.AsSpan(row * sae.OutputWidth, sae.OutputWidth);
            if (keep[row])
            {
                var features = codes.FeaturesOf(at);
                var values = codes.ValuesOf(at++);
                for (var i = 0; i < features.Length; i++) featuresBF[row * sae.Features + features[i]] = values[i];
                reconstruction?.Decode(file.RowsBD.AsSpan(row * sae.Width, sae.Width), features, values, reconstructionO);
                if (strengths)
                {
                    var normalization = RowNormalization.Of(file.RowsBD.AsSpan(row * sae.Width, sae.Width), sae);
                    for (var i = 0; i < features.Length; i++) strengthsBF[row * sae.Features + features[i]] = reconstruction!.Contribution(features[i], values[i], normalization) * normsF[features[i]];
                }
                active += features.Length;
                if (double.IsFinite(Energy.Of(values)) && double.IsFinite(Energy.Of(reconstructionO))) continue;
                active -= features.Length;
            }
            leftOut++;
            featuresBF.AsSpan(row * sae.Features, sae.Features).Clear();
            if (strengths) strengthsBF.AsSpan(row * sae.Features, sae.Features).Clear();
            reconstructionO.Clear();
        }
        var tensors = new List<(string, int[], float[])> { ("features", sae.Heads == 1 ? [keep.Length, sae.Features] : [keep.Length, sae.Heads, sae.Latents], featuresBF) };
        if (!sae.EncodesOnly) tensors.Add(("reconstruction", sae.OutputWidth == sae.Width ? file.Shape : [keep.Length, sae.OutputWidth], reconstructionBO));
        if (strengths) tensors.Add(("strengths", tensors[0].Item2, strengthsBF));
        using (var written = File.Create(output)) SafetensorsWriter.Write(written, tensors, []);
        var l0 = (double)active / Math.Max(1, keep.Length - leftOut);
        if (leftOut > 0) Console.Error.WriteLine($"{leftOut} of {keep.Length} rows cannot be encoded (not finite, too large, or all zero before a division by the norm); their features and reconstruction are 0.");
        if (json) Console.WriteLine(JsonSerializer.Serialize(new { rows = keep.Length, rowsLeftOut = leftOut, features = sae.Features, l0 }, EventJson.Options));
        else Console.WriteLine($"{keep.Length} rows, {sae.Features} features, L0 {l0:0.00} → {output}");
        return ExitCode.Done;
    }
}
