using System.Text.Json;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary><c>driftwatch plan</c> as a person uses it.</summary>
public sealed class PlanCommandTests
{
    private static readonly string[] small = ["plan", "--rows-per-second", "50", "--model-width", "16", "--features", "64", "--l0", "4"];

    [Fact]
    public async Task A_small_load_takes_one_core_and_nothing_is_sampled_away()
    {
        var run = await Program.RunAsync([.. small, "--json"]);

        Assert.Equal(0, run.ExitCode);
        var report = JsonDocument.Parse(run.Output).RootElement;
        var (load, measured, plan) = (report.GetProperty("load"), report.GetProperty("measured"), report.GetProperty("plan"));
        Assert.Equal((1, 1, 1), (plan.GetProperty("daemons").GetInt32(), plan.GetProperty("cores").GetInt32(), plan.GetProperty("partitions").GetInt32()));
        Assert.Equal(1, plan.GetProperty("share").GetDouble());
        // 16 numbers of two bytes, four of the sequence's id, and the header's share.
        Assert.InRange(load.GetProperty("megabytesPerSecond").GetDouble(), 50 * 36 / 1e6, 50 * 38 / 1e6);
        foreach (var name in new[] { "encodeRowsPerSecondOneThread", "encodeRowsPerSecondAllThreads", "aroundRowsPerSecond" }) Assert.True(measured.GetProperty(name).GetDouble() > 0, name);
        // Of a GPU either a figure, or why there is none.
        Assert.NotEqual(measured.GetProperty("encodeRowsPerSecondGpu").ValueKind, measured.GetProperty("gpuProblem").ValueKind);
    }

    [Fact]
    public async Task What_one_daemon_does_not_take_is_said_in_words()
    {
        var run = await Program.RunAsync(["plan", "--rows-per-second", "1e9", "--model-width", "16", "--features", "64", "--l0", "4", "--bytes-per-value", "4", "--cores", "1"]);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("encoding, 1 thread", run.Output, StringComparison.Ordinal);
        Assert.Contains("One daemon of 1 core does not take them all. Sample 0.", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_wrong_options_are_explained_at_once_and_nothing_is_measured()
    {
        var run = await Program.RunAsync([.. "plan --rows-per-second 0 --model-width -4 --features 64 --l0 64 --bytes-per-value 3 --cores 0 --partition-mb NaN".Split(' ')]);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        foreach (var mentions in new[] { "--rows-per-second is 0", "--model-width is -4", "--l0 is 64. Use 1 or more, and less than --features (64)", "--bytes-per-value is 3", "--cores is 0", "--partition-mb is NaN" })
            Assert.Contains(mentions, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dictionary_that_memory_does_not_hold_is_refused_before_it_is_made()
    {
        var run = await Program.RunAsync([.. "plan --rows-per-second 1 --model-width 2000000 --features 2000000".Split(' ')]);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("takes 60,000 GB of weights, more than half of this machine's", run.Error, StringComparison.Ordinal);
    }
}
