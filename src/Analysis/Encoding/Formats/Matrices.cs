namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>What weights need when they are read.</summary>
internal static class Matrices
{
    /// <summary>In place.</summary>
    public static void Scale(Span<float> values, float factor)
    {
        foreach (ref var value in values) value *= factor;
    }

    public static float[] Scaled(float[] values, float factor)
    {
        var scaled = values.ToArray();
        Scale(scaled, factor);
        return scaled;
    }
}
