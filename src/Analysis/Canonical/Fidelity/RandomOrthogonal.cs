namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>A random map that keeps lengths: what is left when everything about a map is right but its direction.</summary>
internal static class RandomOrthogonal
{
    /// <summary>y = ȳ + s (x − x̄) Q, with Q random and s such that the rows spread as the target's do.</summary>
    public static AffineTransform Matching(ReadOnlySpan<float> sourceNS, ReadOnlySpan<float> targetNT, int sourceWidth, int targetWidth, FastRandom random)
    {
        var (sourceMean, targetMean) = (Means.Of(sourceNS, sourceWidth), Means.Of(targetNT, targetWidth));
        var qST = Matrix(sourceWidth, targetWidth, random);
        var turned = new AffineTransform([.. qST.Select(q => (float)q)], new float[targetWidth], null, "random").Apply(sourceNS);
        var spread = Means.SpreadOf(turned, targetWidth);
        var scale = spread > 0 ? Math.Sqrt(Means.SpreadOf(targetNT, targetWidth) / spread) : 1;
        var offsetT = new float[targetWidth];
        for (var t = 0; t < targetWidth; t++)
        {
            var shift = 0.0;
            for (var s = 0; s < sourceWidth; s++) shift += sourceMean[s] * qST[s * targetWidth + t];
            offsetT[t] = (float)(targetMean[t] - scale * shift);
        }
        return new([.. qST.Select(q => (float)(scale * q))], offsetT, null, "random");
    }

    /// <summary>[S, T] with orthonormal rows (S ≤ T) or columns: Gaussian vectors, made orthogonal one after another (modified Gram–Schmidt), so uniform over all such.</summary>
    internal static double[] Matrix(int sourceWidth, int targetWidth, FastRandom random)
    {
        var (few, many) = (Math.Min(sourceWidth, targetWidth), Math.Max(sourceWidth, targetWidth));
        var vectors = new double[few][];
        for (var v = 0; v < few; v++)
        {
            var vector = new double[many];
            for (var i = 0; i < many; i++) vector[i] = random.NextGaussian();
            for (var before = 0; before < v; before++) Doubles.AddScaled(vector, vectors[before], -Doubles.Dot(vector, vectors[before]));
            var norm = Math.Sqrt(Doubles.Dot(vector, vector));
            for (var i = 0; i < many; i++) vector[i] /= norm;
            vectors[v] = vector;
        }
        var matrixST = new double[sourceWidth * targetWidth];
        for (var s = 0; s < sourceWidth; s++)
            for (var t = 0; t < targetWidth; t++) matrixST[s * targetWidth + t] = sourceWidth <= targetWidth ? vectors[s][t] : vectors[t][s];
        return matrixST;
    }
}
