using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>Small random dictionaries in which every part matters: biases, thresholds, gains, and rows and weights of mixed size.</summary>
internal static class SomeAutoencoder
{
    public static SparseAutoencoder Of(Random random, AutoencoderKind kind, InputNormalization normalization, int width, int features)
    {
        var topK = kind is AutoencoderKind.TopK or AutoencoderKind.AbsTopK;
        var norms = topK ? random.Next(3) : 0;
        return new()
        {
            Kind = kind,
            Width = width,
            Features = features,
            EncoderDF = Gaussians(random, width * features, 1 / Math.Sqrt(width)),
            DecoderFD = Gaussians(random, features * width, 1),
            EncoderBiasF = Gaussians(random, features, 0.1),
            DecoderBiasD = Gaussians(random, width, 0.1),
            ThresholdF = kind == AutoencoderKind.JumpReLU ? Gaussians(random, features, 1) : [],
            MagnitudeScaleF = kind == AutoencoderKind.Gated ? [.. Gaussians(random, features, 1).Select(MathF.Exp)] : [],
            MagnitudeBiasF = kind == AutoencoderKind.Gated ? Gaussians(random, features, 1) : [],
            K = topK ? 1 + random.Next(Math.Min(features, 40)) : kind == AutoencoderKind.GroupMax ? Divisor(random, features) : 0,
            RescaleByDecoderNorm = norms == 1,
            SelectByDecoderNorm = norms == 2,
            ResidualThreshold = 0.1f,
            IterationsMaximum = 5,
            SubtractDecoderBias = random.Next(2) == 0,
            Normalization = normalization,
            InputScale = normalization == InputNormalization.ExpectedAverageOnlyIn ? 0.37f : 1,
        };
    }

    private static int Divisor(Random random, int number)
    {
        int[] divisors = [.. Enumerable.Range(1, number).Where(some => number % some == 0)];
        return divisors[random.Next(divisors.Length)];
    }

    /// <summary>The same with a GLU encoder, whose gates are open, shut and in between.</summary>
    public static SparseAutoencoder WithGlu(this SparseAutoencoder sae, Random random) => sae with
    {
        GluEncoderDF = Gaussians(random, sae.EncoderDF.Length, 3 / Math.Sqrt(sae.Width)),
        GluBiasF = Gaussians(random, sae.Latents, 1),
    };

    /// <summary>One pre-activation for all heads; a decoder, thresholds and norms for each.</summary>
    public static SparseAutoencoder Crosscoder(Random random, AutoencoderKind kind, int heads, int width, int latents) => Of(random, kind, InputNormalization.None, width, latents) with
    {
        Heads = heads,
        Width = heads * width,
        Features = heads * latents,
        EncoderDF = Gaussians(random, heads * width * latents, 1 / Math.Sqrt(heads * width)),
        DecoderFD = Gaussians(random, heads * latents * width, 1),
        DecoderBiasD = Gaussians(random, heads * width, 0.1),
        ThresholdF = kind == AutoencoderKind.JumpReLU ? Gaussians(random, heads * latents, 1) : [],
        RescaleByDecoderNorm = false,
        SelectByDecoderNorm = kind == AutoencoderKind.TopK,
        SubtractDecoderBias = false,
    };

    public static float[] Gaussians(Random random, int count, double scale)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
            values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }
}
