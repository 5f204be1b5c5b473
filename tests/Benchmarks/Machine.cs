using System.Globalization;

namespace DriftWatch.Benchmarks;

/// <summary>Where and when: a figure without it says nothing.</summary>
internal static class Machine
{
    public static string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"{Processor()}, {Environment.ProcessorCount} processors, .NET {Environment.Version}, {TimeProvider.System.GetUtcNow():yyyy-MM-dd}");

    private static string Processor()
    {
        const string File = "/proc/cpuinfo";
        string Value(string name) => System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "?";
        return System.IO.File.Exists(File) ? $"{Value("model name")} (family {Value("cpu family")}, model {Value("model\t")})" : "unknown processor";
    }
}
