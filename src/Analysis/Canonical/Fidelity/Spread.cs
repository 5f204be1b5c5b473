using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Σ‖x − x̄‖² of rows, in every lane.</summary>
internal sealed class Spread(int width)
{
    private readonly double[] energyL = new double[Resampling.Lanes];
    private readonly double[] sumDL = new double[width * Resampling.Lanes];
    private readonly double[] sequenceD = new double[width];

    /// <summary>A whole sequence.</summary>
    public void Add(ReadOnlySpan<float> rowsND, ReadOnlySpan<double> weightsL)
    {
        Array.Clear(sequenceD);
        for (var at = 0; at < rowsND.Length; at += width)
            for (var i = 0; i < width; i++) sequenceD[i] += rowsND[at + i];
        for (var i = 0; i < width; i++) Resampling.Add(sumDL.AsSpan(i * Resampling.Lanes, Resampling.Lanes), weightsL, sequenceD[i]);
        Resampling.Add(energyL, weightsL, Energy.Of(rowsND));
    }

    /// <returns>0 where the rows do not vary beyond rounding.</returns>
    public double Of(int lane, double rows)
    {
        var square = 0.0;
        for (var i = 0; i < width; i++) square += sumDL[i * Resampling.Lanes + lane] * sumDL[i * Resampling.Lanes + lane];
        var spread = energyL[lane] - square / rows;
        return spread > 1e-9 * energyL[lane] ? spread : 0;
    }
}
