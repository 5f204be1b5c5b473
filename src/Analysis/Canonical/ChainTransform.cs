namespace DriftWatch.Analysis.Canonical;

/// <summary>A model that is mapped to another, which is mapped to the reference: one map of activations behind the other.</summary>
public sealed class ChainTransform(IReadOnlyList<ITransform> parts, string hash, TransformCard card) : ITransform
{
    public int SourceWidth => parts[0].SourceWidth;
    public int TargetWidth => parts[^1].TargetWidth;
    public string Hash => hash;
    public char? Grade => card.Grade;
    public TransformCard Card => card;

    public ReadOnlySpan<float> Apply(ReadOnlySpan<float> rowsBS)
    {
        foreach (var part in parts) rowsBS = part.Apply(rowsBS);
        return rowsBS;
    }
}
