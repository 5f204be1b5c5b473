using System.Runtime.Intrinsics;

namespace DriftWatch.Analysis.Encoding;

/// <summary>A row's way into the dictionary's own scale and back: x' = (x − Shift) · Scale.</summary>
/// <param name="Shift">Subtracted from each number of the row.</param>
/// <param name="Scale">Multiplied afterwards. 0 or ∞: the row cannot be encoded (it is all zero, or as good as).</param>
/// <param name="Undo">What the reconstruction is multiplied with on its way back: 1/Scale, but for layer_norm σ without the 1e-5.</param>
public readonly record struct RowNormalization(float Shift, float Scale, float Undo)
{
    /// <summary>What SAELens adds to σ before it divides.</summary>
    private const float LayerNormEpsilon = 1e-5f;

    private const int Lanes = 16;

    public bool CanEncode => Scale != 0 && float.IsFinite(Scale);

    /// <remarks>
    /// constant_norm_rescale: x·√D/‖x‖ (an all-zero row is NaN in the libraries; here it is left out and counted).
    /// layer_norm: (x − μ)/(σ + 1e-5) with the unbiased σ (n − 1). expected_average_only_in: x·s.
    /// </remarks>
    public static RowNormalization Of(ReadOnlySpan<float> rowD, SparseAutoencoder sae)
    {
        switch (sae.Normalization)
        {
            case InputNormalization.None:
                return new(0, 1, 1);
            case InputNormalization.ExpectedAverageOnlyIn:
                return new(0, sae.InputScale, 1 / sae.InputScale);
            case InputNormalization.ConstantNormRescale:
                var norm = Math.Sqrt(Energy.Of(rowD));
                return new(0, norm == 0 ? 0 : (float)(Math.Sqrt(rowD.Length) / norm), (float)(norm / Math.Sqrt(rowD.Length)));
            case InputNormalization.LayerNorm:
                var mean = 0.0;
                foreach (var x in rowD) mean += x;
                mean /= rowD.Length;
                var sum = 0.0;
                foreach (var x in rowD) sum += (x - mean) * (x - mean);
                var deviation = Math.Sqrt(sum / (rowD.Length - 1));
                return new((float)mean, (float)(1 / (deviation + LayerNormEpsilon)), (float)deviation);
            default:
                throw new InvalidOperationException($"no rule for the normalisation {sae.Normalization}");
        }
    }

    /// <summary>The encoder's input: normalised, and b_dec subtracted where the dictionary says so.</summary>
    public void Apply(ReadOnlySpan<float> rowD, SparseAutoencoder sae, Span<float> inputD)
    {
        var i = 0;
        for (; i + Lanes <= rowD.Length; i += Lanes)
        {
            var input = (Vector512.Create(rowD.Slice(i, Lanes)) - Vector512.Create(Shift)) * Scale;
            if (sae.SubtractDecoderBias) input -= Vector512.Create(sae.DecoderBiasD.AsSpan(i, Lanes));
            input.CopyTo(inputD[i..]);
        }
        for (; i < rowD.Length; i++)
        {
            var input = (rowD[i] - Shift) * Scale;
            inputD[i] = sae.SubtractDecoderBias ? input - sae.DecoderBiasD[i] : input;
        }
    }
}
