using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Windows;

public sealed class ExactSumTests
{
    [Fact]
    public void The_order_of_terms_does_not_matter()
    {
        Property.Holds(Property.AnySeed, 200, seed =>
        {
            var random = new Random(seed);
            var terms = Enumerable.Range(0, 100).Select(_ => Math.Exp(40 * random.NextDouble() - 10) * (random.Next(2) * 2 - 1)).ToArray();
            var sum = Sum(terms);

            random.Shuffle(terms);

            Assert.Equal(sum, Sum(terms));
            Assert.Equal(sum, Sum(terms[..30]) + Sum(terms[30..]));
        });
    }

    [Fact]
    public void A_term_is_kept_to_half_a_unit()
    {
        foreach (var value in new[] { 0, 1, -1, 0.1, -2e-4, 12345.678, 1e9, -3e-11 })
            Assert.InRange(ExactSum.Of(value).Value - value, -0.5 / (1L << 32), 0.5 / (1L << 32));
    }

    [Fact]
    public void Terms_beyond_2_to_the_80_are_clamped()
    {
        var most = Math.Pow(2, 80);
        Assert.Equal(most, ExactSum.Of(1e30).Value);
        Assert.Equal(-most, ExactSum.Of(-1e300).Value);
        Assert.Equal(most, ExactSum.Of(double.PositiveInfinity).Value);
    }

    [Fact]
    public void Vectors_are_added_index_by_index()
    {
        var sum = ExactSum.Add([ExactSum.Of(1), ExactSum.Of(2)], [ExactSum.Of(10), ExactSum.Of(-2)]);

        Assert.Equal([11, 0], sum.Select(x => x.Value));
    }

    private static ExactSum Sum(IEnumerable<double> terms) => terms.Aggregate(new ExactSum(), (sum, term) => sum + ExactSum.Of(term));
}
