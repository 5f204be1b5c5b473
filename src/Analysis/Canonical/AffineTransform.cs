using System.Numerics;

namespace DriftWatch.Analysis.Canonical;

/// <summary>y = x A + b, with A [S, T] from source width S to target width T.</summary>
/// <remarks>
/// Affine residual maps carry dictionaries and probes across models of a family (arXiv 2506.06609). Summed over the source width in
/// ascending order, from b, one fused multiply-add a step; each target index is a lane, so every processor gives the same bits.
/// </remarks>
public sealed class AffineTransform(float[] aST, float[] bT, char? grade, string hash) : ITransform
{
    private float[] mappedBT = [];

    public int SourceWidth => aST.Length / bT.Length;
    public int TargetWidth => bT.Length;
    public string Hash => hash;
    public char? Grade => grade;

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS)
    {
        var rows = rowsBS.Length / SourceWidth;
        if (mappedBT.Length < rows * TargetWidth) mappedBT = new float[rows * TargetWidth];
        for (var row = 0; row < rows; row++) ApplyRow(rowsBS.Slice(row * SourceWidth, SourceWidth), mappedBT.AsSpan(row * TargetWidth, TargetWidth));
        return mappedBT.AsSpan(0, rows * TargetWidth);
    }

    private void ApplyRow(ReadOnlySpan<float> rowS, Span<float> mappedT)
    {
        bT.CopyTo(mappedT);
        for (var s = 0; s < rowS.Length; s++)
        {
            var columnT = aST.AsSpan(s * TargetWidth, TargetWidth);
            var x = new Vector<float>(rowS[s]);
            var t = 0;
            for (; t + Vector<float>.Count <= mappedT.Length; t += Vector<float>.Count)
                Vector.FusedMultiplyAdd(new Vector<float>(columnT[t..]), x, new Vector<float>(mappedT[t..])).CopyTo(mappedT[t..]);
            for (; t < mappedT.Length; t++) mappedT[t] = MathF.FusedMultiplyAdd(columnT[t], rowS[s], mappedT[t]);
        }
    }
}
