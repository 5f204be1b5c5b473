using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>A way in which the source model's rows reach the reference's features: the map that is judged, or a control.</summary>
public interface IMappedView
{
    string Name { get; }

    /// <summary>The view has rows of its own; otherwise its rows are what the reference dictionary decodes from its features (normalised as the native rows are: features carry no norm).</summary>
    bool MapsRows { get; }

    /// <param name="sourceNS">Whole rows of the source model.</param>
    void Map(ReadOnlySpan<float> sourceNS, MappedRows mapped);
}

/// <summary>Rows in the target's space and their features. Buffers are reused.</summary>
public sealed class MappedRows
{
    private float[] rowsNT = [];

    public SparseCodes Codes { get; } = new();

    /// <summary>Its first numbers: room for so many.</summary>
    public Span<float> Rows(int length)
    {
        if (rowsNT.Length < length) rowsNT = new float[length];
        return rowsNT.AsSpan(0, length);
    }

    public ReadOnlySpan<float> Row(int row, int width) => rowsNT.AsSpan(row * width, width);

    /// <summary>Some rows of another.</summary>
    /// <param name="width">0: it has features alone.</param>
    public void CopyFrom(MappedRows other, int first, int rows, int width)
    {
        other.rowsNT.AsSpan(first * width, rows * width).CopyTo(Rows(rows * width));
        Codes.Clear();
        for (var row = first; row < first + rows; row++) Codes.AddRow(other.Codes.FeaturesOf(row), other.Codes.ValuesOf(row));
    }
}

/// <summary>A map of activations; the reference dictionary encodes what it gives, as at run time.</summary>
public sealed class ActivationView(string name, ITransform transform, IEncoder reference) : IMappedView
{
    public string Name => name;
    public bool MapsRows => true;

    public void Map(ReadOnlySpan<float> sourceNS, MappedRows mapped)
    {
        var rowsNT = mapped.Rows(sourceNS.Length / transform.SourceWidth * transform.TargetWidth);
        transform.Apply(sourceNS).CopyTo(rowsNT);
        WholeRows.Encode(reference, rowsNT, mapped.Codes);
    }
}

/// <summary>A map of features: the source's own dictionary encodes, and its features are renamed to the reference's.</summary>
/// <param name="before">Brings the source's rows to where that dictionary reads them; null: they are there.</param>
/// <param name="map">From the source's features to the reference's; the second is cleared first.</param>
public sealed class FeatureView(string name, IEncoder source, Action<SparseCodes, SparseCodes> map, ITransform? before = null) : IMappedView
{
    private readonly SparseCodes sourceCodes = new();

    public string Name => name;
    public bool MapsRows => false;

    public void Map(ReadOnlySpan<float> sourceNS, MappedRows mapped)
    {
        WholeRows.Encode(source, before is null ? sourceNS : before.Apply(sourceNS), sourceCodes);
        map(sourceCodes, mapped.Codes);
    }
}
