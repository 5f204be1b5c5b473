namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Sums per feature, sequence by sequence: of all features as they are, of some in every lane of the bootstrap.</summary>
/// <remarks>Memory: at most 2,048 features have lanes, so that a dictionary of 65,536 takes no more; those are spread evenly over the dictionary.</remarks>
internal sealed class FeatureSums(int features, int statistics)
{
    private const int FeaturesResampledMaximum = 2048;

    private readonly int stride = (features + FeaturesResampledMaximum - 1) / FeaturesResampledMaximum;
    private readonly double[] sumFK = new double[features * statistics];
    private readonly double[] lanesFKL = new double[(features + FeaturesResampledMaximum - 1) / FeaturesResampledMaximum is var s && s > 0 ? (features + s - 1) / s * statistics * Resampling.Lanes : 0];
    private readonly double[] sequenceFK = new double[features * statistics];
    private readonly bool[] touched = new bool[features];
    private readonly List<int> touchedFeatures = [];

    public bool IsResampled(int feature) => feature % stride == 0;

    /// <summary>Of the sequence in progress.</summary>
    public void Add(int feature, int statistic, double value)
    {
        if (!touched[feature])
        {
            touched[feature] = true;
            touchedFeatures.Add(feature);
        }
        sequenceFK[feature * statistics + statistic] += value;
    }

    public void EndSequence(ReadOnlySpan<double> weightsL)
    {
        foreach (var feature in touchedFeatures)
        {
            for (var k = 0; k < statistics; k++)
            {
                var value = sequenceFK[feature * statistics + k];
                sequenceFK[feature * statistics + k] = 0;
                sumFK[feature * statistics + k] += value;
                if (IsResampled(feature) && value != 0) Resampling.Add(LanesOf(feature, k), weightsL, value);
            }
            touched[feature] = false;
        }
        touchedFeatures.Clear();
    }

    /// <summary>Lane 0 of any feature, or any lane of one that is resampled.</summary>
    public double Of(int feature, int statistic, int lane) => lane == 0 ? sumFK[feature * statistics + statistic] : LanesOf(feature, statistic)[lane];

    private Span<double> LanesOf(int feature, int statistic) => lanesFKL.AsSpan((feature / stride * statistics + statistic) * Resampling.Lanes, Resampling.Lanes);
}
