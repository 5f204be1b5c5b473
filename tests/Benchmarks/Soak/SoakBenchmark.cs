using System.Globalization;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Soak;

/// <summary>One daemon on a real Kafka with more behind it than it can do, for as long as is asked for: its memory, its speed, and whether every row that was sent is in the stored windows.</summary>
/// <remarks>Then another from its start for a fifth of that time: where it is no faster than the first one was at its end, the machine has become slower and not the daemon.</remarks>
internal static class SoakBenchmark
{
    private const int Parts = 10, FreshParts = 2;
    private const double MostMemoryGrown = 1.1, LeastSpeedKept = 0.9;

    public static async Task<int> RunAsync(string[] args)
    {
        var program = Path.GetFullPath("artifacts/driftwatch");
        if (args.Length > 1 || !double.TryParse(args.FirstOrDefault() ?? "60", CultureInfo.InvariantCulture, out var minutes) || minutes is not (> 0 and <= 10_000))
        {
            Console.Error.WriteLine("usage: make soak ARGS=\"[minutes, default 60]\"");
            return 1;
        }
        using var kafka = new RealKafka();
        if ((kafka.Absent ?? (File.Exists(program) ? null : "artifacts/driftwatch is not there; 'make build' makes it")) is { } absent)
        {
            Console.Error.WriteLine($"bench soak runs the daemon on a real Kafka: {absent}");
            return 1;
        }
        using var folder = new TempFolder();
        foreach (var topic in new[] { "driftwatch.rejected", "driftwatch.alerts" }) kafka.CreateTopic(topic, 1);
        Console.WriteLine($"{Machine.Describe()}; {minutes} minutes, {string.Join(" and ", SoakTraffic.Models.Select(model => $"{model.Width:N0} → {model.Features:N0}"))} JumpReLU, as many rows of each, {SoakTraffic.Partitions} partitions, windows of {SoakTraffic.WindowRows:N0} rows, broker and sender on the same machine");

        var time = TimeSpan.FromMinutes(minutes);
        var soak = new SoakRun("soak", time, kafka, folder);
        var wrong = new List<string>(await soak.RunAsync(program));
        var parts = soak.PartsOf(Parts);
        Print(parts, minutes);
        var fresh = new SoakRun("fresh", time / Parts * FreshParts, kafka, folder);
        if (parts is [.., { Number: Parts - 1 }]) wrong.AddRange(await fresh.RunAsync(program));
        wrong.AddRange(Problems(parts, fresh.PartsOf(FreshParts)));

        foreach (var line in wrong) Console.WriteLine($"WRONG: {line}");
        if (wrong.Count == 0) Console.WriteLine("All as it should be.");
        return wrong.Count == 0 ? 0 : 1;
    }

    private static void Print(IReadOnlyList<SoakPart> parts, double minutes)
    {
        Console.WriteLine();
        Console.WriteLine("| minutes | rows/s | rows behind, at least | resident MiB, median | at most |");
        Console.WriteLine("|--:|--:|--:|--:|--:|");
        foreach (var part in parts)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {minutes * part.Number / Parts:0.#} to {minutes * (part.Number + 1) / Parts:0.#} | {part.Speed:N0} | {part.Behind:N0} | {part.Resident:N0} | {part.ResidentMost:N0} |"));
        Console.WriteLine();
    }

    private static IEnumerable<string> Problems(IReadOnlyList<SoakPart> parts, IReadOnlyList<SoakPart> fresh)
    {
        // The first part starts, compiles and learns its baselines.
        if (parts.Count(part => part.Number > 0) < Parts - 1 || fresh is not [.., { Number: FreshParts - 1 }])
        {
            yield return $"it ran in {parts.Count} of {Parts} parts of the time, and a fresh daemon in {fresh.Count} of {FreshParts}";
            yield break;
        }
        var (before, after) = (parts.Where(part => part.Number is >= 1 and <= 3).ToArray(), parts.TakeLast(3).ToArray());
        var memory = after.Max(part => part.ResidentMost) / before.Max(part => part.ResidentMost);
        var speed = after.Average(part => part.Speed);
        var (speedBefore, speedFresh) = (before.Average(part => part.Speed), fresh[^1].Speed);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The last three parts beside the second to fourth: {speed / speedBefore:0.00} times the speed, {memory:0.00} times the memory; {speed / speedFresh:0.00} times the speed of a fresh daemon right after ({speedFresh:N0} rows/s)."));
        if (speed < LeastSpeedKept * Math.Min(speedBefore, speedFresh)) yield return "it became slower";
        if (memory > MostMemoryGrown) yield return "its memory grew";
    }
}
