using System.Globalization;
using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Canonical;

/// <summary>The tensors of a transform file of kind <c>chain</c>: <c>0</c>, <c>1</c>, … U8 [bytes], each a whole transform file, applied in this order.</summary>
/// <remarks>Each part keeps its card, so the lineage of a map can be read from it. The chain has a grade of its own, measured from end to end: errors neither add up nor multiply.</remarks>
public static class ChainFile
{
    public const string Kind = "chain";
    private const int PartsMaximum = 8;

    internal static ITransform Read(WeightTensors tensors, TransformCard card, string hash, IEncoder? own)
    {
        var count = tensors.Header.Tensors.Count;
        if (count is < 2 or > PartsMaximum) throw Refused($"a chain has 2 to {PartsMaximum} parts; this one has {count}");
        var parts = new List<ITransform>();
        for (var at = 0; at < count; at++)
        {
            var name = at.ToString(CultureInfo.InvariantCulture);
            if (!tensors.Header.Tensors.TryGetValue(name, out var part) || part is not { DType: "U8" }) throw Refused($"it lacks its part {name}, a transform file as U8 [bytes]");
            var bytes = tensors.ReadBytes(part);
            var last = at == count - 1;
            var read = TransformFile.Read(new MemoryStream(bytes), $"part {name}", last ? own : null, insideChain: true);
            if (parts.Count > 0 && parts[^1].TargetWidth != read.SourceWidth) throw Refused($"its part {name} takes rows of width {read.SourceWidth}, and the one before it gives {parts[^1].TargetWidth}");
            // Two linear maps are one: one product a row.
            if (parts.Count > 0 && parts[^1] is AffineTransform before && read is AffineTransform after) parts[^1] = before.Then(after, hash, card);
            else parts.Add(read);
        }
        if (parts[^1] is OwnDictionary features)
            return new OwnDictionary(features.Encoder, features.Map, hash, card, parts.Count == 2 ? parts[0] : new ChainTransform(parts[..^1], hash, card));
        return parts.Count == 1 ? parts[0] : new ChainTransform(parts, hash, card);
    }

    /// <summary>Puts transform files one behind the other. What is known of source and target is the first's and the last's; fidelity is to be measured.</summary>
    /// <param name="files">Whole files, in order, and what to call each in an error.</param>
    /// <exception cref="MalformedException">They do not follow on each other; reason <c>transform</c>.</exception>
    public static void Write(Stream file, IReadOnlyList<(string Name, byte[] Bytes)> files)
    {
        if (files.Count is < 2 or > PartsMaximum) throw Refused($"a chain has 2 to {PartsMaximum} parts; {files.Count} {(files.Count == 1 ? "is" : "are")} given");
        var cards = new List<TransformCard>();
        foreach (var (name, bytes) in files)
        {
            using var tensors = new WeightTensors(new MemoryStream(bytes));
            var card = TransformCard.Read(tensors.Header.Metadata);
            if (card.Kind == Kind) throw Refused($"{name} is a chain itself. Name its parts");
            if (cards.Count > 0)
            {
                if (cards[^1].Kind == FeatureMapFile.Kind) throw Refused($"{files[cards.Count - 1].Name} is a feature-map: behind it there are no activations that {name} could map. A feature-map comes last");
                Follows(files[cards.Count - 1].Name, "model", cards[^1].TargetModel, name, card.SourceModel);
                Follows(files[cards.Count - 1].Name, "hook", cards[^1].TargetHook, name, card.SourceHook);
            }
            cards.Add(card);
        }
        var whole = new TransformCard(Kind)
        {
            SourceModel = cards[0].SourceModel,
            SourceHook = cards[0].SourceHook,
            SourceSae = cards[^1].SourceSae,
            TargetModel = cards[^1].TargetModel,
            TargetHook = cards[^1].TargetHook,
            TargetSae = cards[^1].TargetSae,
        };
        whole = whole with { More = whole.More.SetItem("parts", string.Join(' ', files.Select(part => Convert.ToHexStringLower(SHA256.HashData(part.Bytes))))) };
        SafetensorsWriter.Write(file, [.. files.Select((part, at) => (at.ToString(CultureInfo.InvariantCulture), "U8", new[] { part.Bytes.Length }, (ReadOnlyMemory<byte>)part.Bytes))], whole.Metadata());
    }

    private static void Follows(string first, string what, string? to, string second, string? from)
    {
        if (to is not null && from is not null && to != from) throw Refused($"{first} maps to the {what} {SafetensorsHeader.Shown(to)}, and {second} maps from {SafetensorsHeader.Shown(from)}: they do not follow on each other");
    }

    private static MalformedException Refused(string why) => new("transform", why);
}
