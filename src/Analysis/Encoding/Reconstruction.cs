using System.Numerics;

namespace DriftWatch.Analysis.Encoding;

/// <summary>x̂ = f W_dec + b_dec in the model's own scale: what normalisation did to the row is undone.</summary>
/// <remarks>Summed feature by feature in ascending order; each width index is a lane of its own, so every processor gives the same bits.</remarks>
public sealed class Reconstruction
{
    private readonly SparseAutoencoder sae;
    private readonly float[] inverseGainF;

    public Reconstruction(SparseAutoencoder sae)
    {
        this.sae = sae;
        // TopK's rescaled features carry their decoder norm: take it out again. The gain holds 1/s too, which the row's scale accounts for.
        inverseGainF = sae.RescaleByDecoderNorm ? [.. TopKEncoder.Gain(sae).Select(gain => 1 / gain)] : [];
    }

    public void Decode(ReadOnlySpan<int> features, ReadOnlySpan<float> values, RowNormalization normalization, Span<float> reconstructionD)
    {
        sae.DecoderBiasD.CopyTo(reconstructionD);
        for (var i = 0; i < features.Length; i++)
        {
            var f = features[i];
            var value = inverseGainF.Length == 0 ? values[i] : values[i] * inverseGainF[f];
            AddScaled(sae.DecoderFD.AsSpan(f * sae.Width, sae.Width), value, reconstructionD);
        }
        if (normalization is { Shift: 0, Undo: 1 }) return;
        for (var i = 0; i < reconstructionD.Length; i++) reconstructionD[i] = reconstructionD[i] * normalization.Undo + normalization.Shift;
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
