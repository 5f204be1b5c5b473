using DriftWatch.Analysis.Detection;
using MathNet.Numerics;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class PolyaUrnTests
{
    [Theory]
    [InlineData(1, 20_000, 200)]
    [InlineData(21, 19_980, 2000)]
    [InlineData(201.6, 19_799.4, 50)]
    [InlineData(3, 2, 10)]
    public void An_e_value_is_one_on_average_under_the_urn(double a, double b, int n)
    {
        foreach (var more in new[] { 0.001, 0.01, 0.05, 0.5 })
        {
            var (mean, mass) = (0.0, 0.0);
            for (var x = 0; x <= n; x++)
            {
                var log = LogProbability(a, b, n, x);
                mean += Math.Exp(log + PolyaUrn.LogEValue(a, b, n, x, more));
                mass += Math.Exp(log);
            }

            Assert.Equal(1, mass, 1e-6);
            Assert.Equal(1, mean, 1e-6);
        }
    }

    [Fact]
    public void More_exceedances_never_say_less()
    {
        var values = Enumerable.Range(0, 200).Select(x => PolyaUrn.LogEValue(21, 19_980, 2000, x, 0.002)).ToArray();

        Assert.Equal(values.Order(), values);
        Assert.True(values[0] < 0 && values[^1] > 0);
    }

    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.5, 1)]
    [InlineData(1, 8)]
    [InlineData(1, 9)]
    [InlineData(11.5, 40)]
    [InlineData(150_000, 2000)]
    [InlineData(1e7, 100_000)]
    public void A_rise_is_a_difference_of_log_gammas(double a, long x)
    {
        var expected = SpecialFunctions.GammaLn(a + x) - SpecialFunctions.GammaLn(a);

        Assert.Equal(expected, PolyaUrn.LogRise(a, x), 1e-9 * Math.Max(1, SpecialFunctions.GammaLn(a + x)));
    }

    /// <summary>One sequence after another: the urn as it is told.</summary>
    private static double LogProbability(double a, double b, int n, int x) =>
        SpecialFunctions.BinomialLn(n, x) + PolyaUrn.LogRise(a, x) + PolyaUrn.LogRise(b, n - x) - PolyaUrn.LogRise(a + b, n);
}
