using DriftWatch.Analysis.Canonical;

namespace DriftWatch.Analysis.Tests.Canonical;

public sealed class FeatureLabelsTests
{
    [Fact]
    public void Labels_tags_and_parents_are_read()
    {
        var (labels, problems) = Read("feature,label,tags,parent\n812,\"hostile, \"\"loud\"\" text\",harm;tone safety,90\n\n3,plain\n");

        Assert.Empty(problems);
        var hostile = labels.ById[812];
        Assert.Equal(("hostile, \"loud\" text", "90"), (hostile.Label, hostile.Parent));
        Assert.Equal(["harm", "tone", "safety"], hostile.Tags);
        Assert.Equal("plain", labels.Of(3));
        Assert.Null(labels.Of(4));
        Assert.Equal(2, labels.ById.Count);
    }

    [Fact]
    public void Tags_and_parents_may_be_left_out_and_lines_may_end_as_on_Windows()
    {
        var (labels, problems) = Read("feature,label\r\n1,one\r\n2,two\r\n");

        Assert.Empty(problems);
        Assert.Equal("two", labels.Of(2));
        Assert.Empty(labels.ById[1].Tags);
    }

    [Fact]
    public void All_problems_are_named_by_line_at_once()
    {
        var (labels, problems) = Read("feature,label,tags\n1000,too high\n-1,negative\nx,no number\n5,a,b,c\n6,six\n6,again\n7,seven");

        Assert.Equal([2, 3, 4, 5, 7], problems.Select(problem => int.Parse(problem.Split(' ', ':')[1])));
        Assert.Contains("0 to 999", problems[0], StringComparison.Ordinal);
        Assert.Contains("Quote a label", problems[3], StringComparison.Ordinal);
        Assert.Equal("six", labels.Of(6));
        Assert.Equal("seven", labels.Of(7));
    }

    [Theory]
    [InlineData("")]
    [InlineData("label,feature\n1,x")]
    [InlineData("feature,label,colour\n1,x,red")]
    public void Other_columns_are_refused_with_the_ones_to_use(string csv)
    {
        var (labels, problems) = Read(csv);

        Assert.Contains("feature,label", Assert.Single(problems), StringComparison.Ordinal);
        Assert.Empty(labels.ById);
    }

    private static (FeatureLabels Labels, IReadOnlyList<string> Problems) Read(string csv) => FeatureLabels.Read(new StringReader(csv), features: 1000);
}
