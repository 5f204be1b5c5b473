using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Support;

/// <summary>One model of a <see cref="SmallFamily"/>.</summary>
/// <param name="DirectionFD">Unit direction of each true feature.</param>
/// <param name="LatentF">Which latent of the model's dictionary a true feature is.</param>
/// <param name="Related">It reads the family's stream of features; else its own.</param>
public sealed record SomeModel(int Width, float[] DirectionFD, int[] LatentF, bool Related)
{
    /// <summary>A dictionary that knows the directions: latent = ReLU(x · direction − ½ · usual magnitude).</summary>
    public SparseAutoencoder Dictionary()
    {
        var features = LatentF.Length;
        var (encoderDF, decoderFD) = (new float[Width * features], new float[features * Width]);
        for (var f = 0; f < features; f++)
            for (var i = 0; i < Width; i++) encoderDF[i * features + LatentF[f]] = decoderFD[LatentF[f] * Width + i] = DirectionFD[f * Width + i];
        return new()
        {
            Kind = AutoencoderKind.Standard,
            Width = Width,
            Features = features,
            EncoderDF = encoderDF,
            DecoderFD = decoderFD,
            EncoderBiasF = [.. Enumerable.Repeat(-1.5f, features)],
            DecoderBiasD = new float[Width],
        };
    }
}

/// <summary>Models whose features are known: they read one stream of sparse features, each through directions of its own. Seeded.</summary>
/// <remarks>Rates are Zipf's, from 0.2 down; of a sequence's rows half follow its own mix of features, so that rows of a sequence are alike. Magnitudes are around 3.</remarks>
public sealed class SmallFamily
{
    public const int Features = 40, SequenceRows = 8;
    private const int Width = 40, OtherWidth = 32;

    private readonly double[] rateF = [.. Enumerable.Range(0, Features).Select(f => 0.2 * Math.Pow(f + 1, -0.5))];

    public SmallFamily(int seed)
    {
        var random = new Random(seed);
        var directions = Directions(random, Width);
        Reference = new(Width, directions, [.. Enumerable.Range(0, Features)], Related: true);
        Rotated = new(Width, Turned(random, directions), Shuffled(random), Related: true);
        Independent = new(OtherWidth, Directions(random, OtherWidth), Shuffled(random), Related: true);
        Unrelated = new(Width, Directions(random, Width), Shuffled(random), Related: false);
    }

    public SomeModel Reference { get; }

    /// <summary>The same features, turned; its latents are in another order.</summary>
    public SomeModel Rotated { get; }

    /// <summary>The same features in fewer dimensions, in fresh directions: no linear map leads to the reference.</summary>
    public SomeModel Independent { get; }

    /// <summary>Nothing shared.</summary>
    public SomeModel Unrelated { get; }

    public static int[] SequenceOf(int sequences) => [.. Enumerable.Range(0, sequences * SequenceRows).Select(row => row / SequenceRows)];

    /// <summary>Rows of whole sequences; the same seed gives the same features to every related model.</summary>
    /// <param name="rates">True features that fire at another rate than usual.</param>
    public float[] Rows(SomeModel model, int seed, int sequences, params (int Feature, double Rate)[] rates)
    {
        var random = new Random(model.Related ? seed : ~seed);
        var usualF = (double[])rateF.Clone();
        foreach (var (feature, rate) in rates) usualF[feature] = rate;
        var rows = new float[sequences * SequenceRows * model.Width];
        for (var sequence = 0; sequence < sequences; sequence++)
        {
            // Half as often, or one and a half times as often, in the whole sequence.
            double[] hereF = [.. usualF.Select(rate => rate * (0.5 + random.Next(2)))];
            for (var row = sequence * SequenceRows; row < (sequence + 1) * SequenceRows; row++)
                for (var f = 0; f < Features; f++)
                {
                    var (fires, magnitude) = (random.NextDouble() < hereF[f], 2.5 + random.NextDouble());
                    if (!fires) continue;
                    for (var i = 0; i < model.Width; i++) rows[row * model.Width + i] += (float)(magnitude * model.DirectionFD[f * model.Width + i]);
                }
        }
        return rows;
    }

    private static float[] Directions(Random random, int width)
    {
        var directionFD = new float[Features * width];
        for (var f = 0; f < Features; f++)
        {
            double[] direction = [.. Enumerable.Range(0, width).Select(_ => Gaussian(random))];
            var norm = Math.Sqrt(direction.Sum(x => x * x));
            for (var i = 0; i < width; i++) directionFD[f * width + i] = (float)(direction[i] / norm);
        }
        return directionFD;
    }

    /// <summary>By a product of random reflections, x − 2 (x·v) v.</summary>
    private static float[] Turned(Random random, float[] directionFD)
    {
        var turned = (float[])directionFD.Clone();
        for (var reflection = 0; reflection < Width; reflection++)
        {
            double[] v = [.. Enumerable.Range(0, Width).Select(_ => Gaussian(random))];
            var square = v.Sum(x => x * x);
            for (var f = 0; f < Features; f++)
            {
                var product = 0.0;
                for (var i = 0; i < Width; i++) product += turned[f * Width + i] * v[i];
                for (var i = 0; i < Width; i++) turned[f * Width + i] -= (float)(2 * product / square * v[i]);
            }
        }
        return turned;
    }

    private static int[] Shuffled(Random random)
    {
        int[] order = [.. Enumerable.Range(0, Features)];
        random.Shuffle(order);
        return order;
    }

    private static double Gaussian(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
