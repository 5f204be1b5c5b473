using System.Diagnostics;
using System.Globalization;
using DriftWatch.Support;

namespace DriftWatch.Benchmarks.Soak;

/// <summary>A daemon as a process of its own, looked at from outside.</summary>
internal sealed class WatchedDaemon : IDisposable
{
    private readonly HttpClient http = new();
    private readonly Process process;
    private readonly Uri metrics;

    public WatchedDaemon(string program, string config, string output, int httpPort)
    {
        metrics = new($"http://127.0.0.1:{httpPort}/metrics");
        process = DaemonProcess.Start(program, config, output);
    }

    public bool Runs => !process.HasExited;

    /// <summary>Resident memory, in bytes (Linux).</summary>
    public long Resident() => 1024 * long.Parse(
        File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    /// <summary>Sum of a metric over its labels; 0 until it is there.</summary>
    public async Task<long> SumAsync(string metric)
    {
        string text;
        try
        {
            text = await http.GetStringAsync(metrics);
        }
        catch (HttpRequestException) when (Runs)
        {
            // Starting.
            return 0;
        }
        return text.Split('\n').Where(line => line.StartsWith($"{metric}{{", StringComparison.Ordinal)).Sum(line => (long)double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    public void Kill()
    {
        if (Runs) process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        process.Dispose();
        http.Dispose();
    }
}
