using DriftWatch.Analysis.Detection;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class RunTimeTests
{
    [Theory]
    [InlineData("1000 windows", 1000, false)]
    [InlineData("90 days", 90, true)]
    [InlineData(" 2.5e3  windows ", 2500, false)]
    public void Windows_or_days(string text, double amount, bool days)
    {
        Assert.True(RunTime.TryParse(text, out var runTime));
        Assert.Equal(new RunTime(amount, days), runTime);
        Assert.True(RunTime.TryParse(runTime.ToString(), out var again));
        Assert.Equal(runTime, again);
    }

    [Theory]
    [InlineData("1000")]
    [InlineData("days")]
    [InlineData("3 weeks")]
    [InlineData("")]
    [InlineData("1,000 windows x")]
    public void Anything_else_is_refused(string text) => Assert.False(RunTime.TryParse(text, out _));
}
