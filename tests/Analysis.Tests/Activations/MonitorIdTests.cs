using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Tests.Activations;

public sealed class MonitorIdTests
{
    [Theory]
    [InlineData("acme/support-bot", "2026-11-20.3", "blocks.12.hook_resid_post")]
    [InlineData("m", "v@2", "a/b@c")]
    [InlineData("größe", "1", "h")]
    public void What_is_printed_reads_back(string model, string version, string hook)
    {
        var monitor = new MonitorId(model, version, hook);

        Assert.Null(monitor.Problem);
        Assert.True(MonitorId.TryParse(monitor.ToString(), out var read));
        Assert.Equal(monitor, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("model")]
    [InlineData("@1/h")]
    [InlineData("m@/h")]
    [InlineData("m@1/")]
    [InlineData("m@1")]
    [InlineData("m/1@h")]
    [InlineData("m\n@1/h")]
    public void What_is_no_monitor_does_not_parse(string text) => Assert.False(MonitorId.TryParse(text, out _));

    [Fact]
    public void A_part_that_would_not_read_back_is_a_problem()
    {
        Assert.Contains("'@'", new MonitorId("a@b", "1", "h").Problem, StringComparison.Ordinal);
        Assert.Contains("'/'", new MonitorId("a", "1/2", "h").Problem, StringComparison.Ordinal);
        Assert.Contains("empty", new MonitorId("a", "1", "").Problem, StringComparison.Ordinal);
        Assert.Contains("201", new MonitorId("a", new string('1', 201), "h").Problem, StringComparison.Ordinal);
    }
}
