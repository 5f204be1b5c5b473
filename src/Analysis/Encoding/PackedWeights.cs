namespace DriftWatch.Analysis.Encoding;

/// <summary>The encoder's weights in the order the kernel reads them, and one test for all kinds: (x̃ w + Bias) · Gain &gt; Cut.</summary>
/// <remarks>
/// A panel is [D, N]: N features side by side, so that the kernel reads straight on. The last panel is filled up with features of
/// bias −∞, which never fire. A second copy of W_enc, D · F · 4 bytes: 151 MB for 2,304 → 16,384, 1 GB for 4,096 → 65,536.
/// </remarks>
internal sealed unsafe class PackedWeights
{
    private readonly int width;
    private readonly int panelFeatures;
    private readonly AlignedFloats panelsPDN;
    private readonly AlignedFloats biasF, gainF, cutF;

    public PackedWeights(SparseAutoencoder sae, int panelFeatures)
    {
        width = sae.Width;
        this.panelFeatures = panelFeatures;
        Panels = (sae.Features + panelFeatures - 1) / panelFeatures;
        panelsPDN = new((long)Panels * panelFeatures * width);
        biasF = new(Panels * panelFeatures);
        gainF = new(Panels * panelFeatures);
        cutF = new(Panels * panelFeatures);

        for (var panel = 0; panel < Panels; panel++)
        {
            var first = panel * panelFeatures;
            var taken = Math.Min(panelFeatures, sae.Features - first);
            for (var i = 0; i < width; i++)
                sae.EncoderDF.AsSpan(i * sae.Features + first, taken).CopyTo(new Span<float>(Panel(panel) + (long)i * panelFeatures, taken));
        }

        biasF.Span.Fill(float.NegativeInfinity);
        sae.EncoderBiasF.CopyTo(biasF.Span);
        gainF.Span.Fill(1);
        if (sae.Kind == AutoencoderKind.TopK) TopKEncoder.Gain(sae).CopyTo(gainF.Span);
        // Below 0 a threshold decides nothing: ReLU does.
        for (var f = 0; f < sae.ThresholdF.Length; f++) cutF.Span[f] = Math.Max(0, sae.ThresholdF[f]);
    }

    public int Panels { get; }

    public float* Panel(int panel) => panelsPDN.Start + (long)panel * panelFeatures * width;
    public float* Bias(int panel) => biasF.Start + panel * panelFeatures;
    public float* Gain(int panel) => gainF.Start + panel * panelFeatures;
    public float* Cut(int panel) => cutF.Start + panel * panelFeatures;
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
