using System.Diagnostics;

namespace DriftWatch.Benchmarks;

/// <summary>This program once more, for what is measured in a process of its own.</summary>
internal static class OwnProcess
{
    /// <returns>What it wrote.</returns>
    public static async Task<string> RunAsync(params string[] arguments)
    {
        var program = Environment.ProcessPath!;
        // As dotnet FILE.dll, or as the program that the build makes of it.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") arguments = [typeof(OwnProcess).Assembly.Location, .. arguments];
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var written = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? written : throw new InvalidOperationException($"{string.Join(' ', arguments)} ended with {process.ExitCode}");
    }
}
