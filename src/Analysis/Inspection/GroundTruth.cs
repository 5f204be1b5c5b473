using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Inspection;

/// <summary>The features that rows were made of, where they are known: x = b + Σ value · direction.</summary>
/// <param name="Features">N.</param>
/// <param name="Width">D.</param>
/// <param name="DirectionsND">Row-major, of any length each.</param>
/// <param name="BiasD">Empty: not said.</param>
/// <param name="Firings">What fires in which row, as the file says; null: it does not. Of which activations these are is not said, so <see cref="TrueFirings"/> checks.</param>
public sealed record GroundTruth(int Features, int Width, float[] DirectionsND, float[] BiasD, SparseCodes? Firings)
{
    private const string Dictionary = "dictionary", Bias = "bias";

    /// <summary>Names of models that a truth file has a dictionary of; an empty name where there is but one, without a name.</summary>
    public static IReadOnlyList<string> Models(WeightTensors tensors) =>
        [.. tensors.Header.Tensors.Keys.Where(name => name == Dictionary || name.StartsWith(Dictionary + '.', StringComparison.Ordinal)).Select(name => name[Dictionary.Length..].TrimStart('.')).Order(StringComparer.Ordinal)];

    /// <summary>Reads <c>dictionary.MODEL</c> [N, D] (or <c>dictionary</c>) and, where they are there, <c>bias.MODEL</c> [D], <c>feature_row</c>, <c>feature_index</c>, <c>feature_value</c>.</summary>
    public static GroundTruth Read(WeightTensors tensors, string model)
    {
        var suffix = model.Length == 0 ? "" : '.' + model;
        if (!tensors.Header.Tensors.TryGetValue(Dictionary + suffix, out var directions) || directions.Shape is not [var features and > 0, var width and > 0])
            throw new MalformedException("truth", $"the truth holds no {Dictionary + suffix} [features, width]; it holds {string.Join(", ", tensors.Header.Tensors.Keys.Order(StringComparer.Ordinal).Take(20))}");
        var bias = tensors.Has(Bias + suffix) ? tensors.Read(Bias + suffix, width) : [];
        return new(features, width, tensors.Read(directions), bias, ReadFirings(tensors, features));
    }

    /// <summary>Entries by row, then by feature, as PyTorch's <c>nonzero</c> gives them.</summary>
    private static SparseCodes? ReadFirings(WeightTensors tensors, int features)
    {
        if (!tensors.Header.Tensors.TryGetValue("feature_row", out var rowsOf) || !tensors.Header.Tensors.TryGetValue("feature_index", out var indices) || !tensors.Header.Tensors.TryGetValue("feature_value", out var valuesOf)) return null;
        var (rows, index, values) = (tensors.ReadWhole(rowsOf), tensors.ReadWhole(indices), tensors.Read(valuesOf));
        if (rows.Length != index.Length || rows.Length != values.Length) throw new MalformedException("truth", $"feature_row, feature_index and feature_value have {rows.Length}, {index.Length} and {values.Length} entries; they are one list");
        var codes = new SparseCodes();
        for (var at = 0; at < rows.Length;)
        {
            if (rows[at] < codes.Rows || rows[at] > 100_000_000) throw new MalformedException("truth", $"feature_row is {rows[at]} at entry {at}; it ascends from 0");
            while (codes.Rows < rows[at]) codes.AddRow([], []);
            var first = at;
            while (at < rows.Length && rows[at] == rows[first])
            {
                if (index[at] < 0 || index[at] >= features || at > first && index[at] <= index[at - 1]) throw new MalformedException("truth", $"feature_index is {index[at]} at entry {at}; it ascends in a row and is below {features}");
                at++;
            }
            codes.AddRow([.. index[first..at].Select(feature => (int)feature)], values.AsSpan(first..at));
        }
        return codes;
    }
}
