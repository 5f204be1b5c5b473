using System.Buffers.Binary;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>How far a sequence is from the usual one: the squared Mahalanobis distance of its <see cref="SequenceProfile"/>, (y − μ)ᵀ Σ⁻¹ (y − μ).</summary>
/// <remarks>
/// Mahalanobis, On the generalised distance in statistics, 1936. μ and Σ come from the first part of the baseline's windows and the distances that later windows are compared
/// with from the rest of them: a distance measured on the sequences that it was fitted to would be too small.
/// </remarks>
public sealed record NoveltyModel(double[] MeanP, double[] PrecisionPP)
{
    private const int P = SequenceProfile.Length;

    /// <summary>One part in so many of the baseline's rows is fitted to: 20 dimensions need few sequences, and the 99.9th percentile of the rest many.</summary>
    public const int BaselineParts = 5;

    /// <summary>Fewer sequences than this per dimension do not determine a covariance.</summary>
    private const int SequencesPerDimension = 10;

    /// <summary>Null where there are too few sequences, or no profiles (windows stored by an old version).</summary>
    public static NoveltyModel? Fit(WindowSummary summary)
    {
        if (summary.ProfileSum.Length != P || summary.Sequences < SequencesPerDimension * P) return null;
        var mean = Array.ConvertAll(summary.ProfileSum, sum => sum.Value / summary.Sequences);
        var covariance = new double[P, P];
        var at = 0;
        for (var i = 0; i < P; i++)
            for (var j = i; j < P; j++) covariance[i, j] = covariance[j, i] = summary.ProfileProducts[at++].Value / summary.Sequences - mean[i] * mean[j];
        // A coordinate that never varied would have no inverse: it gets a little of its own unit.
        for (var i = 0; i < P; i++) covariance[i, i] += 1e-9;
        return new(mean, Inverse(covariance));
    }

    public double Score(ReadOnlySpan<float> profile)
    {
        var distance = 0.0;
        for (var i = 0; i < P; i++)
        {
            var row = 0.0;
            for (var j = 0; j < P; j++) row += PrecisionPP[i * P + j] * (profile[j] - MeanP[j]);
            distance += row * (profile[i] - MeanP[i]);
        }
        return Math.Max(0, distance);
    }

    /// <summary>The summary with the novelty of its sequences among its scores, and what is farthest out.</summary>
    public WindowSummary Scored(WindowSummary summary, ReadOnlySpan<float> profiles, SequenceFirings firings)
    {
        var scores = new double[profiles.Length / P];
        for (var i = 0; i < scores.Length; i++) scores[i] = Score(profiles.Slice(i * P, P));
        return summary with { Scores = summary.Scores.SetItem(ScoreNames.Novelty, LogHistogram.Of(scores)), Unusual = UnusualSequences.Of(scores, profiles, firings) };
    }

    /// <summary>Σ⁻¹(to − from): where a difference of means tells two groups of sequences apart best (Fisher, The use of multiple measurements in taxonomic problems, 1936).</summary>
    public double[] Towards(ReadOnlySpan<double> fromP, ReadOnlySpan<double> toP)
    {
        var direction = new double[P];
        for (var i = 0; i < P; i++)
            for (var j = 0; j < P; j++) direction[i] += PrecisionPP[i * P + j] * (toP[j] - fromP[j]);
        return direction;
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[(MeanP.Length + PrecisionPP.Length) * sizeof(double)];
        var at = 0;
        foreach (var value in MeanP.Concat(PrecisionPP)) BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(sizeof(double) * at++), value);
        return bytes;
    }

    /// <exception cref="MalformedException">Of another length; reason <c>novelty</c>.</exception>
    public static NoveltyModel FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != (P + P * P) * sizeof(double))
            throw new MalformedException("novelty", $"the baseline's novelty model has {bytes.Length} bytes; {(P + P * P) * sizeof(double)} are a mean and a precision of {P} dimensions");
        var values = new double[P + P * P];
        for (var i = 0; i < values.Length; i++) values[i] = BinaryPrimitives.ReadDoubleLittleEndian(bytes[(sizeof(double) * i)..]);
        return new(values[..P], values[P..]);
    }

    /// <summary>By Gauss–Jordan elimination without a library: its order of operations is the same on every machine.</summary>
    private static double[] Inverse(double[,] matrix)
    {
        var inverse = new double[P * P];
        for (var i = 0; i < P; i++) inverse[i * P + i] = 1;
        for (var pivot = 0; pivot < P; pivot++)
        {
            // No exchange of rows: a positive definite matrix needs none.
            var scale = 1 / matrix[pivot, pivot];
            for (var j = 0; j < P; j++)
            {
                matrix[pivot, j] *= scale;
                inverse[pivot * P + j] *= scale;
            }
            for (var i = 0; i < P; i++)
            {
                if (i == pivot) continue;
                var factor = matrix[i, pivot];
                for (var j = 0; j < P; j++)
                {
                    matrix[i, j] -= factor * matrix[pivot, j];
                    inverse[i * P + j] -= factor * inverse[pivot * P + j];
                }
            }
        }
        return inverse;
    }
}
