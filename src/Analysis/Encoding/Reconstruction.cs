using System.Numerics;

namespace DriftWatch.Analysis.Encoding;

/// <summary>x̂ = f W_dec + b_dec in the model's own scale: what normalisation did to the row is undone. A transcoder's is x̂ = (f W_dec + b_dec)/s_out + x W_skip.</summary>
/// <remarks>Summed feature by feature in ascending order, the skip path last; each width index is a lane of its own, so every processor gives the same bits.</remarks>
public sealed class Reconstruction
{
    private readonly SparseAutoencoder sae;
    private readonly float[] inverseGainF;

    public Reconstruction(SparseAutoencoder sae)
    {
        if (sae.EncodesOnly) throw new ArgumentException("the dictionary has no decoder", nameof(sae));
        this.sae = sae;
        // TopK's rescaled features carry their decoder norm: take it out again. The gain holds 1/s too, which the row's scale accounts for.
        inverseGainF = sae.RescaleByDecoderNorm ? [.. TopKEncoder.Gain(sae).Select(gain => 1 / gain)] : [];
    }

    /// <param name="rowD">The row that was encoded, as it came.</param>
    /// <param name="reconstructionO">Overwritten.</param>
    public void Decode(ReadOnlySpan<float> rowD, ReadOnlySpan<int> features, ReadOnlySpan<float> values, Span<float> reconstructionO)
    {
        sae.DecoderBiasD.CopyTo(reconstructionO);
        for (var i = 0; i < features.Length; i++)
        {
            var f = features[i];
            var value = inverseGainF.Length == 0 ? values[i] : values[i] * inverseGainF[f];
            AddScaled(sae.DecoderFD.AsSpan(f * sae.AtomWidth, sae.AtomWidth), value, reconstructionO.Slice(f / sae.Latents * sae.AtomWidth, sae.AtomWidth));
        }
        var (undo, shift) = Way(rowD);
        if ((undo, shift) != (1, 0))
            for (var i = 0; i < reconstructionO.Length; i++) reconstructionO[i] = reconstructionO[i] * undo + shift;
        if (sae.SkipDO.Length == 0) return;
        for (var i = 0; i < rowD.Length; i++) AddScaled(sae.SkipDO.AsSpan(i * sae.OutputWidth, sae.OutputWidth), rowD[i], reconstructionO);
    }

    private (float Undo, float Shift) Way(ReadOnlySpan<float> rowD)
    {
        if (sae.Transcodes) return (1 / sae.OutputScale, 0);
        var normalization = RowNormalization.Of(rowD, sae);
        return (normalization.Undo, normalization.Shift);
    }

    /// <summary>What a firing latent's decoder row is multiplied with in the reconstruction, in the model's own scale.</summary>
    public float Contribution(int feature, float value, RowNormalization normalization) => (inverseGainF.Length == 0 ? value : value * inverseGainF[feature]) * normalization.Undo;

    private static void AddScaled(ReadOnlySpan<float> atomD, float value, Span<float> sumD)
    {
        var i = 0;
        var factor = new Vector<float>(value);
        for (; i + Vector<float>.Count <= sumD.Length; i += Vector<float>.Count)
            Vector.FusedMultiplyAdd(new Vector<float>(atomD[i..]), factor, new Vector<float>(sumD[i..])).CopyTo(sumD[i..]);
        for (; i < sumD.Length; i++) sumD[i] = MathF.FusedMultiplyAdd(atomD[i], value, sumD[i]);
    }
}
