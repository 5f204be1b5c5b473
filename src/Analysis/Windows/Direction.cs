namespace DriftWatch.Analysis.Windows;

/// <summary>How a probe's scores of rows become one of their sequence.</summary>
public enum Aggregation
{
    Max,
    Mean,

    /// <summary>The largest mean over so many rows in a row.</summary>
    Rolling,
}

/// <summary>A linear probe on canonical activations, w·x + b: a direction that a hazard rule watches.</summary>
/// <param name="Key">Tells probes with other weights or aggregation apart.</param>
/// <param name="RollingRows">Rows of a rolling mean; a shorter sequence is taken whole.</param>
public sealed record Direction(string Key, float[] WeightsD, double Bias, Aggregation Aggregation, int RollingRows)
{
    public string ScoreName => ScoreNames.DirectionPrefix + Key;

    /// <summary>The score of one sequence: O(rows × width).</summary>
    public double Score(ReadOnlySpan<float> rowsND)
    {
        var n = rowsND.Length / WeightsD.Length;
        var scores = new double[n];
        for (var row = 0; row < n; row++)
        {
            var rowD = rowsND.Slice(row * WeightsD.Length, WeightsD.Length);
            var score = Bias;
            for (var i = 0; i < rowD.Length; i++) score += (double)WeightsD[i] * rowD[i];
            scores[row] = score;
        }
        var length = Aggregation switch { Aggregation.Max => 1, Aggregation.Mean => n, _ => Math.Min(RollingRows, n) };
        var sum = 0.0;
        for (var row = 0; row < length; row++) sum += scores[row];
        var best = sum;
        for (var row = length; row < n; row++) best = Math.Max(best, sum += scores[row] - scores[row - length]);
        return best / length;
    }
}
