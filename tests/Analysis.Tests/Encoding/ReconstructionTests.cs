using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>x̂ to the bit: stored FVU must not depend on how many decoder rows are added at a time, or on who adds them.</summary>
public sealed class ReconstructionTests
{
    private static readonly int[] AtomWidths = [1, 15, 16, 33, 64, 200];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Decoder_rows_are_added_one_by_one_in_ascending_order(int heads)
    {
        var random = new Random(heads);
        foreach (var atomWidth in AtomWidths)
        {
            var sae = SomeAutoencoder.Crosscoder(random, AutoencoderKind.Standard, heads, atomWidth, latents: 40);
            for (var count = 0; count <= 21; count++)
            {
                int[] features = [.. Enumerable.Range(0, sae.Features).OrderBy(_ => random.Next()).Take(count).Order()];
                var values = SomeAutoencoder.Gaussians(random, count, 1);
                var x = new float[sae.Width];
                new Reconstruction(sae).Decode(SomeAutoencoder.Gaussians(random, sae.Width, 1), features, values, x);

                var expected = (float[])sae.DecoderBiasD.Clone();
                for (var i = 0; i < count; i++)
                    for (var d = 0; d < atomWidth; d++)
                    {
                        ref var sum = ref expected[features[i] / sae.Latents * atomWidth + d];
                        sum = MathF.FusedMultiplyAdd(sae.DecoderFD[features[i] * atomWidth + d], values[i], sum);
                    }
                Assert.Equal(expected, x);
            }
        }
    }

    [Fact]
    public void A_feature_that_the_dictionary_does_not_have_is_refused()
    {
        var sae = SomeAutoencoder.Of(new(1), AutoencoderKind.Standard, InputNormalization.None, width: 16, features: 40);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Reconstruction(sae).Decode(new float[16], [3, 40], [1, 1], new float[16]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(129)]
    public void A_rows_error_is_the_same_whatever_the_number_of_threads(int rows)
    {
        var sae = NormalDictionary.Of(AutoencoderKind.JumpReLU, width: 40, features: 300, l0: 9);
        sae = sae with { DecoderFD = sae.EncoderDF };
        var rowsBD = NormalDictionary.Rows(rows, sae.Width);
        var codes = new SparseCodes();
        new ReferenceEncoder(sae).Encode(rowsBD, codes);
        var (reconstruction, xD) = (new Reconstruction(sae), new float[sae.Width]);
        foreach (var threads in new[] { 1, 2, 3, 20 })
        {
            var errors = new ReconstructionErrors(new CpuEncoder(sae, threads));
            errors.Take(NormalDictionary.Rows(200, sae.Width), Longer(sae));
            errors.Take(rowsBD, codes);
            for (var row = 0; row < rows; row++)
            {
                var rowD = rowsBD.AsSpan(row * sae.Width, sae.Width);
                reconstruction.Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), xD);
                Assert.Equal(Energy.OfDifference(rowD, xD), errors.OfRows[row]);
            }
        }
    }

    [Fact]
    public void A_transcoders_error_is_not_known()
    {
        var sae = NormalDictionary.Of(AutoencoderKind.JumpReLU, width: 40, features: 300, l0: 9) with { Transcodes = true };
        var codes = new SparseCodes();
        var rowsBD = NormalDictionary.Rows(5, sae.Width);
        var encoder = new CpuEncoder(sae, 2);
        encoder.Encode(rowsBD, codes);
        var errors = new ReconstructionErrors(encoder);
        errors.Take(rowsBD, codes);
        Assert.Equal(new double[5], errors.OfRows[..5].ToArray());
    }

    /// <summary>What a larger call before leaves behind must not show.</summary>
    private static SparseCodes Longer(SparseAutoencoder sae)
    {
        var codes = new SparseCodes();
        new ReferenceEncoder(sae).Encode(NormalDictionary.Rows(200, sae.Width), codes);
        return codes;
    }
}
