namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>The encoder's weights twice: 8 bits each in panels for <see cref="ScreenKernel"/>, and exact, a feature after the other, for what passes the screen.</summary>
/// <remarks>5 bytes a weight, D · F of them: 189 MB for 2,304 → 16,384, 671 MB for 4,096 → 32,768.</remarks>
internal sealed unsafe class ScreenedWeights
{
    public const int StripFeatures = 512;

    // So many are packed at a time: their columns fit the cache.
    private const int PackedFeatures = 64;

    private readonly int latents;
    private readonly int panelFeatures;
    private readonly AlignedArray<sbyte> panels;
    private readonly Pieces[] strips;
    private readonly AlignedArray<float> scaleF, normF, roundedNormF, errorF;
    private readonly AlignedArray<int> startF;

    public ScreenedWeights(SparseAutoencoder sae, ScreenKernel kernel, int threads)
    {
        (latents, panelFeatures) = (sae.Latents, kernel.Features);
        Stride = (sae.Width + 15) / 16 * 16;
        Panels = (latents + panelFeatures - 1) / panelFeatures;
        var padded = Panels * panelFeatures;
        panels = new((long)padded * Stride);
        strips = [.. Enumerable.Range(0, (latents + StripFeatures - 1) / StripFeatures).Select(strip => new Pieces(Math.Min(StripFeatures, padded - strip * StripFeatures), Stride))];
        (scaleF, normF, roundedNormF, errorF, startF) = (new(padded), new(padded), new(padded), new(padded), new(padded));
        Parallel.For(0, (latents + PackedFeatures - 1) / PackedFeatures, new() { MaxDegreeOfParallelism = threads }, some => Pack(sae, kernel, some * PackedFeatures));
    }

    /// <summary>D and the zeros behind it, to a multiple of 16.</summary>
    public int Stride { get; }
    public int Panels { get; }
    public int Strips => strips.Length;

    /// <summary>[Stride / 4, N, 4].</summary>
    public sbyte* Panel(int panel) => panels.Start + (long)panel * panelFeatures * Stride;

    /// <summary>The exact weights of <see cref="StripFeatures"/> features.</summary>
    public Pieces Strip(int strip) => strips[strip];

    public float* Scale(int feature) => scaleF.Start + feature;
    public float* Norm(int feature) => normF.Start + feature;
    public float* RoundedNorm(int feature) => roundedNormF.Start + feature;
    public float* Error(int feature) => errorF.Start + feature;

    /// <summary>−Offset · Σ q.</summary>
    public int* Start(int feature) => startF.Start + feature;

    private void Pack(SparseAutoencoder sae, ScreenKernel kernel, int first)
    {
        var taken = Math.Min(PackedFeatures, latents - first);
        var columns = new float[taken * Stride];
        for (var i = 0; i < sae.Width; i++)
        {
            var at = i;
            foreach (var w in sae.EncoderDF.AsSpan(i * latents + first, taken))
            {
                columns[at] = w;
                at += Stride;
            }
        }
        Span<byte> q = new byte[Stride];
        for (var feature = first; feature < first + taken; feature++)
        {
            var column = columns.AsSpan((feature - first) * Stride, Stride);
            strips[feature / StripFeatures].Write(feature % StripFeatures, column);
            var known = Quantized.Of(column, ScreenKernel.WeightMaximum, 0, q);
            (*Scale(feature), *Norm(feature), *RoundedNorm(feature), *Error(feature)) = (known.Scale, known.Norm, known.RoundedNorm, known.Error);
            var sum = 0;
            foreach (var some in q) sum += (sbyte)some;
            *Start(feature) = -kernel.Offset * sum;
            var quads = (uint*)Panel(feature / panelFeatures) + feature % panelFeatures;
            fixed (byte* bytes = q)
                for (var quad = 0; quad < Stride / 4; quad++) quads[quad * panelFeatures] = ((uint*)bytes)[quad];
        }
    }
}
