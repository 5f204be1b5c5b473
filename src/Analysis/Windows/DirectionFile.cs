using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Windows;

/// <summary>A linear probe as stored: safetensors with <c>w</c> [width] and, if wanted, <c>b</c>, one number; a row x scores w·x + b.</summary>
public static class DirectionFile
{
    /// <param name="rollingRows">Rows of a rolling mean.</param>
    /// <exception cref="MalformedException">What was found and what to use instead; reason <c>probe</c>.</exception>
    public static Direction Read(Stream file, string path, Aggregation aggregation, int rollingRows)
    {
        try
        {
            using var tensors = new WeightTensors(file);
            if (!tensors.Header.Tensors.TryGetValue("w", out var w) || w.Shape is not [> 0]) throw Refused(path, $"it lacks the tensor w [width]; it holds {string.Join(", ", tensors.Header.Tensors.Values.Take(20))}");
            var weightsD = tensors.Read(w);
            var bias = 0f;
            if (tensors.Header.Tensors.TryGetValue("b", out var b))
                bias = b.Shape is [] or [1] ? tensors.Read(b)[0] : throw Refused(path, $"the tensor {b} should be one number");
            if (!Array.TrueForAll(weightsD, float.IsFinite) || !float.IsFinite(bias)) throw Refused(path, "w or b holds NaN or ∞");
            if (Array.TrueForAll(weightsD, weight => weight == 0)) throw Refused(path, "w is all zero and points nowhere");
            return new(KeyOf(weightsD, bias, aggregation, rollingRows), weightsD, bias, aggregation, rollingRows);
        }
        catch (MalformedException error) when (error.Reason != "probe")
        {
            throw Refused(path, error.Message);
        }
    }

    /// <summary><c>max:</c>, <c>mean:</c> or <c>rolling8:</c> and a hash of the numbers: scores of other probes must not be added up with these.</summary>
    private static string KeyOf(float[] weightsD, float bias, Aggregation aggregation, int rollingRows)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>([.. weightsD, bias])))[..16];
        return aggregation switch { Aggregation.Max => $"max:{hash}", Aggregation.Mean => $"mean:{hash}", _ => $"rolling{rollingRows}:{hash}" };
    }

    private static MalformedException Refused(string path, string why) => new("probe", $"{path}: {why}.");
}
