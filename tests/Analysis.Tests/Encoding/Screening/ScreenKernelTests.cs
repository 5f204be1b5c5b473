using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Screening;

namespace DriftWatch.Analysis.Tests.Encoding.Screening;

public sealed unsafe class ScreenKernelTests
{
    public static TheoryData<string> Names() => [.. ScreenKernel.All.Where(kernel => kernel.IsSupported).Select(kernel => kernel.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Every_sum_is_the_whole_number_that_it_should_be(string name)
    {
        var kernel = ScreenKernel.All.Single(kernel => kernel.Name == name);
        var random = new Random(1);
        foreach (var quads in new[] { 1, 4, 12, 200, ScreenKernel.WidthMaximum / 4 })
            foreach (var extreme in new[] { false, true })
            {
                int most = kernel.Offset - 1, width = quads * 4;
                var rows = new int[kernel.Rows, width];
                var weights = new int[kernel.Features, width];
                for (var i = 0; i < width; i++)
                {
                    for (var row = 0; row < kernel.Rows; row++) rows[row, i] = extreme ? most * (row % 2 == 0 ? 1 : -1) : random.Next(-most, most + 1);
                    for (var f = 0; f < kernel.Features; f++) weights[f, i] = extreme ? ScreenKernel.WeightMaximum * (f % 2 == 0 ? 1 : -1) : random.Next(-127, 128);
                }

                var tile = Sum(kernel, rows, weights, width);

                for (var row = 0; row < kernel.Rows; row++)
                    for (var f = 0; f < kernel.Features; f++)
                        Assert.Equal(Enumerable.Range(0, width).Sum(i => (long)rows[row, i] * weights[f, i]), tile[row * kernel.Features + f]);
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void Every_sum_of_a_pair_is_the_whole_number_that_it_should_be(string name)
    {
        var kernel = ScreenKernel.All.Single(kernel => kernel.Name == name);
        var random = new Random(2);
        foreach (var width in new[] { 64, 192, 2304, ScreenKernel.WidthMaximum })
            foreach (var extreme in new[] { false, true })
            {
                const int Rows = 3, Places = 5, Before = 7;
                var (x, w) = (new AlignedArray<byte>(Rows * width), new AlignedArray<sbyte>(Places * width));
                for (var i = 0; i < Rows * width; i++) x.Span[i] = (byte)(extreme ? 255 * (i / width % 2) : random.Next(256));
                for (var i = 0; i < Places * width; i++) w.Span[i] = (sbyte)(extreme ? 127 * (i / width % 2 == 0 ? 1 : -1) : random.Next(-127, 128));
                Candidate[] pairs = [.. Enumerable.Range(0, Rows * Places).Select(i => new Candidate(i / Places, i % Places, 0))];

                for (var count = 0; count <= pairs.Length; count++)
                {
                    int[] sums = [.. pairs.Select(_ => Before)];
                    kernel.AddPairs(x.Start, w.Start, width, pairs.AsSpan(0, count), sums);
                    for (var i = 0; i < pairs.Length; i++) Assert.Equal(Before + (i < count ? Enumerable.Range(0, width).Sum(j => x.Span[pairs[i].Row * width + j] * w.Span[pairs[i].Place * width + j]) : 0), sums[i]);
                }
                GC.KeepAlive((x, w));
            }
    }

    private static int[] Sum(ScreenKernel kernel, int[,] rows, int[,] weights, int width)
    {
        var (panel, group) = (new AlignedArray<sbyte>(kernel.Features * width), new AlignedArray<byte>(kernel.Rows * width));
        var (start, tile) = (new AlignedArray<int>(kernel.Features), new AlignedArray<int>(kernel.Rows * kernel.Features));
        for (var i = 0; i < width; i++)
        {
            for (var row = 0; row < kernel.Rows; row++) group.Start[i / 4 * 4 * kernel.Rows + row * 4 + i % 4] = (byte)(rows[row, i] + kernel.Offset);
            for (var f = 0; f < kernel.Features; f++)
            {
                panel.Start[i / 4 * 4 * kernel.Features + f * 4 + i % 4] = (sbyte)weights[f, i];
                start.Start[f] -= kernel.Offset * weights[f, i];
            }
        }
        kernel.Sum(panel.Start, group.Start, width / 4, start.Start, tile.Start);
        GC.KeepAlive((panel, group, start));
        return tile.Span.ToArray();
    }
}
