using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Canonical;

/// <summary>Float32 numbers of a transform file under their name, row-major.</summary>
public sealed record TransformTensor(string Name, int[] Shape, float[] Values);

/// <summary>A learned map as stored: safetensors with the card (<see cref="TransformCard"/>) in the metadata and the kind's tensors, S source and T target width.</summary>
/// <remarks>
/// affine, orthogonal: A [S, T], b [T], y = x A + b (a scale is in A). low-rank: U [S, r], V [r, T], b [T], y = x U V + b.
/// feature-map: <see cref="FeatureMapFile"/>. chain: <see cref="ChainFile"/>.
/// mlp: W1 [S, H], b1 [H], W2 [H, T], b2 [T], y = ReLU(x W1 + b1) W2 + b2; the way back (W1i, b1i, W2i, b2i) may stand beside it and is not applied.
/// </remarks>
public static class TransformFile
{
    /// <param name="own">The model's own dictionary, for kind feature-map; null: none is named.</param>
    /// <exception cref="MalformedException">What was found and what to use instead; reason <c>transform</c>.</exception>
    public static ITransform Read(Stream file, string path, IEncoder? own = null) => Read(file, path, own, insideChain: false);

    internal static ITransform Read(Stream file, string path, IEncoder? own, bool insideChain)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        file.Position = 0;
        try
        {
            using var tensors = new WeightTensors(file);
            var card = TransformCard.Read(tensors.Header.Metadata);
            return card.Kind switch
            {
                "affine" or "orthogonal" => Affine(tensors, card, hash),
                "low-rank" => LowRank(tensors, card, hash),
                "mlp" => Mlp(tensors, card, hash),
                FeatureMapFile.Kind => FeatureMapOf(tensors, card, hash, own),
                ChainFile.Kind when !insideChain => ChainFile.Read(tensors, card, hash, own),
                var kind => throw Refused($"its metadata says kind {SafetensorsHeader.Shown(kind)}; kinds are affine, orthogonal, low-rank, mlp, feature-map{(insideChain ? "" : " and chain")}"),
            };
        }
        catch (MalformedException error)
        {
            throw Refused($"{path}: {error.Message}.");
        }
    }

    /// <summary>The same card and tensors give the same bytes.</summary>
    public static void Write(Stream file, TransformCard card, IReadOnlyList<TransformTensor> tensors) => SafetensorsWriter.Write(
        file, [.. tensors.Select(tensor => (tensor.Name, "F32", tensor.Shape, (ReadOnlyMemory<byte>)MemoryMarshal.AsBytes<float>(tensor.Values).ToArray()))], card.Metadata());

    /// <summary>The same map of any kind, bit by bit, with another card: what was measured after it was learned.</summary>
    public static void WriteWithCard(Stream learned, TransformCard card, Stream file)
    {
        using var tensors = new WeightTensors(learned);
        SafetensorsWriter.Write(
            file, [.. tensors.Header.Tensors.Values.OrderBy(tensor => tensor.Start).Select(tensor => (tensor.Name, tensor.DType, tensor.Shape, (ReadOnlyMemory<byte>)tensors.ReadBytes(tensor)))], card.Metadata());
    }

    private static OwnDictionary FeatureMapOf(WeightTensors tensors, TransformCard card, string hash, IEncoder? own)
    {
        var map = FeatureMapFile.Read(tensors, card);
        if (own is null) throw Refused("it is a feature-map: it maps features of the model's own dictionary, and none is named. Name it with sae");
        if (card.SourceSae != own.Dictionary.Hash)
            throw Refused($"it maps features of the dictionary {card.SourceSae ?? "(source_sae is missing)"}, and the model's own, named with sae, is {own.Dictionary.Hash}. Use the dictionary that the map was learned with, or learn another");
        if (map.SourceFeatures != own.Dictionary.Features) throw Refused($"it maps {map.SourceFeatures} features, and the model's own dictionary has {own.Dictionary.Features}");
        return new(own, map, hash, card);
    }

    private static AffineTransform Affine(WeightTensors tensors, TransformCard card, string hash)
    {
        var (source, target) = ShapeOf(tensors, "A", "[source width, target width]");
        return new(Finite(tensors, "A", source, target), Finite(tensors, "b", target), card.Grade, hash, card);
    }

    private static AffineTransform LowRank(WeightTensors tensors, TransformCard card, string hash)
    {
        var (source, rank) = ShapeOf(tensors, "U", "[source width, rank]");
        var (_, target) = ShapeOf(tensors, "V", "[rank, target width]");
        var (uSR, vRT) = (Finite(tensors, "U", source, rank), Finite(tensors, "V", rank, target));
        if ((long)source * target > Array.MaxLength) throw Refused($"U and V make a map of {source} × {target} numbers; at most {Array.MaxLength} are supported");
        // Multiplied out once: a single product a row then, and one that folds into an encoder.
        var aST = new float[source * target];
        var sumT = new double[target];
        for (var s = 0; s < source; s++)
        {
            Array.Clear(sumT);
            for (var r = 0; r < rank; r++)
                for (var t = 0; t < target; t++) sumT[t] += (double)uSR[s * rank + r] * vRT[r * target + t];
            for (var t = 0; t < target; t++) aST[s * target + t] = (float)sumT[t];
        }
        return new(aST, Finite(tensors, "b", target), card.Grade, hash, card);
    }

    private static MlpTransform Mlp(WeightTensors tensors, TransformCard card, string hash)
    {
        var (source, latent) = ShapeOf(tensors, "W1", "[source width, latent width]");
        var (_, target) = ShapeOf(tensors, "W2", "[latent width, target width]");
        return new(Finite(tensors, "W1", source, latent), Finite(tensors, "b1", latent), Finite(tensors, "W2", latent, target), Finite(tensors, "b2", target), card.Grade, hash, card);
    }

    private static (int Rows, int Columns) ShapeOf(WeightTensors tensors, string name, string shape) =>
        tensors.Header.Tensors.TryGetValue(name, out var tensor) && tensor.Shape is [> 0 and var rows, > 0 and var columns] ? (rows, columns) : throw Refused($"it lacks the tensor {name} {shape}");

    private static float[] Finite(WeightTensors tensors, string name, params ReadOnlySpan<int> shape)
    {
        var values = tensors.Read(name, shape);
        return Array.TrueForAll(values, float.IsFinite) ? values : throw Refused($"{name} holds NaN or ∞");
    }

    private static MalformedException Refused(string why) => new("transform", why);
}
