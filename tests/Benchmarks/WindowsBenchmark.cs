using System.Diagnostics;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks;

/// <summary>What one closed window costs: its sums built, made ready to be stored and decoded, through each detector, and taken in by the tails; and what a monitor's memory of its windows weighs.</summary>
internal static class WindowsBenchmark
{
    // The first half is for the compiler.
    private const int Width = 64, Rows = 64, ActiveARow = 64, Rounds = 200, RoundsCounted = 100;

    public static void Run(int features, int sequences)
    {
        var random = new Random(1);
        Console.WriteLine(Machine.Describe());
        Console.WriteLine($"{features} features, windows of {sequences} sequences of {Rows} rows, {ActiveARow} active features a row (Zipf); medians of {RoundsCounted} windows, one thread");
        var baseline = new Baseline(new(new("bench", "1", "hook"), Probe.Traffic), "encoding", "hash", Fill(random, features, 4 * sequences).Build());
        var builders = Enumerable.Range(0, 4).Select(_ => Fill(random, features, sequences)).ToArray();
        var stored = builders.Select(builder => SummaryCodec.Encode(builder.Build())).ToArray();
        var plan = BenchPlan.Of(baseline.From.Monitor, features, Width, new());
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var tails = new SequenceTails(baseline, sameVersion: true, plan.Detection);
        var memory = GC.GetTotalMemory(forceFullCollection: true) - before;

        var times = new List<(string Name, List<double> Milliseconds)>();
        for (var round = 0; round < Rounds; round++)
        {
            if (round == Rounds - RoundsCounted) times.Clear();
            WindowSummary window = null!;
            Time("its sums, built", () => window = builders[round % builders.Length].Build());
            Time("firing of every feature", () => window.FiringF());
            foreach (var detector in plan.Detectors) Time(detector.Name, () => detector.Judge(window, baseline));
            Time(SequenceTails.Name, () => tails.Judge(window, default));
            Time("sequence-tails, taking in", () => tails.Take(window, default));
        }
        var judged = times.Sum(entry => Median.Of(entry.Milliseconds));
        Print();
        Console.WriteLine($"| all of these | {judged:0.0} ms |");

        times.Clear();
        for (var round = 0; round < RoundsCounted; round++)
        {
            var window = builders[round % builders.Length].Build();
            Time("made ready to be stored", () => SummaryCodec.Encode(window));
            Time("a stored window, decoded", () => SummaryCodec.Decode(stored[round % stored.Length]));
        }
        Print();
        var some = SummaryCodec.Decode(stored[0]);
        Console.WriteLine($"{some.Fired.Length} features fired in a window, {some.FiringCounts.Length} firing counts, {some.Magnitudes.Count} of magnitudes, {stored[0].Length:N0} bytes stored; a monitor's windows take {memory / 1048576.0:0.0} MiB of memory");

        void Time(string name, Action step)
        {
            var began = Stopwatch.GetTimestamp();
            step();
            var taken = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            if (times.FindIndex(entry => entry.Name == name) is >= 0 and var known) times[known].Milliseconds.Add(taken);
            else times.Add((name, [taken]));
        }

        void Print()
        {
            foreach (var (name, milliseconds) in times) Console.WriteLine($"| {name} | {Median.Of(milliseconds):0.0} ms |");
        }
    }

    private static SummaryBuilder Fill(Random random, int features, int sequences)
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
        return builder;
    }
}
