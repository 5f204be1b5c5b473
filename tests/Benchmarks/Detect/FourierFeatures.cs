using DriftWatch.Analysis;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>Random Fourier features of the kernel exp(−γ‖x − y‖²): φ(x) = (cos w·x, sin w·x)/√(R/2), w ~ N(0, 2γ). φ(x)·φ(y) ≈ k(x, y), and ‖φ(x)‖ = 1. Rahimi and Recht (2007).</summary>
internal sealed class FourierFeatures
{
    private readonly float[] frequenciesHD;
    private readonly int width;

    public FourierFeatures(int width, int count, double gamma, FastRandom random)
    {
        (this.width, Count, Gamma) = (width, count, gamma);
        frequenciesHD = new float[count / 2 * width];
        for (var i = 0; i < frequenciesHD.Length; i++) frequenciesHD[i] = (float)(Math.Sqrt(2 * gamma) * random.NextGaussian());
    }

    public int Count { get; }
    public double Gamma { get; }

    /// <summary>γ = 1 / median² of the distances between sequence means: the usual bandwidth.</summary>
    public static FourierFeatures For(SequencePool pool, int count, FastRandom random)
    {
        const int pairs = 4001;
        var squares = new double[pairs];
        for (var pair = 0; pair < pairs; pair++)
        {
            var x = pool.MeanOf(random.Next(pool.Count));
            var y = pool.MeanOf(random.Next(pool.Count));
            for (var i = 0; i < x.Length; i++) squares[pair] += ((double)x[i] - y[i]) * (x[i] - y[i]);
        }
        Array.Sort(squares);
        return new(pool.Width, count, 1 / squares[pairs / 2], random);
    }

    public void Of(ReadOnlySpan<float> x, Span<float> featuresR)
    {
        var scale = 1 / Math.Sqrt(Count / 2);
        for (var h = 0; h < Count / 2; h++)
        {
            var phase = 0.0;
            var w = frequenciesHD.AsSpan(h * width, width);
            for (var i = 0; i < width; i++) phase += w[i] * x[i];
            featuresR[h] = (float)(scale * Math.Cos(phase));
            featuresR[Count / 2 + h] = (float)(scale * Math.Sin(phase));
        }
    }
}
