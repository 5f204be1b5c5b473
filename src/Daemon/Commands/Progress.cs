using System.Diagnostics;

namespace DriftWatch.Daemon.Commands;

/// <summary>How far long work is: one line that is written over on a terminal, a line every ten seconds elsewhere.</summary>
public sealed class Progress(TextWriter? output, string unit, long? total)
{
    private static readonly TimeSpan onTerminal = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan elsewhere = TimeSpan.FromSeconds(10);

    private readonly long began = Stopwatch.GetTimestamp();
    private long said = Stopwatch.GetTimestamp();

    public void Report(long done)
    {
        Report(done, last: done == total);
    }

    /// <summary>The last word where the total was not known.</summary>
    public void End(long done) => Report(done, last: true);

    private void Report(long done, bool last)
    {
        if (output is null) return;
        if (!last && Stopwatch.GetElapsedTime(said) < (Console.IsErrorRedirected ? elsewhere : onTerminal)) return;
        if (last && Console.IsErrorRedirected && Stopwatch.GetElapsedTime(began) < elsewhere) return;
        said = Stopwatch.GetTimestamp();
        var line = $"{done}{(total is { } all ? $"/{all}" : "")} {unit}, {done / Math.Max(0.001, Stopwatch.GetElapsedTime(began).TotalSeconds):0} {unit}/s";
        if (Console.IsErrorRedirected) output.WriteLine(line);
        else output.Write($"\r{line}    {(last ? "\n" : "")}");
    }
}
