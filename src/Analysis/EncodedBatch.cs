using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis;

/// <summary>The rows of one message that count, and their features. Valid until its group is cleared.</summary>
public sealed class EncodedBatch
{
    private readonly SparseCodes mapped = new();
    private readonly List<double> unmappedS = [];

    internal EncodedBatch()
    {
    }

    public ModelPlan Plan { get; private set; } = null!;
    public RowSelection Rows { get; } = new();

    /// <summary>What the rows fire, this message's from <see cref="FirstRow"/> on: of the model's own dictionary.</summary>
    internal SparseCodes Own { get; private set; } = null!;
    internal int FirstRow { get; private set; }

    /// <summary>‖x − x̂‖² of the group's rows.</summary>
    internal ReconstructionErrors Errors { get; private set; } = null!;

    /// <summary>The same as canonical features, from <see cref="FirstCanonicalRow"/> on.</summary>
    internal SparseCodes Canonical => Plan.Own is null ? Own : mapped;
    internal int FirstCanonicalRow => Plan.Own is null ? FirstRow : 0;

    /// <summary>Share of a sequence's activation that a feature map dropped; null where there is none.</summary>
    internal double? Unmapped(int sequence) => Plan.Own is null ? null : unmappedS[sequence];

    internal void Select(ActivationBatch batch, ModelPlan plan)
    {
        Plan = plan;
        Rows.Select(batch, plan.Transform, plan.Windows.OutlierNorm, plan.Encoder.Dictionary.Normalization == InputNormalization.ConstantNormRescale);
    }

    internal void Take(SparseCodes own, ReconstructionErrors errors, int firstRow)
    {
        (Own, Errors, FirstRow) = (own, errors, firstRow);
        if (Plan.Own?.Map is not { } map) return;
        map.Apply(own, firstRow, Rows.Kept, mapped);
        unmappedS.Clear();
        foreach (var (first, count) in Rows.Sequences) unmappedS.Add(map.Unmapped(first, count));
    }
}
