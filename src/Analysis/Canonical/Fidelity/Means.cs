namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Mean and spread of rows in memory.</summary>
internal static class Means
{
    public static double[] Of(ReadOnlySpan<float> rowsND, int width)
    {
        var mean = new double[width];
        for (var at = 0; at < rowsND.Length; at += width)
            for (var i = 0; i < width; i++) mean[i] += rowsND[at + i];
        var rows = Math.Max(1, rowsND.Length / width);
        for (var i = 0; i < width; i++) mean[i] /= rows;
        return mean;
    }

    /// <summary>Σ‖x − x̄‖².</summary>
    public static double SpreadOf(ReadOnlySpan<float> rowsND, int width)
    {
        var mean = Of(rowsND, width);
        var spread = 0.0;
        for (var at = 0; at < rowsND.Length; at += width)
            for (var i = 0; i < width; i++) spread += (rowsND[at + i] - mean[i]) * (rowsND[at + i] - mean[i]);
        return spread;
    }
}
