using System.Diagnostics;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>The daemon's program in a process of its own.</summary>
internal static class Program
{
    public sealed record Ended(int ExitCode, string Output, string Error);

    public static Process Start(params IEnumerable<string> args) => Start(new Dictionary<string, string>(StringComparer.Ordinal), args);

    public static Process Start(IReadOnlyDictionary<string, string> environment, params IEnumerable<string> args)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "driftwatch.dll"));
        foreach (var (name, value) in environment) start.Environment[name] = value;
        foreach (var arg in args) start.ArgumentList.Add(arg);
        return Process.Start(start)!;
    }

    public static async Task<Ended> RunAsync(params IEnumerable<string> args)
    {
        using var process = Start(args);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new(process.ExitCode, await output, await error);
    }
}
