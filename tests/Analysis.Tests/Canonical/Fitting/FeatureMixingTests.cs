using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class FeatureMixingTests
{
    private const int Sequences = 1200;

    [Fact]
    public void Weights_are_SciPys_non_negative_least_squares()
    {
        foreach (var golden in GoldenPairs.Cases("leastSquares"))
        {
            var gram = GoldenPairs.Matrix(golden["gram"]!);
            var gramKK = new double[gram.Length, gram.Length];
            for (var i = 0; i < gram.Length; i++)
                for (var j = 0; j < gram.Length; j++) gramKK[i, j] = gram[i][j];

            var weights = NonNegativeLeastSquares.Solve(gramKK, GoldenPairs.Vector(golden["product"]!));

            foreach (var (expected, weight) in GoldenPairs.Vector(golden["weights"]!).Zip(weights)) Assert.Equal(expected, weight, 1e-6);
        }
    }

    [Fact]
    public void Columns_that_are_twins_or_all_zero_break_nothing()
    {
        var weights = NonNegativeLeastSquares.Solve(new double[,] { { 4, 4, 0 }, { 4, 4, 0 }, { 0, 0, 0 } }, [8, 8, 0]);

        Assert.Equal(2, weights[0] + weights[1], 1e-6);
        Assert.Equal(0, weights[2]);
    }

    [Fact]
    public void A_feature_that_the_model_has_split_is_put_together_again()
    {
        // The source's dictionary has two latents where the reference has one: each fires in half of the sequences.
        var family = new SmallFamily(5);
        var (whole, halves) = (family.Rotated.Dictionary(), Split(family, out var latents));
        var pairs = new PairedArrays(SplitRows(family), family.Rotated.Width + 1, family.Rows(family.Reference, 10, Sequences), family.Reference.Width, SmallFamily.SequenceOf(Sequences));
        var (source, target) = (new CpuEncoder(halves, 1), new CpuEncoder(family.Reference.Dictionary(), 1));

        var one = FeatureMapFit.Learn(pairs, source, target);
        var many = FeatureMapFit.Learn(pairs, source, target, manyToOne: true);

        Assert.False(one.ManyToOne);
        Assert.True(many.ManyToOne);
        Assert.True(one.Map.Entries.Count(entry => entry.Target == Feature) <= 1);
        var mixed = many.Map.Entries.Where(entry => entry.Target == Feature && entry.Weight > 0.3f).ToArray();
        Assert.Equal(latents.Order(), mixed.Select(entry => entry.Source).Order());
        // It fires in about as many rows as natively, and where it does natively.
        var (agreement, fired) = Agreement(many, pairs, source, target);
        Assert.InRange(fired, 0.9, 1.02);
        Assert.True(agreement > 0.75 && agreement > 1.4 * Agreement(one, pairs, source, target).Agreement, $"{agreement}");
        Assert.Equal(whole.Features + 1, many.Map.SourceFeatures);
    }

    private const int Feature = 0;

    /// <summary>A dimension more says which of two latents fires for the feature.</summary>
    private static float[] SplitRows(SmallFamily family)
    {
        var (rows, width) = (family.Rows(family.Rotated, 10, Sequences), family.Rotated.Width);
        var wide = new float[Sequences * SmallFamily.SequenceRows * (width + 1)];
        for (var row = 0; row < Sequences * SmallFamily.SequenceRows; row++)
        {
            rows.AsSpan(row * width, width).CopyTo(wide.AsSpan(row * (width + 1)));
            wide[row * (width + 1) + width] = row / SmallFamily.SequenceRows % 2 == 0 ? 10 : -10;
        }
        return wide;
    }

    private static SparseAutoencoder Split(SmallFamily family, out int[] latents)
    {
        var plain = family.Rotated.Dictionary();
        var (width, features) = (plain.Width + 1, plain.Features + 1);
        var (encoderDF, decoderFD) = (new float[width * features], new float[features * width]);
        for (var f = 0; f < plain.Features; f++)
            for (var i = 0; i < plain.Width; i++) encoderDF[i * features + f] = decoderFD[f * width + i] = plain.EncoderDF[i * plain.Features + f];
        latents = [family.Rotated.LatentF[Feature], plain.Features];
        for (var i = 0; i < plain.Width; i++) encoderDF[i * features + latents[1]] = decoderFD[latents[1] * width + i] = plain.EncoderDF[i * plain.Features + latents[0]];
        float[] bias = [.. plain.EncoderBiasF, plain.EncoderBiasF[0]];
        // The one is pushed far down in every other sequence, the other in the rest.
        foreach (var (latent, sign) in latents.Zip([1f, -1f]))
        {
            encoderDF[plain.Width * features + latent] = sign;
            bias[latent] -= 10;
        }
        return plain with { Width = width, Features = features, EncoderDF = encoderDF, DecoderFD = decoderFD, EncoderBiasF = bias, DecoderBiasD = new float[width] };
    }

    /// <summary>Rows in which the feature fires natively and through the map, over those in which it does either way; and rows that fire through the map over those that do natively.</summary>
    private static (double Agreement, double Fired) Agreement(LearnedFeatureMap learned, PairedArrays pairs, CpuEncoder source, CpuEncoder target)
    {
        var (both, native, mapped, codes) = (0.0, 0.0, 0.0, new SparseCodes());
        foreach (var sequence in new PairedCodes(pairs, source, target).Sequences())
        {
            learned.Map.Apply(sequence.Source, codes);
            for (var row = sequence.First; row < sequence.First + sequence.Rows; row++)
            {
                var (there, here) = (sequence.Target.FeaturesOf(row).BinarySearch(Feature) >= 0, codes.FeaturesOf(row).BinarySearch(Feature) >= 0);
                (both, native, mapped) = (both + (there && here ? 1 : 0), native + (there ? 1 : 0), mapped + (here ? 1 : 0));
            }
        }
        return (both / (native + mapped - both), mapped / native);
    }
}
