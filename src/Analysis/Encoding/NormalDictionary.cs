using MathNet.Numerics.Distributions;

namespace DriftWatch.Analysis.Encoding;

/// <summary>A dictionary and rows of standard normals, for measuring speed: every size, sparsity and kind without a file.</summary>
/// <remarks>Weight columns have length 1, so pre-activations are standard normal too and the threshold for a wanted L0 is a quantile. Seeded: the same on every machine.</remarks>
public static class NormalDictionary
{
    /// <param name="kind">JumpReLU or TopK.</param>
    /// <param name="l0">JumpReLU: features that fire in a row on average; TopK: k.</param>
    public static SparseAutoencoder Of(AutoencoderKind kind, int width, int features, int l0) => new()
    {
        Kind = kind,
        Width = width,
        Features = features,
        EncoderDF = Rows(width, features, 1 / Math.Sqrt(width), seed: 1),
        DecoderFD = [],
        EncoderBiasF = new float[features],
        DecoderBiasD = new float[width],
        ThresholdF = kind == AutoencoderKind.JumpReLU ? [.. Enumerable.Repeat((float)Normal.InvCDF(0, 1, 1 - (double)l0 / features), features)] : [],
        K = l0,
    };

    /// <summary>Activations for it, [rows, width].</summary>
    public static float[] Rows(int rows, int width) => Rows(rows, width, 1, seed: 2);

    private static float[] Rows(int rows, int width, double scale, int seed)
    {
        var values = new float[checked(rows * width)];
        Parallel.For(0, rows, row =>
        {
            var random = new FastRandom(seed, row);
            foreach (ref var value in values.AsSpan(row * width, width)) value = (float)(scale * random.NextGaussian());
        });
        return values;
    }
}
