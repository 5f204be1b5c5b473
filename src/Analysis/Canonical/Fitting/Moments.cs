namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>All that linear maps need to know of paired rows, in float64: count, Σx, Σy, Σxxᵀ, Σxyᵀ and Σy² per column. Its size does not depend on the number of rows.</summary>
/// <remarks>Rows are taken in chunks of one length, counted from the first row, so the sums do not depend, to the bit, on how the stream was cut.</remarks>
internal sealed class Moments(int sourceWidth, int targetWidth)
{
    private const int ChunkRows = 256;

    /// <summary>What a constant column has left, of its Σx², after its mean is subtracted: rounding.</summary>
    private const double RoundingShare = 1e-12;

    private Matrix<double>? chunkKS;
    private Matrix<double>? chunkKT;
    private int waiting;

    public long Count { get; private set; }
    public double[] SourceS { get; } = new double[sourceWidth];
    public double[] TargetT { get; } = new double[targetWidth];
    public double[] TargetSquaresT { get; } = new double[targetWidth];

    /// <summary>Only the upper half counts.</summary>
    public Matrix<double> SourceSS { get; } = new(sourceWidth, sourceWidth);
    public Matrix<double> CrossST { get; } = new(sourceWidth, targetWidth);

    public void Add(ReadOnlySpan<float> sourceS, ReadOnlySpan<float> targetT, Products<double> products)
    {
        chunkKS ??= new(ChunkRows, sourceWidth);
        chunkKT ??= new(ChunkRows, targetWidth);
        Widen(sourceS, chunkKS.Row(waiting));
        Widen(targetT, chunkKT.Row(waiting));
        if (++waiting == ChunkRows) TakeChunk(products);
    }

    /// <summary>No rows come any more; the buffers go.</summary>
    public void End(Products<double> products)
    {
        TakeChunk(products);
        (chunkKS, chunkKT) = (null, null);
    }

    /// <summary>As if all these rows had been one's own; with −1 as if the other's had not.</summary>
    public void Add(Moments other, int sign = 1)
    {
        Count += sign * other.Count;
        AddTo(SourceS, other.SourceS, sign);
        AddTo(TargetT, other.TargetT, sign);
        AddTo(TargetSquaresT, other.TargetSquaresT, sign);
        AddTo(SourceSS.Values, other.SourceSS.Values, sign);
        AddTo(CrossST.Values, other.CrossST.Values, sign);
    }

    /// <summary>About their own means.</summary>
    public CentredMoments Centred() => About([.. SourceS.Select(sum => sum / Count)], [.. TargetT.Select(sum => sum / Count)]);

    /// <summary>Σ(x−m)(x−m)ᵀ and so on, for any m.</summary>
    public CentredMoments About(double[] sourceMeanS, double[] targetMeanT)
    {
        var (sourceSS, crossST) = (SourceSS.Copy(), CrossST.Copy());
        for (var i = 0; i < sourceWidth; i++)
        {
            var ofI = sourceSS.Row(i);
            var crossOfI = crossST.Row(i);
            for (var j = i; j < sourceWidth; j++) ofI[j] -= SourceS[i] * sourceMeanS[j] + sourceMeanS[i] * SourceS[j] - Count * sourceMeanS[i] * sourceMeanS[j];
            for (var t = 0; t < targetWidth; t++) crossOfI[t] -= SourceS[i] * targetMeanT[t] + sourceMeanS[i] * TargetT[t] - Count * sourceMeanS[i] * targetMeanT[t];
            for (var j = 0; j < i; j++) ofI[j] = sourceSS[j, i];
        }
        for (var i = 0; i < sourceWidth; i++)
        {
            if (sourceSS[i, i] > RoundingShare * SourceSS[i, i]) continue;
            for (var j = 0; j < sourceWidth; j++) sourceSS[i, j] = sourceSS[j, i] = 0;
            crossST.Row(i).Clear();
        }
        var energy = 0.0;
        for (var t = 0; t < targetWidth; t++) energy += TargetSquaresT[t] - 2 * targetMeanT[t] * TargetT[t] + Count * targetMeanT[t] * targetMeanT[t];
        return new(Count, sourceMeanS, targetMeanT, sourceSS, crossST, energy);
    }

    private void TakeChunk(Products<double> products)
    {
        if (waiting == 0) return;
        for (var row = 0; row < waiting; row++)
        {
            AddTo(SourceS, chunkKS!.Row(row), 1);
            AddTo(TargetT, chunkKT!.Row(row), 1);
            var targetT = chunkKT.Row(row);
            for (var t = 0; t < targetWidth; t++) TargetSquaresT[t] += targetT[t] * targetT[t];
        }
        products.Add(SourceSS.View(), 1, chunkKS!.Transposed(waiting), chunkKS.View(waiting), upperOnly: true);
        products.Add(CrossST.View(), 1, chunkKS.Transposed(waiting), chunkKT!.View(waiting));
        Count += waiting;
        waiting = 0;
    }

    private static void AddTo(Span<double> sums, ReadOnlySpan<double> more, int sign)
    {
        for (var i = 0; i < sums.Length; i++) sums[i] += sign * more[i];
    }

    private static void Widen(ReadOnlySpan<float> from, Span<double> to)
    {
        for (var i = 0; i < to.Length; i++) to[i] = from[i];
    }
}

/// <summary>Second moments about a point: <see cref="SourceSS"/> = Σ(x−m)(x−m)ᵀ, whole; <see cref="CrossST"/> = Σ(x−m)(y−m′)ᵀ; <see cref="TargetEnergy"/> = Σ‖y−m′‖².</summary>
internal sealed record CentredMoments(long Count, double[] SourceMeanS, double[] TargetMeanT, Matrix<double> SourceSS, Matrix<double> CrossST, double TargetEnergy)
{
    /// <summary>tr Σ(x−m)(x−m)ᵀ = Σ‖x−m‖².</summary>
    public double SourceEnergy => Enumerable.Range(0, SourceSS.Rows).Sum(i => SourceSS[i, i]);

    /// <summary>Σ‖(y−m′) − (x−m)A‖².</summary>
    public double ErrorOf(Matrix<double> aST, Products<double> products)
    {
        var mappedST = new Matrix<double>(aST.Rows, aST.Columns);
        products.Add(mappedST.View(), 1, SourceSS.View(), aST.View());
        return TargetEnergy - 2 * Dot(aST.Values, CrossST.Values) + Dot(aST.Values, mappedST.Values);
    }

    private static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++) sum += x[i] * y[i];
        return sum;
    }
}
