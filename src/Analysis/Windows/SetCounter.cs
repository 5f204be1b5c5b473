namespace DriftWatch.Analysis.Windows;

/// <summary>Counts one set over the rows of a sequence.</summary>
internal sealed class SetCounter(FeatureSet set)
{
    private readonly bool[] seen = new bool[set.Features.Length];
    private bool seenWithout;
    private int rows;

    public void Begin()
    {
        Array.Clear(seen);
        seenWithout = false;
        rows = 0;
    }

    public void Row(ReadOnlySpan<int> featuresOfRow)
    {
        var present = 0;
        for (var i = 0; i < seen.Length; i++)
        {
            if (featuresOfRow.BinarySearch(set.Features[i]) < 0) continue;
            seen[i] = true;
            present++;
        }
        var without = false;
        foreach (var feature in set.Without) without |= featuresOfRow.BinarySearch(feature) >= 0;
        seenWithout |= without;
        if (present == seen.Length && !without) rows++;
    }

    /// <summary>Within a sequence the unit is the sequence: at most one count, of length one.</summary>
    public Firing End(int n)
    {
        var count = set.Within == Within.Token ? rows : Array.TrueForAll(seen, fired => fired) && !seenWithout ? 1 : 0;
        return new(count, (long)count * count, (long)count * (set.Within == Within.Token ? n : 1), count > 0 ? 1 : 0);
    }
}
