namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>One side's mean row and one factor, the root mean square of what is left: x̃ = (x − mean) / factor. The side's geometry stays as it is.</summary>
internal sealed class SideScale
{
    private readonly int width;
    private readonly float[] meanD;
    private readonly float factor;

    /// <param name="energy">Mean ‖x − mean‖².</param>
    public SideScale(double[] meanD, double energy)
    {
        width = meanD.Length;
        this.meanD = Array.ConvertAll(meanD, mean => (float)mean);
        // A side that does not vary at all is only centred.
        factor = energy > 0 ? (float)Math.Sqrt(energy / width) : 1;
    }

    public double Factor => factor;

    public void Scale(ReadOnlySpan<float> rowD, Span<float> scaledD)
    {
        for (var d = 0; d < width; d++) scaledD[d] = (rowD[d] - meanD[d]) / factor;
    }

    /// <summary>The same layer on rows as they are: (x − mean)/factor · W + b.</summary>
    public (float[] W, float[] B) Unscaled(Matrix<float> encoder)
    {
        var (w, b) = (new float[width * encoder.Columns], Array.ConvertAll(encoder.Row(width).ToArray(), value => (double)value));
        for (var d = 0; d < width; d++)
            for (var o = 0; o < b.Length; o++)
            {
                w[d * b.Length + o] = encoder[d, o] / factor;
                b[o] -= (double)meanD[d] * w[d * b.Length + o];
            }
        return (w, Array.ConvertAll(b, value => (float)value));
    }

    /// <summary>The same layer, with rows as they are coming out: (z W + b) · factor + mean.</summary>
    public (float[] W, float[] B) Rescaled(Matrix<float> decoder)
    {
        var latent = decoder.Rows - 1;
        return ([.. decoder.Values[..(latent * width)].ToArray().Select(value => value * factor)], [.. decoder.Row(latent).ToArray().Select((value, d) => value * factor + meanD[d])]);
    }
}
