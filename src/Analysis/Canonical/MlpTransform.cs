namespace DriftWatch.Analysis.Canonical;

/// <summary>y = ReLU(x W1 + b1) W2 + b2, with W1 [S, H] and W2 [H, T]: the encoder of the source's side and the decoder of the target's (arXiv 2503.04429).</summary>
/// <remarks>ReLU, since it is exact: a smooth activation needs an exponential, which differs by processor and library. Bits of the products: see <see cref="PackedMap"/>.</remarks>
public sealed class MlpTransform(float[] w1SH, float[] b1H, float[] w2HT, float[] b2T, char? grade, string hash, TransformCard? card = null) : ITransform
{
    private readonly PackedMap encoder = new(w1SH, b1H);
    private readonly PackedMap decoder = new(w2HT, b2T);
    private float[] latentBH = [];
    private float[] mappedBT = [];

    public int SourceWidth => w1SH.Length / b1H.Length;
    public int LatentWidth => b1H.Length;
    public int TargetWidth => b2T.Length;
    public string Hash => hash;
    public char? Grade => grade;
    public TransformCard? Card => card;

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS)
    {
        var rows = rowsBS.Length / SourceWidth;
        if (mappedBT.Length < rows * TargetWidth) (latentBH, mappedBT) = (new float[rows * LatentWidth], new float[rows * TargetWidth]);
        encoder.Apply(rowsBS, latentBH);
        foreach (ref var z in latentBH.AsSpan(0, rows * LatentWidth)) z = Math.Max(z, 0);
        decoder.Apply(latentBH.AsSpan(0, rows * LatentWidth), mappedBT);
        return mappedBT.AsSpan(0, rows * TargetWidth);
    }
}
