using System.Diagnostics;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks;

/// <summary>What judging one closed window costs, detector by detector, and what a monitor's memory of its windows weighs.</summary>
internal static class JudgeBenchmark
{
    private const int Width = 64, Rows = 64, ActiveARow = 64, Repeats = 20;

    public static void Run(int features, int sequences)
    {
        var random = new Random(1);
        Console.WriteLine($"{features} features, windows of {sequences} sequences of {Rows} rows, {ActiveARow} active features a row (Zipf), {Repeats} windows");
        var baseline = new Baseline(new(new("bench", "1", "hook"), Probe.Traffic), "encoding", "hash", Summary(random, features, 4 * sequences));
        var windows = Enumerable.Range(0, 4).Select(_ => Summary(random, features, sequences)).ToArray();
        var plan = BenchPlan.Of(baseline.From.Monitor, features, Width, new());
        Console.WriteLine($"{windows[0].Fired.Length} features fired in a window, {windows[0].FiringCounts.Length} firing counts, {SummaryCodec.Encode(windows[0]).Length:N0} bytes stored");
        foreach (var detector in plan.Detectors) Time(detector.Name, window => detector.Judge(window, baseline));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var tails = new SequenceTails(baseline, sameVersion: true, plan.Detection);
        var memory = GC.GetTotalMemory(forceFullCollection: true) - before;
        Time(SequenceTails.Name, window => tails.Judge(window, default));
        Time("sequence-tails, taking in", window => tails.Take(window, default));
        Time("summary, decoded", window => SummaryCodec.Decode(SummaryCodec.Encode(window)), SummaryCodec.Encode);
        Console.WriteLine($"memory of a monitor's windows: {memory / 1048576.0:0.0} MiB");

        void Time(string name, Action<WindowSummary> step, Func<WindowSummary, byte[]>? without = null)
        {
            foreach (var window in windows) step(window);
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < Repeats; i++) step(windows[i % windows.Length]);
            var taken = Stopwatch.GetElapsedTime(began);
            if (without is not null)
            {
                began = Stopwatch.GetTimestamp();
                for (var i = 0; i < Repeats; i++) without(windows[i % windows.Length]);
                taken -= Stopwatch.GetElapsedTime(began);
            }
            Console.WriteLine($"| {name} | {taken.TotalMilliseconds / Repeats:0.0} ms |");
        }
    }

    private static WindowSummary Summary(Random random, int features, int sequences)
    {
        var builder = new SummaryBuilder(features, Width, [], []);
        var codes = new SparseCodes();
        var rowsND = new float[Rows * Width];
        for (var s = 0; s < sequences; s++)
        {
            codes.Clear();
            for (var row = 0; row < Rows; row++)
            {
                // Half of a row's features are its sequence's own topic, the others are common ones.
                var fired = Enumerable.Range(0, ActiveARow).Select(i => (int)(features * Math.Pow(random.NextDouble(), i % 2 == 0 ? 3 : 1.5))).Distinct().Order().ToArray();
                codes.AddRow(fired, [.. fired.Select(_ => 1 + 3 * random.NextSingle())]);
            }
            for (var i = 0; i < rowsND.Length; i++) rowsND[i] = random.NextSingle() - 0.5f;
            builder.AddSequence(rowsND, codes, 0, Energy.Of(rowsND), Energy.Of(rowsND) * (0.05 + 0.1 * random.NextDouble()));
        }
        return builder.Build();
    }
}
