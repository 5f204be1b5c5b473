using System.CommandLine;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch sae convert PATH OUT</c>: any dictionary that is read here as a folder of SAELens, with the same features and reconstruction; refused where SAELens cannot say it.</summary>
internal sealed class SaeConvertCommand
{
    private readonly NamedDictionary dictionary = new();
    private readonly Argument<string> output = new("out") { Description = "The folder to write; it must be empty or not be there." };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public Command Create()
    {
        var command = new Command("convert", "Write a dictionary of any format as SAELens would save it.");
        dictionary.AddTo(command);
        command.Arguments.Add(output);
        command.Options.Add(json);
        command.SetAction(parsed => Convert(dictionary.Open(parsed), parsed.GetRequiredValue(output), parsed.GetValue(json)));
        return command;
    }

    private static int Convert(SparseAutoencoder sae, string folder, bool json)
    {
        if (File.Exists(folder) || Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) throw new UsageException($"{folder} is there already and not empty. Name a new folder.");
        var form = SaeLensForm.Of(sae);
        Directory.CreateDirectory(folder);
        using (var weights = File.Create(Path.Combine(folder, SaeLensForm.WeightsFile))) SafetensorsWriter.Write(weights, form.Tensors, []);
        // The configuration last: without it no reader takes the folder for a dictionary.
        File.WriteAllText(Path.Combine(folder, SaeLensForm.ConfigurationFile), form.Configuration);
        var written = DictionaryReader.Read(new DirectoryFiles(folder), new());
        if (json) Console.WriteLine(JsonSerializer.Serialize(new { from = sae.Format, architecture = written.Architecture, features = written.Features, width = written.Width, hash = sae.Hash, convertedHash = written.Hash, folder }, EventJson.Options));
        else Console.WriteLine($"{sae.Format}, {sae.Architecture} → SAELens, {written.Architecture}: {written.Features} features of width {written.Width} in {folder}\nhash {sae.Hash} → {written.Hash}");
        return ExitCode.Done;
    }
}
