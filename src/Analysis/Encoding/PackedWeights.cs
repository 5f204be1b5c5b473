namespace DriftWatch.Analysis.Encoding;

/// <summary>An encoder's weights in the order that the kernel reads them: panels of [D, N], N features side by side, so that it reads straight on. The last is filled up with zeros.</summary>
/// <remarks>A second copy of W_enc, D · F · 4 bytes: 151 MB for 2,304 → 16,384, 1 GB for 4,096 → 65,536. As much again for a GLU encoder's gate.</remarks>
internal sealed unsafe class PackedWeights
{
    private readonly int width;
    private readonly int panelFeatures;
    private readonly AlignedArray<float> panelsPDN;

    /// <param name="weightsDL">[width, latents] of <paramref name="sae"/>.</param>
    public PackedWeights(float[] weightsDL, SparseAutoencoder sae, int panelFeatures)
    {
        width = sae.Width;
        this.panelFeatures = panelFeatures;
        Panels = (sae.Latents + panelFeatures - 1) / panelFeatures;
        panelsPDN = new((long)Panels * panelFeatures * width);
        Packing = Task.Run(() => Pack(weightsDL, sae.Latents));
    }

    public int Panels { get; }

    /// <summary>Until it is done they are not all there.</summary>
    public Task Packing { get; }

    public float* Panel(int panel) => panelsPDN.Start + (long)panel * panelFeatures * width;

    private void Pack(float[] weightsDL, int latents)
    {
        for (var panel = 0; panel < Panels; panel++)
        {
            var first = panel * panelFeatures;
            var taken = Math.Min(panelFeatures, latents - first);
            for (var i = 0; i < width; i++)
                weightsDL.AsSpan(i * latents + first, taken).CopyTo(new Span<float>(Panel(panel) + (long)i * panelFeatures, taken));
        }
    }
}
