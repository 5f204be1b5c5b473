using System.Collections.Concurrent;
using System.Globalization;
using DriftWatch.Alerts;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>The real loop, log pipeline and publisher in a world where a seed decides what goes wrong.</summary>
public sealed class SimulationTests
{
    private const int SeedsDefault = 1000;

    /// <summary><c>make simulate ARGS="--seeds 100000"</c> or <c>ARGS="--seed 17"</c>; as a range it is <c>DRIFTWATCH_SEEDS=17-18</c>.</summary>
    private static readonly (int First, int Count) seeds = Environment.GetEnvironmentVariable("DRIFTWATCH_SEEDS")?.Split('-') switch
    {
        [var first, var last] => (Number(first), Number(last) - Number(first) + 1),
        [{ Length: > 0 } only] => (Number(only), 1),
        _ => (0, SeedsDefault),
    };

    [Fact]
    public async Task Whatever_goes_wrong_the_log_is_the_undisturbed_one_and_nothing_is_lost_on_the_way()
    {
        var (wrongs, crashes, troubles, stoodDown, takenForDead) = (new ConcurrentDictionary<int, string>(), 0, 0, 0, 0);
        await Parallel.ForAsync(seeds.First, seeds.First + seeds.Count, TestContext.Current.CancellationToken, (seed, _) =>
        {
            var world = Run(seed, out var wrong);
            if (wrong is not null) wrongs[seed] = wrong;
            Interlocked.Add(ref crashes, world.Fate.Crashes);
            Interlocked.Add(ref troubles, world.Fate.Troubles);
            Interlocked.Add(ref stoodDown, world.StoodDown);
            Interlocked.Add(ref takenForDead, world.TakenForDead);
            return default;
        });

        TestContext.Current.SendDiagnosticMessage($"{seeds.Count} seeds: {crashes} crashes, {troubles} other troubles, {takenForDead} daemons taken for dead, {stoodDown} stood down");
        if (!wrongs.IsEmpty) Assert.Fail($"{wrongs.Count} of {seeds.Count} seeds.{Environment.NewLine}{Tale(wrongs.Keys.Min(), wrongs[wrongs.Keys.Min()])}");
        if (seeds.Count < SeedsDefault) return;
        // A world in which nothing goes wrong proves nothing.
        Assert.All([crashes, troubles, stoodDown, takenForDead], count => Assert.True(count > seeds.Count / 50, $"{crashes} {troubles} {stoodDown} {takenForDead}"));
    }

    [Fact]
    public async Task A_crash_at_any_single_await_leaves_the_undisturbed_log()
    {
        var traffic = SimulatedTraffic.All[7];
        var undisturbed = new SimulatedWorld(Fate.Undisturbed(), traffic);
        await Task.Run(undisturbed.Run, TestContext.Current.CancellationToken);

        await Parallel.ForAsync(0, undisturbed.Fate.Awaits, TestContext.Current.CancellationToken, (at, _) =>
        {
            var world = new SimulatedWorld(Fate.Of(crashAt: at, seed: at), traffic);
            world.Run();
            Assert.Empty(world.Wrongs());
            return default;
        });

        Assert.True(undisturbed.Fate.Awaits > 200, $"{undisturbed.Fate.Awaits} awaits");
    }

    [Fact]
    public async Task The_same_seed_is_the_same_run()
    {
        var traces = new List<string>();
        for (var time = 0; time < 2; time++) traces.Add(await Task.Run(() => string.Join('\n', Run(seed: 11, out _, traceMaximum: 100_000).Trace), TestContext.Current.CancellationToken));

        Assert.Equal(traces[0], traces[1]);
        Assert.Contains("dies", traces[0], StringComparison.Ordinal);
    }

    [Fact]
    public void The_undisturbed_logs_have_alerts_to_lose()
    {
        foreach (var traffic in SimulatedTraffic.All)
        {
            Assert.Contains(traffic.Expected, line => line.Contains("drift-detected", StringComparison.Ordinal) && line.Contains("bad", StringComparison.Ordinal));
            Assert.Contains(traffic.Expected, line => line.Contains("hazard-detected", StringComparison.Ordinal));
            Assert.Single(traffic.Expected, line => line.Contains("baseline-frozen", StringComparison.Ordinal));
        }
    }

    private static SimulatedWorld Run(int seed, out string? wrong, int traceMaximum = 0)
    {
        var world = new SimulatedWorld(Fate.Of(seed), SimulatedTraffic.All[seed % SimulatedTraffic.All.Count]) { TraceMaximum = traceMaximum };
        try
        {
            world.Run();
            wrong = string.Join(Environment.NewLine, world.Wrongs()) is { Length: > 0 } wrongs ? wrongs : null;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            wrong = error.ToString();
        }
        return world;
    }

    /// <summary>What a person needs to find it: how to repeat it, and how it came.</summary>
    private static string Tale(int seed, string wrong)
    {
        var world = Run(seed, out _, traceMaximum: 60);
        return $"Seed {seed}: {wrong}{Environment.NewLine}It ended so:{Environment.NewLine}{string.Join(Environment.NewLine, world.Trace)}{Environment.NewLine}Repeat it: make simulate ARGS=\"--seed {seed}\"";
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
