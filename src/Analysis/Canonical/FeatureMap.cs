using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical;

/// <summary>One entry of a feature map.</summary>
/// <param name="Source">A feature of the model's own dictionary.</param>
/// <param name="Target">A canonical feature.</param>
/// <param name="Weight">Canonical activation per own activation; above zero.</param>
/// <param name="Correlation">Of the two activations on the rows that it was learned from.</param>
public readonly record struct FeatureMapEntry(int Source, int Target, float Weight, float Correlation);

/// <summary>What canonical features a model's own features are: c_t = Σ w_st·f_s, and t fires where c_t &gt; θ_t. O(non-zeros) a row.</summary>
/// <remarks>
/// One to one each canonical feature has one source and θ = 0: it fires exactly when its source does. Where several sources make up one canonical feature, θ is learned so that it fires about as
/// often as it does natively; a source alone that contributes little does then not make it fire. Summed over the sources in ascending order, one fused multiply-add a step.
/// A source feature without an entry is dropped and counted. Buffers are kept between calls: one caller at a time.
/// </remarks>
public sealed class FeatureMap
{
    private readonly int[] startS;
    private readonly FeatureMapEntry[] entries;
    private readonly float[] thresholdT;
    private readonly float[] sumT;
    private readonly bool[] seenT;
    private int[] touched;
    private float[] values;
    private double[] droppedB = [], massB = [];

    /// <param name="entries">Ascending by source, then target; each pair once.</param>
    /// <param name="thresholdT">θ per canonical feature.</param>
    public FeatureMap(int sourceFeatures, int targetFeatures, FeatureMapEntry[] entries, float[] thresholdT)
    {
        (SourceFeatures, this.entries, this.thresholdT) = (sourceFeatures, entries, thresholdT);
        (sumT, seenT, ReachedT) = (new float[targetFeatures], new bool[targetFeatures], new bool[targetFeatures]);
        (touched, values) = (new int[targetFeatures], new float[targetFeatures]);
        startS = new int[sourceFeatures + 1];
        foreach (var entry in entries)
        {
            startS[entry.Source + 1]++;
            ReachedT[entry.Target] = true;
        }
        for (var s = 0; s < sourceFeatures; s++) startS[s + 1] += startS[s];
    }

    public int SourceFeatures { get; }
    public int TargetFeatures => thresholdT.Length;
    public IReadOnlyList<FeatureMapEntry> Entries => entries;
    public IReadOnlyList<float> ThresholdT => thresholdT;

    /// <summary>Canonical features that some own feature maps to; all others are not mapped: that they do not fire says nothing.</summary>
    public bool[] ReachedT { get; }

    /// <param name="own">Codes of the model's own dictionary.</param>
    /// <param name="canonical">Cleared, then one row for each; ascending by feature.</param>
    public void Apply(SparseCodes own, SparseCodes canonical) => Apply(own, 0, own.Rows, canonical);

    /// <summary>Of some rows; in the result the first of them is row 0.</summary>
    public void Apply(SparseCodes own, int firstRow, int rows, SparseCodes canonical)
    {
        canonical.Clear();
        if (massB.Length < rows) (massB, droppedB) = (new double[rows], new double[rows]);
        for (var row = 0; row < rows; row++) ApplyRow(row, own.FeaturesOf(firstRow + row), own.ValuesOf(firstRow + row), canonical);
    }

    private void ApplyRow(int row, ReadOnlySpan<int> features, ReadOnlySpan<float> activations, SparseCodes canonical)
    {
        var (count, mass, dropped) = (0, 0.0, 0.0);
        for (var i = 0; i < features.Length; i++)
        {
            var (from, to) = (startS[features[i]], startS[features[i] + 1]);
            mass += activations[i];
            if (from == to) dropped += activations[i];
            foreach (ref readonly var entry in entries.AsSpan(from..to))
            {
                if (!seenT[entry.Target]) (seenT[entry.Target], touched[count++]) = (true, entry.Target);
                sumT[entry.Target] = MathF.FusedMultiplyAdd(entry.Weight, activations[i], sumT[entry.Target]);
            }
        }
        (massB[row], droppedB[row]) = (mass, dropped);
        Array.Sort(touched, 0, count);
        var fired = 0;
        for (var i = 0; i < count; i++)
        {
            var target = touched[i];
            if (sumT[target] > thresholdT[target]) (touched[fired], values[fired++]) = (target, sumT[target]);
            (sumT[target], seenT[target]) = (0, false);
        }
        canonical.AddRow(touched.AsSpan(0, fired), values.AsSpan(0, fired));
    }

    /// <summary>Share of the activation (Σf) of some rows of the last call that no canonical feature took.</summary>
    public double Unmapped(int firstRow, int rows)
    {
        var (mass, dropped) = (0.0, 0.0);
        for (var row = firstRow; row < firstRow + rows; row++) (mass, dropped) = (mass + massB[row], dropped + droppedB[row]);
        return mass > 0 ? dropped / mass : 0;
    }
}
