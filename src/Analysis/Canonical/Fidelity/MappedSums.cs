using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>One view's rows ŷ and features ĉ beside the native y and c of the same tokens.</summary>
internal sealed class MappedSums(SparseAutoencoder reference)
{
    /// <summary>Statistics of <see cref="Features"/>; the last is Σ c ĉ.</summary>
    public const int Sum = 0, Squares = 1, Products = 2;

    public double[] FiredL { get; } = new double[Resampling.Lanes];
    public double[] FiredBothL { get; } = new double[Resampling.Lanes];

    /// <summary>Σ‖y − ŷ‖².</summary>
    public double[] ErrorL { get; } = new double[Resampling.Lanes];

    /// <summary>Σ‖ŷ − D(ĉ)‖²: does the dictionary fit the mapped rows?</summary>
    public double[] OwnErrorL { get; } = new double[Resampling.Lanes];

    /// <summary>Σ‖y − D(ĉ)‖²: what the features that came through the map leave unexplained of the target.</summary>
    public double[] ThroughErrorL { get; } = new double[Resampling.Lanes];
    public Spread Spread { get; } = new(reference.Width);
    public FeatureSums Features { get; } = new(reference.Features, 3);
    public long[] FiringsF { get; } = new long[reference.Features];

    private readonly Reconstruction reconstruction = new(reference);
    private readonly float[] decodedT = new float[reference.Width];
    private float[] pairedNT = [];

    /// <summary>A whole sequence.</summary>
    /// <param name="nativeNT">Its rows; their features are those of <paramref name="native"/> from row <paramref name="first"/> on.</param>
    /// <param name="mapped">The view's, in its rows <paramref name="firstMapped"/> to <paramref name="firstMapped"/> + <paramref name="rowsMapped"/> − 1: over again where they are fewer.</param>
    public void Add(ReadOnlySpan<float> nativeNT, SparseCodes native, int first, MappedRows mapped, bool mapsRows, int firstMapped, int rowsMapped, ReadOnlySpan<double> weightsL)
    {
        var width = reference.Width;
        var rows = nativeNT.Length / width;
        if (pairedNT.Length < rows * width) pairedNT = new float[rows * width];
        var (error, own, through, fired, both) = (0.0, 0.0, 0.0, 0, 0);
        for (var row = 0; row < rows; row++)
        {
            var at = firstMapped + row % rowsMapped;
            var y = nativeNT.Slice(row * width, width);
            reconstruction.Decode(mapsRows ? mapped.Row(at, width) : y, mapped.Codes.FeaturesOf(at), mapped.Codes.ValuesOf(at), decodedT);
            var yMapped = mapsRows ? mapped.Row(at, width) : decodedT;
            yMapped.CopyTo(pairedNT.AsSpan(row * width));
            error += Energy.OfDifference(y, yMapped);
            own += Energy.OfDifference(yMapped, decodedT);
            through += Energy.OfDifference(y, decodedT);
            fired += mapped.Codes.FeaturesOf(at).Length;
            both += AddFeatures(native.FeaturesOf(first + row), native.ValuesOf(first + row), mapped.Codes.FeaturesOf(at), mapped.Codes.ValuesOf(at));
        }
        Features.EndSequence(weightsL);
        Spread.Add(pairedNT.AsSpan(0, rows * width), weightsL);
        Resampling.Add(ErrorL, weightsL, error);
        Resampling.Add(OwnErrorL, weightsL, own);
        Resampling.Add(ThroughErrorL, weightsL, through);
        Resampling.Add(FiredL, weightsL, fired);
        Resampling.Add(FiredBothL, weightsL, both);
    }

    /// <returns>How many fire on both sides.</returns>
    private int AddFeatures(ReadOnlySpan<int> native, ReadOnlySpan<float> nativeValues, ReadOnlySpan<int> mapped, ReadOnlySpan<float> mappedValues)
    {
        var (both, n) = (0, 0);
        for (var m = 0; m < mapped.Length; m++)
        {
            var feature = mapped[m];
            Features.Add(feature, Sum, mappedValues[m]);
            Features.Add(feature, Squares, (double)mappedValues[m] * mappedValues[m]);
            FiringsF[feature]++;
            while (n < native.Length && native[n] < feature) n++;
            if (n == native.Length || native[n] != feature) continue;
            Features.Add(feature, Products, (double)nativeValues[n] * mappedValues[m]);
            both++;
        }
        return both;
    }
}
