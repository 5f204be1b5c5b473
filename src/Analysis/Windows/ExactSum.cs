namespace DriftWatch.Analysis.Windows;

/// <summary>A sum that does not depend on the order of its terms: a whole number of units of 2⁻³².</summary>
/// <remarks>
/// Floating-point addition is not associative, so windows merged in another order would differ in their last bits and with them
/// every hash behind. Each term is rounded to the unit once (relative error below 1e-6 for terms above 2e-4: activations with norms
/// below 0.01 are too small for the clustered energies) and clamped to ±2⁸⁰.
/// </remarks>
public readonly record struct ExactSum(Int128 Units)
{
    private const double UnitsPerOne = 4294967296.0;
    private static readonly Int128 Most = (Int128)1 << 112;

    public static ExactSum Of(double value)
    {
        var units = Math.Round(value * UnitsPerOne);
        return new(units >= (double)Most ? Most : units <= -(double)Most ? -Most : (Int128)units);
    }

    public double Value => (double)Units / UnitsPerOne;

    /// <summary>Saturates: beyond 2⁹⁵ nothing is an activation any more, and a sum must not come back with the other sign.</summary>
    public static ExactSum operator +(ExactSum a, ExactSum b)
    {
        var sum = a.Units + b.Units;
        if (Int128.IsNegative(a.Units) != Int128.IsNegative(b.Units) || Int128.IsNegative(sum) == Int128.IsNegative(a.Units)) return new(sum);
        return new(Int128.IsNegative(a.Units) ? Int128.MinValue : Int128.MaxValue);
    }

    /// <summary>Adds up vectors.</summary>
    public static ExactSum[] Add(ExactSum[] a, ExactSum[] b)
    {
        var sum = new ExactSum[a.Length];
        for (var i = 0; i < sum.Length; i++) sum[i] = a[i] + b[i];
        return sum;
    }
}
