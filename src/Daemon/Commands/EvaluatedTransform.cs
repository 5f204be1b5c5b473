using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Daemon.Commands;

/// <summary>The transform file of an evaluation: opened whatever its kind, checked against dictionaries and rows, given its grade.</summary>
internal static class EvaluatedTransform
{
    /// <param name="own">The source's own dictionary, for a feature-map.</param>
    /// <exception cref="MalformedException">It does not fit: what was found and what to use instead.</exception>
    public static (IMappedView View, TransformCard Card) Open(string path, PairedFiles paired, IEncoder reference, IEncoder? own)
    {
        var card = CardOf(path);
        // A chain may end in one: that is seen when it is read.
        if (card.Kind != ChainFile.Kind && card.Kind == FeatureMapFile.Kind != own is not null)
            throw new UsageException(own is null ? $"{path} is a feature-map: name the mapped model's own dictionary with --source-sae." : $"--source-sae is for a feature-map; {path} is of kind {card.Kind}. Leave it out.");
        using var file = File.OpenRead(path);
        var map = TransformFile.Read(file, path, own);
        RefuseOther(path, "dictionary", card.TargetSae, reference.Dictionary.Hash, "--sae");
        RefuseOther(path, "model", card.SourceModel, paired.SourceModel, "--source");
        RefuseOther(path, "hook", card.SourceHook, paired.SourceHook, "--source");
        RefuseOther(path, "model", card.TargetModel, paired.TargetModel, "--target");
        RefuseOther(path, "hook", card.TargetHook, paired.TargetHook, "--target");
        if (map.SourceWidth != paired.SourceWidth)
            throw Refused("wrong-width", $"{path} maps rows of width {map.SourceWidth}; the rows of --source have width {paired.SourceWidth}. Give rows of the model that it is for");
        if (map is OwnDictionary features)
        {
            if (features.Map.TargetFeatures != reference.Dictionary.Features)
                throw Refused("transform", $"{path} maps to {features.Map.TargetFeatures} features; the dictionary of --sae has {reference.Dictionary.Features}. Give the dictionary that it was learned for");
            return (new FeatureView("map", features.Encoder, features.Map.Apply, features), card);
        }
        if (map.TargetWidth != reference.Dictionary.Width)
            throw Refused("wrong-width", $"{path} maps to width {map.TargetWidth}; the dictionary of --sae takes {reference.Dictionary.Width}. Give the dictionary of the hook that it maps to");
        return (new ActivationView("map", map, reference), card);
    }

    /// <summary>The same map with another card in place of the file: whole or not at all.</summary>
    public static void Store(string path, TransformCard card)
    {
        using (var learned = File.OpenRead(path))
        using (var written = File.Create($"{path}.part")) TransformFile.WriteWithCard(learned, card, written);
        File.Move($"{path}.part", path, overwrite: true);
    }

    private static TransformCard CardOf(string path)
    {
        try
        {
            using var tensors = new WeightTensors(File.OpenRead(path));
            return TransformCard.Read(tensors.Header.Metadata);
        }
        catch (MalformedException error)
        {
            throw Refused("transform", $"{path}: {error.Message}");
        }
    }

    private static void RefuseOther(string path, string what, string? fitted, string? found, string option)
    {
        if (fitted is not null && found is not null && fitted != found)
            throw Refused("transform", $"{path} was learned for the {what} {SafetensorsHeader.Shown(fitted)}; {option} is of {SafetensorsHeader.Shown(found)}. Give what it was learned for, or learn another");
    }

    private static MalformedException Refused(string reason, string why) => new(reason, $"{why}.");
}
