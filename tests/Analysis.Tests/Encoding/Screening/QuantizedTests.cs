using DriftWatch.Analysis.Encoding.Screening;

namespace DriftWatch.Analysis.Tests.Encoding.Screening;

public sealed class QuantizedTests
{
    [Theory]
    [InlineData(127, 0)]
    [InlineData(127, 128)]
    [InlineData(63, 64)]
    public void Norms_and_errors_are_no_less_than_they_are_and_hardly_more(int most, int offset)
    {
        foreach (var seed in Enumerable.Range(1, 20))
            foreach (var scale in new[] { 1e-24, 1e-9, 1, 1e13 })
            {
                var random = new Random(seed);
                var v = SomeAutoencoder.Gaussians(random, 16 * (1 + random.Next(60)), scale);
                if (seed % 2 == 0) v[random.Next(v.Length)] *= 50;
                var q = new byte[v.Length];

                var known = Quantized.Of(v, most, offset, q);

                int[] whole = [.. q.Select(some => offset == 0 ? (sbyte)some : some - offset)];
                Assert.All(whole, some => Assert.InRange(some, -most, most));
                Between(Norm(v.Select(x => (double)x)), known.Norm);
                Between(Norm(whole.Select(some => (double)known.Scale * some)), known.RoundedNorm);
                Between(Norm(v.Zip(whole, (x, some) => x - (double)known.Scale * some)), known.Error);
                Assert.All(v.Zip(whole), pair => Assert.InRange(Math.Abs(pair.First - (double)known.Scale * pair.Second), 0, 0.501 * known.Scale));
            }
    }

    [Theory]
    [InlineData(127, 0)]
    [InlineData(127, 128)]
    [InlineData(63, 64)]
    public void What_8_bits_leave_is_taken_by_8_more_and_the_error_is_of_both(int most, int offset)
    {
        foreach (var seed in Enumerable.Range(1, 20))
            foreach (var scale in new[] { 1e-20, 1e-9, 1, 1e13 })
            {
                var random = new Random(seed);
                var v = SomeAutoencoder.Gaussians(random, 16 * (1 + random.Next(60)), scale);
                var (q, more, rest) = (new byte[v.Length], new byte[v.Length], new float[v.Length]);

                var known = Quantized.Of(v, most, offset, q, rest);
                var restOffset = offset == 0 ? 0 : ScreenedRows.RestOffset;
                var knownRest = known.OfRest(rest, restOffset, more);

                static int Whole(byte some, int offset) => offset == 0 ? (sbyte)some : some - offset;
                var left = v.Select((x, i) => x - (double)known.Scale * Whole(q[i], offset) - (double)knownRest.Scale * Whole(more[i], restOffset));
                Assert.InRange(knownRest.Error, Norm(left), Norm(v.Select(x => (double)x)) / (most == 127 ? 20_000 : 8_000));
                Between(Norm(more.Select(some => (double)knownRest.Scale * Whole(some, restOffset))), knownRest.RoundedNorm);
            }
    }

    [Fact]
    public void Too_little_left_to_be_bounded_is_not_taken()
    {
        var v = new float[16];
        (v[0], v[1]) = (1e-20f, 1e-20f / 127 * 1e-7f);
        var (q, more, rest) = (new byte[16], new byte[16], new float[16]);

        var known = Quantized.Of(v, 127, 0, q, rest);

        Assert.Equal(new(0, known.Error, 0, known.Error), known.OfRest(rest, 0, more));
        Assert.All(more, some => Assert.Equal(0, some));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(1e17f)]
    [InlineData(1e-26f)]
    [InlineData(1e-44f)]
    public void What_cannot_be_bounded_in_float32_is_not_screened(float largest)
    {
        var v = new float[32];
        v[5] = largest;
        Assert.Equal(float.PositiveInfinity, Quantized.Of(v, 127, 0, new byte[32]).Error);
    }

    [Fact]
    public void Nothing_has_no_error()
    {
        var q = new byte[16];
        Assert.Equal(default, Quantized.Of(new float[16], 127, 128, q));
        Assert.All(q, some => Assert.Equal(128, some));
    }

    private static double Norm(IEnumerable<double> v) => Math.Sqrt(v.Sum(x => x * x));

    private static void Between(double exact, float bound) => Assert.InRange(bound, exact, 1.002 * exact);
}
