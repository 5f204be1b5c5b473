using DriftWatch.Daemon.Capacity;

namespace DriftWatch.Daemon.Tests.Capacity;

public sealed class CapacityPlanTests
{
    // One core: 1 / (1/9000 + 1/1000) = 900 rows/s; two: 1 / (1/9000 + 1/1800) = 1500; four: 1 / (1/9000 + 1/3600) = 2571.
    private static readonly MeasuredSpeed speed = new(EncodeOne: 1000, EncodeAll: 1800, Threads: 2, Around: 9000, EncodeGpu: null);

    private static Load Of(double rowsPerSecond, int cores = 2, double bytesPerRow = 4000) => new(rowsPerSecond, bytesPerRow, cores, PartitionMegabytes: 10);

    [Fact]
    public void A_daemon_does_one_thing_after_the_other()
    {
        Assert.Equal([900, 1500, 2571.4], [Math.Round(speed.OnCores(1), 1), Math.Round(speed.OnCores(2), 1), Math.Round(speed.OnCores(4), 1)]);
        Assert.True(speed.OnCores(1024) < speed.Around, "what is not encoding has one thread");
    }

    [Fact]
    public void More_cores_are_never_slower_than_one()
    {
        var disturbed = speed with { EncodeAll = 500 };

        Assert.Equal(disturbed.OnCores(1), disturbed.OnCores(2));
    }

    [Theory]
    [InlineData(600, 1, 1)]     // 0.7 · 900 = 630
    [InlineData(640, 1, 2)]
    [InlineData(1040, 1, 2)]    // 0.7 · 1500 = 1050
    [InlineData(1060, 2, 4)]
    [InlineData(10_000, 10, 20)]
    public void As_few_cores_as_do_and_daemons_when_one_is_not_enough(double rowsPerSecond, long daemons, long cores)
    {
        var plan = CapacityPlan.For(Of(rowsPerSecond), speed);

        Assert.Equal((daemons, cores), (plan.Daemons, plan.Cores));
    }

    [Fact]
    public void What_does_not_fit_one_daemon_is_sampled()
    {
        Assert.Equal(1050.0 / 4200, CapacityPlan.For(Of(4200), speed).Share, 1e-9);
        Assert.Equal(1, CapacityPlan.For(Of(1000), speed).Share);
        Assert.Equal(1, CapacityPlan.For(Of(1700, cores: 4), speed).Share);
    }

    [Theory]
    [InlineData(4000, 1060, 2)]       // 4.2 MB/s would fit one partition; there are two daemons.
    [InlineData(30_000, 1060, 4)]     // 31.8 MB/s: four of 8
    [InlineData(40_000, 1060, 6)]     // 42.4 MB/s are five partitions, which two daemons cannot share evenly.
    [InlineData(20_000, 600, 2)]      // 12 MB/s for one daemon
    [InlineData(4000, 1, 1)]
    public void Partitions_carry_at_most_what_was_stated_and_can_be_shared_evenly(double bytesPerRow, double rowsPerSecond, long partitions)
    {
        var load = Of(rowsPerSecond, bytesPerRow: bytesPerRow);

        var plan = CapacityPlan.For(load, speed);

        Assert.Equal(partitions, plan.Partitions);
        Assert.Equal(0, plan.Partitions % plan.Daemons);
        Assert.True(load.MegabytesPerSecond / plan.Partitions <= load.PartitionMegabytes);
    }

    [Fact]
    public void Gpus_are_planned_only_where_one_was_measured()
    {
        Assert.Null(CapacityPlan.For(Of(5000), speed).Gpus);
        // 0.7 / (1/9000 + 1/90000) = 5727
        Assert.Equal(1, CapacityPlan.For(Of(5700), speed with { EncodeGpu = 90_000 }).Gpus);
        Assert.Equal(2, CapacityPlan.For(Of(5800), speed with { EncodeGpu = 90_000 }).Gpus);
    }
}
