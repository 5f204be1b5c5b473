namespace DriftWatch.Analysis.Encoding;

/// <summary>The encoder's weights in the order the kernel reads them, and one test for all kinds: (x̃ w + Bias) · Gain &gt; Cut, of the magnitude for AbsTopK.</summary>
/// <remarks>
/// A panel is [D, N]: N features side by side, so that the kernel reads straight on. The last panel is filled up with features of
/// bias −∞ and gain 0, whose product is NaN and never fires. Gain and Cut are [heads, panels, N]: the heads of a crosscoder share a pre-activation and judge it each for itself.
/// A GLU encoder's gate lies in panels of its own; what it makes of (x̃ w + Bias) is tested again, see <see cref="CpuEncoder"/>.
/// A second copy of W_enc, D · F · 4 bytes: 151 MB for 2,304 → 16,384, 1 GB for 4,096 → 65,536. As much again for a GLU encoder's gate.
/// </remarks>
internal sealed unsafe class PackedWeights
{
    private readonly int width;
    private readonly int panelFeatures;
    private readonly AlignedFloats panelsPDN, gatePanelsPDN;
    private readonly AlignedFloats biasF, gateBiasF, gainF, cutF;

    public PackedWeights(SparseAutoencoder sae, int panelFeatures)
    {
        width = sae.Width;
        this.panelFeatures = panelFeatures;
        Panels = (sae.Latents + panelFeatures - 1) / panelFeatures;
        Gates = sae.GluEncoderDF.Length > 0;
        panelsPDN = Packed(sae.EncoderDF, sae.Latents);
        gatePanelsPDN = Gates ? Packed(sae.GluEncoderDF, sae.Latents) : new(0);
        biasF = new(Panels * panelFeatures);
        gateBiasF = new(Gates ? Panels * panelFeatures : 0);
        sae.GluBiasF.CopyTo(gateBiasF.Span);
        gainF = new(sae.Heads * Panels * panelFeatures);
        cutF = new(sae.Heads * Panels * panelFeatures);

        biasF.Span.Fill(float.NegativeInfinity);
        sae.EncoderBiasF.CopyTo(biasF.Span);
        var gain = TopKEncoder.Gain(sae);
        for (var head = 0; head < sae.Heads; head++)
        {
            var at = head * Panels * panelFeatures;
            gain.AsSpan(head * sae.Latents, sae.Latents).CopyTo(gainF.Span[at..]);
            // Below 0 a threshold decides nothing: ReLU does.
            if (sae.ThresholdF.Length > 0)
                for (var f = 0; f < sae.Latents; f++) cutF.Span[at + f] = Math.Max(0, sae.ThresholdF[head * sae.Latents + f]);
        }
    }

    public int Panels { get; }

    /// <summary>It is a GLU encoder: there is a second product.</summary>
    public bool Gates { get; }

    public float* Panel(int panel) => panelsPDN.Start + (long)panel * panelFeatures * width;
    public float* GatePanel(int panel) => gatePanelsPDN.Start + (long)panel * panelFeatures * width;
    public float* Bias(int panel) => biasF.Start + panel * panelFeatures;
    public float* GateBias(int panel) => gateBiasF.Start + panel * panelFeatures;
    public float* Gain(int head, int panel) => gainF.Start + (head * Panels + panel) * panelFeatures;
    public float* Cut(int head, int panel) => cutF.Start + (head * Panels + panel) * panelFeatures;

    private AlignedFloats Packed(float[] weightsDL, int latents)
    {
        var packedPDN = new AlignedFloats((long)Panels * panelFeatures * width);
        for (var panel = 0; panel < Panels; panel++)
        {
            var first = panel * panelFeatures;
            var taken = Math.Min(panelFeatures, latents - first);
            for (var i = 0; i < width; i++)
                weightsDL.AsSpan(i * latents + first, taken).CopyTo(new Span<float>(packedPDN.Start + ((long)panel * width + i) * panelFeatures, taken));
        }
        return packedPDN;
    }
}

/// <summary>Zeros that the collector does not move, from a 64-byte boundary on (a load across two cache lines costs two).</summary>
/// <remarks>Keep the object for as long as its pointer is used.</remarks>
internal sealed unsafe class AlignedFloats
{
    private readonly float[] storage;

    public AlignedFloats(long length)
    {
        Length = checked((int)length);
        storage = GC.AllocateArray<float>(checked(Length + 16), pinned: true);
        fixed (float* first = storage) Start = (float*)(((nint)first + 63) & ~(nint)63);
    }

    public int Length { get; }
    public float* Start { get; }
    public Span<float> Span => new(Start, Length);
}
