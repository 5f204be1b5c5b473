using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Paired rows of two models, each brought by its transform to the place where the reference dictionary was trained.</summary>
public sealed class MappedPairs(IPairedActivations paired, ITransform source, ITransform target) : IPairedActivations
{
    public int SourceWidth => source is IdentityTransform ? paired.SourceWidth : source.TargetWidth;
    public int TargetWidth => target is IdentityTransform ? paired.TargetWidth : target.TargetWidth;

    public IEnumerable<PairedBlock> Blocks()
    {
        RefuseOtherWidth(source, paired.SourceWidth);
        RefuseOtherWidth(target, paired.TargetWidth);
        foreach (var block in paired.Blocks())
            yield return block with { SourceNS = Mapped(source, block.SourceNS, block.Rows), TargetNT = Mapped(target, block.TargetNT, block.Rows) };
    }

    private static void RefuseOtherWidth(ITransform transform, int width)
    {
        if (transform.SourceWidth != width) throw new Activations.MalformedException("wrong-width", $"the rows have width {width}; the model's activations {transform.SourceWidth}. Use rows of it at the hook of the configuration.");
    }

    /// <summary>Copied: a transform's result lives until its next call, and both sides may have the same.</summary>
    private static float[] Mapped(ITransform transform, float[] rowsNS, int rows) =>
        transform is IdentityTransform ? rowsNS : transform.Apply(rowsNS.AsSpan(0, rows * transform.SourceWidth)).ToArray();
}
