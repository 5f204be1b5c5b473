namespace DriftWatch.Analysis.Encoding;

/// <summary>How exactly the product of rows and weights is taken. The processor always takes <see cref="Fp32"/>.</summary>
public enum Precision
{
    /// <summary>24 bits of every number. A GPU sums in another order than the processor: values differ by about 1e-6 of the row's largest, and with them a feature that stands that near its threshold.</summary>
    Fp32,

    /// <summary>11 bits of every factor, sums in float32: the tensor cores of Ampere and later.</summary>
    Tf32,

    /// <summary>8 bits of every factor and of the result.</summary>
    Bf16,
}
