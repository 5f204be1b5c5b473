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

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS)
    {
        var length = rowsBS.Length / SourceWidth * TargetWidth;
        if (mappedBT.Length < length) mappedBT = new float[length];
        map.Apply(rowsBS, mappedBT);
        return mappedBT.AsSpan(0, length);
    }
}
