namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>A view's figures in every lane of the bootstrap, from the sums.</summary>
internal sealed class FidelityLanes
{
    /// <summary>A correlation above it is a match, as in the testbed's and the literature's tables.</summary>
    public const double Matched = 0.5;

    /// <summary>A feature that fires less often says nothing about the map.</summary>
    public const int FiringsMinimum = 10, FiringSequencesMinimum = 3;

    private FidelityLanes(double[] correlations) => Correlations = correlations;

    public double[] R2 { get; } = new double[Resampling.Lanes];
    public double[] FvuMapped { get; } = new double[Resampling.Lanes];
    public double[] FvuThrough { get; } = new double[Resampling.Lanes];
    public double[] CorrelationMean { get; } = new double[Resampling.Lanes];
    public double[] CorrelationMedian { get; } = new double[Resampling.Lanes];
    public double[] MatchedShare { get; } = new double[Resampling.Lanes];
    public double[] Precision { get; } = new double[Resampling.Lanes];
    public double[] Recall { get; } = new double[Resampling.Lanes];
    public double[] SupportF1 { get; } = new double[Resampling.Lanes];
    public double[] L0 { get; } = new double[Resampling.Lanes];

    /// <summary>Of each feature that fires often enough, in lane 0.</summary>
    public double[] Correlations { get; }

    public static int[] Measured(NativeSums native) =>
        [.. Enumerable.Range(0, native.FiringsF.Length).Where(feature => native.FiringsF[feature] >= FiringsMinimum && native.SequencesF[feature] >= FiringSequencesMinimum)];

    public static double[] FvuNative(NativeSums native) => [.. Enumerable.Range(0, Resampling.Lanes).Select(lane => native.ErrorL[lane] / native.Spread.Of(lane, native.RowsL[lane]))];

    public static FidelityLanes Of(NativeSums native, MappedSums mapped, int[] measured)
    {
        var lanes = new FidelityLanes([.. measured.Select(feature => Correlation(native, mapped, feature, lane: 0))]);
        int[] resampled = [.. measured.Where(native.Features.IsResampled)];
        for (var lane = 0; lane < Resampling.Lanes; lane++)
        {
            var spread = native.Spread.Of(lane, native.RowsL[lane]);
            lanes.R2[lane] = 1 - mapped.ErrorL[lane] / spread;
            lanes.FvuThrough[lane] = mapped.ThroughErrorL[lane] / spread;
            lanes.FvuMapped[lane] = mapped.OwnErrorL[lane] / mapped.Spread.Of(lane, native.RowsL[lane]);
            lanes.Precision[lane] = Ratio(mapped.FiredBothL[lane], mapped.FiredL[lane]);
            lanes.Recall[lane] = Ratio(mapped.FiredBothL[lane], native.FiredL[lane]);
            lanes.SupportF1[lane] = Ratio(2 * mapped.FiredBothL[lane], mapped.FiredL[lane] + native.FiredL[lane]);
            lanes.L0[lane] = mapped.FiredL[lane] / native.RowsL[lane];
            double[] correlations = lane == 0 ? [.. lanes.Correlations] : [.. resampled.Where(feature => native.Features.Of(feature, NativeSums.Sum, lane) != 0).Select(feature => Correlation(native, mapped, feature, lane))];   // One that was not drawn is not measured.
            Array.Sort(correlations);
            if (correlations.Length == 0) correlations = [double.NaN];
            lanes.CorrelationMean[lane] = correlations.Sum(correlation => Math.Max(0, correlation)) / correlations.Length;
            lanes.CorrelationMedian[lane] = Quantile(correlations, 0.5);
            lanes.MatchedShare[lane] = (double)correlations.Count(correlation => correlation > Matched) / correlations.Length;
        }
        return lanes;
    }

    public FidelityFigures Figures(bool mapsRows, Estimate? svcca, Estimate? cka)
    {
        var sorted = Correlations.Order().ToArray();
        return new(
            Resampling.Interval(R2), mapsRows && double.IsFinite(FvuMapped[0]) ? Resampling.Interval(FvuMapped) : null, Resampling.Interval(FvuThrough),
            Resampling.Interval(CorrelationMean).Within(0, 1), Resampling.Interval(CorrelationMedian).Within(-1, 1), [.. Enumerable.Range(1, 9).Select(decile => Quantile(sorted, decile / 10.0))], Resampling.Interval(MatchedShare).Within(0, 1),
            Resampling.Interval(Precision).Within(0, 1), Resampling.Interval(Recall).Within(0, 1), Resampling.Interval(SupportF1).Within(0, 1), Resampling.Interval(L0), svcca, cka);
    }

    /// <summary>Pearson's, over all rows of the lane; 0 where a side does not vary.</summary>
    private static double Correlation(NativeSums native, MappedSums mapped, int feature, int lane)
    {
        var rows = native.RowsL[lane];
        var (c, m) = (native.Features.Of(feature, NativeSums.Sum, lane), mapped.Features.Of(feature, MappedSums.Sum, lane));
        var (cSquares, mSquares) = (native.Features.Of(feature, NativeSums.Squares, lane), mapped.Features.Of(feature, MappedSums.Squares, lane));
        var (cSpread, mSpread) = (cSquares - c * c / rows, mSquares - m * m / rows);
        // A constant's spread is what rounding leaves.
        if (!(cSpread > 1e-9 * cSquares) || !(mSpread > 1e-9 * mSquares)) return 0;
        return Math.Clamp((mapped.Features.Of(feature, MappedSums.Products, lane) - c * m / rows) / Math.Sqrt(cSpread * mSpread), -1, 1);
    }

    private static double Ratio(double part, double whole) => whole > 0 ? part / whole : 0;

    /// <summary>Linear between order statistics, as NumPy's.</summary>
    private static double Quantile(double[] sorted, double share)
    {
        var at = share * (sorted.Length - 1);
        var below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }
}
