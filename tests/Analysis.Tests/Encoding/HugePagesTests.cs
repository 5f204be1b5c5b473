using System.Globalization;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Encoding;

public sealed class HugePagesTests
{
    private const string Smaps = "/proc/self/smaps";

    [Fact]
    public unsafe void A_large_array_lies_in_pages_that_may_be_huge_and_holds_what_is_written()
    {
        Assert.SkipUnless(File.Exists(Smaps) && File.Exists("/sys/kernel/mm/transparent_hugepage/enabled"), "this system has no huge pages that are asked for (Linux, transparent_hugepage)");
        var array = HugePages.Array(5 * HugePages.Size);
        for (var i = 0; i < array.Length; i++) array[i] = i;
        fixed (float* first = array) Assert.Contains("hg", FlagsAt((nuint)(first + array.Length / 2)).Split(' '));
        for (var i = 0; i < array.Length; i += 1000) Assert.Equal(i, array[i]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(HugePages.Size)]
    public void An_array_has_the_length_asked_for(int length) => Assert.Equal(length, HugePages.Array(length).Length);

    /// <summary>Of the mapping that holds the address; <c>hg</c> where huge pages were asked for.</summary>
    private static string FlagsAt(nuint address)
    {
        var holds = false;
        foreach (var line in File.ReadLines(Smaps))
        {
            var first = line.Split(' ')[0];
            if (first.Split('-') is [var start, var end] && ulong.TryParse(start, NumberStyles.HexNumber, null, out var from) && ulong.TryParse(end, NumberStyles.HexNumber, null, out var to)) holds = from <= address && address < to;
            else if (holds && first == "VmFlags:") return line;
        }
        return "";
    }
}
