namespace DriftWatch.Analysis.Encoding;

/// <summary>The one order in which a pre-activation is summed: over the width from 0 up, one fused multiply-add a step, from 0.</summary>
/// <remarks>
/// Each feature is a lane of its own in the fast paths, so they sum in this order too and give the same bits on every processor;
/// supports and event logs therefore do not depend on the machine.
/// </remarks>
internal static class DotProduct
{
    /// <param name="inputD">The row after <see cref="RowNormalization.Apply"/>.</param>
    public static float Of(ReadOnlySpan<float> inputD, ReadOnlySpan<float> encoderDF, int feature, int features)
    {
        var sum = 0f;
        for (var i = 0; i < inputD.Length; i++) sum = MathF.FusedMultiplyAdd(inputD[i], encoderDF[i * features + feature], sum);
        return sum;
    }
}
