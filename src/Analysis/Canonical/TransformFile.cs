using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Canonical;

/// <summary>A learned map as stored: safetensors with <c>kind</c> and fidelity in the metadata and the kind's tensors.</summary>
/// <remarks>affine: A [source width, target width], b [target width], y = x A + b.</remarks>
public static class TransformFile
{
    private const string Grades = "ABCDEF";

    /// <exception cref="MalformedException">What was found and what to use instead; reason <c>transform</c>.</exception>
    public static ITransform Read(Stream file, string path)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        file.Position = 0;
        try
        {
            using var tensors = new WeightTensors(file);
            var kind = tensors.Header.Metadata.GetValueOrDefault("kind");
            if (kind != "affine") throw Refused(path, $"its metadata says kind '{kind ?? "(none)"}'; this version applies affine");
            if (!tensors.Header.Tensors.TryGetValue("A", out var a) || a.Shape is not [> 0, > 0] shape) throw Refused(path, "it lacks the tensor A [source width, target width]");
            var (matrix, offset) = (tensors.Read("A", shape[0], shape[1]), tensors.Read("b", shape[1]));
            if (!Array.TrueForAll(matrix, float.IsFinite) || !Array.TrueForAll(offset, float.IsFinite)) throw Refused(path, "A or b holds NaN or ∞");
            return new AffineTransform(matrix, offset, GradeOf(tensors.Header, path), hash);
        }
        catch (MalformedException error) when (error.Reason != "transform")
        {
            throw Refused(path, error.Message);
        }
    }

    private static char? GradeOf(SafetensorsHeader header, string path) => header.Metadata.GetValueOrDefault("grade") switch
    {
        null => null,
        [var grade] when Grades.Contains(grade) => grade,
        var other => throw Refused(path, $"its grade is {SafetensorsHeader.Shown(other)}; grades are A to F"),
    };

    private static MalformedException Refused(string path, string why) => new("transform", $"{path}: {why}.");
}
