namespace DriftWatch.Analysis.Canonical;

/// <summary>y = x A + b, with A [S, T] from source width S to target width T.</summary>
/// <remarks>
/// Affine residual maps carry dictionaries and probes across models of a family (arXiv 2506.06609). Orthogonal and low-rank maps are applied as this, too.
/// Bits: see <see cref="PackedMap"/>.
/// </remarks>
public sealed class AffineTransform(float[] aST, float[] bT, char? grade, string hash, TransformCard? card = null) : ITransform
{
    private readonly PackedMap map = new(aST, bT);
    private float[] mappedBT = [];

    public int SourceWidth => aST.Length / bT.Length;
    public int TargetWidth => bT.Length;
    public string Hash => hash;
    public char? Grade => grade;
    public TransformCard? Card => card;

    /// <summary>This map and the next in one: x ↦ (x A + b) A' + b', multiplied out in float64.</summary>
    internal AffineTransform Then(AffineTransform next, string chainHash, TransformCard chainCard)
    {
        var (productSU, offsetU) = (new float[SourceWidth * next.TargetWidth], new float[next.TargetWidth]);
        for (var s = 0; s < SourceWidth; s++) next.Multiply(aST.AsSpan(s * TargetWidth, TargetWidth), withOffset: false, productSU.AsSpan(s * next.TargetWidth, next.TargetWidth));
        next.Multiply(bT, withOffset: true, offsetU);
        return new(productSU, offsetU, chainCard.Grade, chainHash, chainCard);
    }

    private void Multiply(ReadOnlySpan<float> rowS, bool withOffset, Span<float> productT)
    {
        var sumT = new double[TargetWidth];
        for (var s = 0; s < rowS.Length; s++)
            for (var t = 0; t < sumT.Length; t++) sumT[t] += (double)rowS[s] * aST[s * TargetWidth + t];
        for (var t = 0; t < sumT.Length; t++) productT[t] = (float)(sumT[t] + (withOffset ? bT[t] : 0));
    }

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS)
    {
        var length = rowsBS.Length / SourceWidth * TargetWidth;
        if (mappedBT.Length < length) mappedBT = new float[length];
        map.Apply(rowsBS, mappedBT);
        return mappedBT.AsSpan(0, length);
    }
}
