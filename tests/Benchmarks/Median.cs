namespace DriftWatch.Benchmarks;

internal static class Median
{
    /// <summary>Of an even number the upper one of the two in the middle.</summary>
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
