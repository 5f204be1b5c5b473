using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Screening;

namespace DriftWatch.Benchmarks.Encode;

/// <summary>Rows a second through CpuEncoder, screened and dense, and through PyTorch's sparse path, in turn: what else runs on the machine meets all three.</summary>
internal static class EncodeBenchmark
{
    private const int Active = 48, K = 32;

    private static readonly (int Width, int Features, int Rows)[] sizes = [(64, 1024, 8192), (768, 24_576, 2048), (2304, 16_384, 1024), (4096, 32_768, 1024)];

    public static int Run(string[] args)
    {
        var seconds = new Option<double>("--seconds") { Description = "For each measurement, in all rounds.", DefaultValueFactory = _ => 3 };
        var rounds = new Option<int>("--rounds") { Description = "Each measures everything once.", DefaultValueFactory = _ => 3 };
        var only = new Option<int>("--size") { Description = "One of 64, 768, 2304, 4096: that width alone." };
        var threads = new Option<int[]>("--threads") { Description = "One, and all processors.", DefaultValueFactory = _ => Environment.ProcessorCount == 1 ? [1] : [1, Environment.ProcessorCount], AllowMultipleArgumentsPerToken = true };
        var screen = new Option<string>("--screen") { Description = $"Instead of what this processor does best: {string.Join(", ", ScreenKernel.All.Select(kernel => kernel.Name))}." };
        var kernel = new Option<string>("--kernel") { Description = $"Instead of what this processor does best: {string.Join(", ", PanelKernel.All.Select(kernel => kernel.Name))}." };
        var processorTime = new Option<bool>("--processor-time") { Description = "Count processor time, not the wall clock's: for one thread on a machine that others use too." };
        var noTorch = new Option<bool>("--no-torch") { Description = "Leave PyTorch out." };
        var command = new RootCommand("rows/s of encoding, beside PyTorch") { seconds, rounds, only, threads, screen, kernel, processorTime, noTorch };
        command.SetAction(parsed => Compare(new(
            parsed.GetValue(seconds),
            parsed.GetValue(rounds),
            parsed.GetValue(only),
            parsed.GetValue(threads)!,
            parsed.GetValue(screen) is { } screenName ? ScreenKernel.All.Single(some => some.Name == screenName) : ScreenKernel.Best,
            parsed.GetValue(kernel) is { } kernelName ? PanelKernel.All.Single(some => some.Name == kernelName) : PanelKernel.Best,
            parsed.GetValue(processorTime),
            parsed.GetValue(noTorch))));
        return command.Parse(args).Invoke();
    }

    private sealed record Wishes(double Seconds, int Rounds, int Only, int[] Threads, ScreenKernel? Screen, PanelKernel Kernel, bool ProcessorTime, bool NoTorch);

    private static void Compare(Wishes wishes)
    {
        Console.WriteLine($"{Machine.Describe()}; {wishes.Kernel.Name}, {wishes.Screen?.Name ?? "no 8-bit product"}{(wishes.ProcessorTime ? "; processor time" : "")}");
        foreach (var threads in wishes.Threads)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"limits, {threads} {(threads == 1 ? "thread" : "threads")}: {MachineLimits.MultiplyAdd(threads):0} GFLOP/s of float32 multiply-adds, {MachineLimits.Copy(threads):0.0} GB/s copied"));
            using var torch = wishes.NoTorch ? null : TorchPeer.Start(threads, wishes.ProcessorTime);
            Console.WriteLine(torch is not null ? torch.Version : wishes.NoTorch ? "without PyTorch" : "no python3 with torch here (Debian: apt-get install python3-torch libopenblas0-pthread): nothing to compare with");
            Console.WriteLine();
            Console.WriteLine("| size | kind | threads | L0 | DriftWatch rows/s (GFLOP/s) | dense | PyTorch | ratio | bytes allocated a row |");
            Console.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|--:|");
            foreach (var (width, features, rows) in sizes.Where(size => wishes.Only == 0 || size.Width == wishes.Only))
            {
                torch?.Size(width, features, rows, Active);
                foreach (var kind in new[] { AutoencoderKind.JumpReLU, AutoencoderKind.TopK }) Measure(wishes, threads, kind, width, features, rows, torch);
            }
            Console.WriteLine();
        }
    }

    private static void Measure(Wishes wishes, int threads, AutoencoderKind kind, int width, int features, int rows, TorchPeer? torch)
    {
        var sae = NormalDictionary.Of(kind, width, features, kind == AutoencoderKind.TopK ? K : Active);
        var rowsBD = NormalDictionary.Rows(rows, width);
        CpuEncoder[] encoders = CpuEncoder.Pays(sae) && wishes.Screen is not null
            ? [new(sae, threads, wishes.Kernel, wishes.Screen), new(sae, threads, wishes.Kernel, null)]
            : [new(sae, threads, wishes.Kernel, null)];
        var codes = new SparseCodes();
        foreach (var encoder in encoders) encoder.Encode(rowsBD, codes);
        List<double>[] times = [.. encoders.Select(_ => new List<double>())];
        var torchTimes = new List<double>();
        for (var round = 0; round < wishes.Rounds; round++)
        {
            for (var i = 0; i < encoders.Length; i++) Measure(encoders[i], rowsBD, codes, wishes, times[i]);
            if (torch is not null) torchTimes.AddRange(torch.Measure(kind.ToString(), wishes.Seconds / wishes.Rounds));
        }
        var before = GC.GetTotalAllocatedBytes(precise: true);
        encoders[0].Encode(rowsBD, codes);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        double[] speeds = [.. times.Select(some => rows / Median.Of(some))];
        var (theirs, ratio) = torch is null ? ("", "") : ($"{rows / Median.Of(torchTimes):N0}", string.Create(CultureInfo.InvariantCulture, $"{speeds[0] / rows * Median.Of(torchTimes):0.00}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {width:N0} → {features:N0} | {(kind == AutoencoderKind.TopK ? $"TopK {K}" : kind)} | {threads} | {(double)codes.Count / rows:0} | {speeds[0]:N0} ({2e-9 * speeds[0] * width * features:0}) | {speeds[^1]:N0} | {theirs} | {ratio} | {(double)allocated / rows:0.0} |"));
    }

    private static void Measure(CpuEncoder encoder, float[] rowsBD, SparseCodes codes, Wishes wishes, List<double> times)
    {
        var all = Stopwatch.StartNew();
        do
        {
            var (began, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            encoder.Encode(rowsBD, codes);
            times.Add((wishes.ProcessorTime ? Environment.CpuUsage.TotalTime - used : Stopwatch.GetElapsedTime(began)).TotalSeconds);
        }
        while (all.Elapsed.TotalSeconds < wishes.Seconds / wishes.Rounds);
    }
}
