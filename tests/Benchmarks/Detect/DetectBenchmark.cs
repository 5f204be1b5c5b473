using System.Diagnostics;
using DriftWatch.Analysis;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>Drift detectors side by side: run time without drift, delay, and the smallest share of triggered sequences that is found, at their own thresholds and at one run time for all.</summary>
/// <remarks>
/// A run draws a baseline, then quiet windows, all from one pool with replacement, so that sequences are exchangeable and nothing has changed; then, for each share and from the same
/// state, windows in which each sequence comes from the triggered pool with that chance. Runs are paired: all contenders see the same draws. Thresholds for the equal run time come from
/// calibration runs that nothing else uses; the run time that they then have is measured on the quiet windows of the other runs.
/// </remarks>
internal static class DetectBenchmark
{
    private const int Fourier = 256;
    private const double Wanted = 0.8;

    private static IContender[] Contenders(DetectOptions options) => options.Alone
        ? [new DriftWatchContender("DriftWatch", 0, options)]
        :
        [
            new AlwaysFire(),
            new ProportionTests(stepUp: false),
            new ProportionTests(stepUp: true),
            new StabilityIndex(),
            new KolmogorovSmirnovTests(),
            new MeanEmbedding(),
            new MeanDiscrepancy(),
            new DriftWatchContender("DriftWatch on a random dictionary", 1, options),
            new DriftWatchContender("DriftWatch", 0, options),
        ];

    public static int Run(string[] args)
    {
        DetectOptions options;
        try
        {
            options = DetectOptions.Parse(args);
        }
        catch (FormatException error)
        {
            Console.Error.WriteLine($"{error.Message}\n{DetectOptions.Usage}");
            return 1;
        }
        var watch = Stopwatch.StartNew();
        var (quiet, triggered) = options.Quiet is null
            ? SyntheticStream.Pools(options.Features, options.Pool ?? 20_000, !options.Alone, options.Threads, options.Seed)
            : TrafficPool.Read(options.Quiet, options.Triggered, options.Sae!, options.Pool ?? 40_000, !options.Alone, options.Threads, options.Seed);
        var fourier = FourierFeatures.For(quiet, options.Alone ? 0 : Fourier, new(options.Seed, 3));
        foreach (var pool in new[] { quiet, triggered })
        {
            pool.SetFourier(fourier);
            SummaryFold.Verify(pool);
        }
        Console.WriteLine(options.NullOnly ? NullRuns.Of(options, quiet) : SideBySide(options, quiet, triggered));
        Console.Error.WriteLine($"{watch.Elapsed.TotalSeconds:0} s, {options.Threads} threads, {Process.GetCurrentProcess().PeakWorkingSet64 / 1e9:0.0} GB");
        return 0;
    }

    private static string SideBySide(DetectOptions options, SequencePool quiet, SequencePool triggered)
    {
        var watch = Stopwatch.StartNew();
        // The last runs are measured, the ones before are for calibration.
        var calibrations = options.Alone ? 0 : options.Runs * options.NullRuns;
        var traces = new Trace[calibrations + options.Runs][];
        var done = 0;
        Parallel.For(0, traces.Length, new() { MaxDegreeOfParallelism = options.Threads }, () => new Sampler(quiet, triggered), (run, _, sampler) =>
        {
            traces[run] = RunOnce(sampler, options, run, shares: run < calibrations ? [] : options.Shares);
            if (Interlocked.Increment(ref done) is var now && now % Math.Max(1, traces.Length / 20) == 0)
                Console.Error.WriteLine($"{now} of {traces.Length} runs, {watch.Elapsed.TotalSeconds:0} s");
            return sampler;
        }, _ => { });
        return DetectReport.Of(options, quiet, Contenders(options), traces[..calibrations], traces[calibrations..], Wanted);
    }

    private static Trace[] RunOnce(Sampler sampler, DetectOptions options, int run, double[] shares)
    {
        var random = new FastRandom(options.Seed, 1000 + run);
        var baseline = sampler.Draw(random, options.Baseline, 0);
        var racing = Contenders(options);
        foreach (var contender in racing) contender.Learn(baseline, random);
        var read = shares.Length > 0 ? new List<Sample>() : null;
        var quiet = Windows(sampler, random, racing, options.Window, options.QuietWindows, 0, read);
        var byShare = shares.Select(share => Windows(sampler, random, [.. racing.Select(contender => contender.Fork(read!))], options.Window, options.Windows, share)).ToArray();
        return [.. racing.Select((_, i) => new Trace(quiet[i], [.. byShare.Select(share => share[i])]))];
    }

    /// <summary>What each contender reads in so many windows.</summary>
    private static Reading[][] Windows(Sampler sampler, FastRandom random, IContender[] racing, int sequences, int windows, double share, List<Sample>? read = null)
    {
        var readings = racing.Select(_ => new Reading[windows]).ToArray();
        for (var window = 0; window < windows; window++)
        {
            var sample = sampler.Draw(random, sequences, share);
            for (var i = 0; i < racing.Length; i++) readings[i][window] = racing[i].Read(sample);
            read?.Add(sample);
        }
        return readings;
    }
}

/// <summary>What one contender read in one run.</summary>
/// <param name="Changed">After the quiet windows, for each share.</param>
internal sealed record Trace(Reading[] Quiet, Reading[][] Changed);
