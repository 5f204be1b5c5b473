namespace DriftWatch.Analysis.Encoding;

/// <summary>When a feature fires, one test for all kinds: (x̃ w + Bias) · Gain &gt; Cut, of the magnitude for AbsTopK.</summary>
/// <remarks>
/// Gain and Cut are [heads, L]: the heads of a crosscoder share a pre-activation and judge it each for itself. L latents, filled up with some of bias −∞ and gain 0,
/// whose product is NaN and never fires. What a GLU encoder's gate makes of (x̃ w + Bias) is tested again.
/// </remarks>
internal sealed unsafe class FiringTest
{
    private const int Multiple = 32;

    private readonly int paddedL;
    private readonly AlignedArray<float> biasL, gateBiasL, gainHL, cutHL;

    public FiringTest(SparseAutoencoder sae)
    {
        paddedL = (sae.Latents + Multiple - 1) / Multiple * Multiple;
        (biasL, gainHL, cutHL) = (new(paddedL), new((long)sae.Heads * paddedL), new((long)sae.Heads * paddedL));
        (Gated, Signed, Heads) = (sae.Kind == AutoencoderKind.Gated, sae.Kind == AutoencoderKind.AbsTopK, sae.Heads);

        Gates = sae.GluEncoderDF.Length > 0;
        gateBiasL = new(Gates ? paddedL : 0);
        sae.GluBiasF.CopyTo(gateBiasL.Span);
        biasL.Span.Fill(float.NegativeInfinity);
        sae.EncoderBiasF.CopyTo(biasL.Span);
        var gain = TopKEncoder.Gain(sae);
        for (var head = 0; head < sae.Heads; head++)
        {
            gain.AsSpan(head * sae.Latents, sae.Latents).CopyTo(gainHL.Span[(head * paddedL)..]);
            // Below 0 a threshold decides nothing: ReLU does.
            if (sae.ThresholdF.Length > 0)
                for (var f = 0; f < sae.Latents; f++) cutHL.Span[head * paddedL + f] = Math.Max(0, sae.ThresholdF[head * sae.Latents + f]);
        }
    }

    public bool Gated { get; }
    public bool Signed { get; }
    public int Heads { get; }

    /// <summary>It is a GLU encoder: there is a second product.</summary>
    public bool Gates { get; }

    public float* Bias(int latent) => biasL.Start + latent;
    public float* GateBias(int latent) => gateBiasL.Start + latent;
    public float* Gain(int head, int latent) => gainHL.Start + (long)head * paddedL + latent;
    public float* Cut(int head, int latent) => cutHL.Start + (long)head * paddedL + latent;
}
