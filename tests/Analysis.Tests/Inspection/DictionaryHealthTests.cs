using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Inspection;

namespace DriftWatch.Analysis.Tests.Inspection;

public sealed class DictionaryHealthTests
{
    /// <summary>Two features along the axes of a plane, with a ReLU and no bias: negative parts are lost.</summary>
    private static readonly SparseAutoencoder sae = new()
    {
        Kind = AutoencoderKind.Standard,
        Width = 2,
        Features = 3,
        EncoderDF = [1, 0, 0, 0, 1, 0],
        DecoderFD = [1, 0, 0, 1, 1, 1],
        EncoderBiasF = new float[3],
        DecoderBiasD = new float[2],
    };

    [Fact]
    public void Figures_are_those_that_can_be_counted_by_hand()
    {
        var rows = DictionaryHealth.Select([3, 4, 1, -1, -2, 0, 0, 0], [], sae);

        var (health, codes) = DictionaryHealth.Measure(sae, rows, [], threads: 1);

        Assert.Equal((4, 0, 0, 1), (health.Rows, health.NotEncodable, health.Outliers, health.Dead));
        Assert.Equal(3.0 / 4, health.L0);
        Assert.Equal([2, 1, 0], health.FiringF);
        Assert.Equal([2, 4, 0], health.StrengthF);
        // Errors 0, 1, 4, 0; energy 25 + 2 + 4, mean (0.5, 0.75).
        Assert.Equal(5.0 / 4 / (31.0 / 4 - (0.25 + 0.5625)), health.Fvu!.Value, 1e-12);
        Assert.Equal((1 + 1 / Math.Sqrt(2) + 0) / 3, health.Shrinkage!.Value, 1e-12);
        Assert.Equal(3, codes.Count);
    }

    [Fact]
    public void Rows_that_cannot_count_are_left_out_and_counted()
    {
        // Sequence 1: three rows of norm 1 and one of 100, which would be ordinary in sequence 2.
        float[] rows = [1, 0, 0, 1, -1, 0, 100, 0, 90, 0, 100, 0, float.NaN, 0, 0, 0];
        var normalised = sae with { Normalization = InputNormalization.ConstantNormRescale };

        var selected = DictionaryHealth.Select(rows, [1, 1, 1, 1, 2, 2, 2, 2], normalised);

        Assert.Equal((5, 2, 1), (selected.Count, selected.NotEncodable, selected.Outliers));
        Assert.Equal([true, true, true, false, true, true, false, false], selected.Keep);
        Assert.Equal([1, 0, 0, 1, -1, 0, 90, 0, 100, 0], selected.RowsBD);
        Assert.Equal(3, DictionaryHealth.Select(rows, [1, 1, 1, 1, 2, 2, 2, 2], sae).Keep.Count(kept => !kept) + 1);   // Without a division the zero row is one like others.
    }

    [Fact]
    public void A_transcoder_is_judged_by_its_targets_and_only_by_them()
    {
        var transcoder = sae with { Transcodes = true };
        var rows = DictionaryHealth.Select([3, 4, 1, 2], [], transcoder);

        Assert.Null(DictionaryHealth.Measure(transcoder, rows, [], 1).Health.Fvu);
        Assert.Equal(0, DictionaryHealth.Measure(transcoder, rows, [3, 4, 1, 2], 1).Health.Fvu);
        Assert.True(DictionaryHealth.Measure(transcoder, rows, [0, 4, 1, 0], 1).Health.Fvu > 0.5);
    }
}
