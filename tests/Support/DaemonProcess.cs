using System.Diagnostics;

namespace DriftWatch.Support;

public static class DaemonProcess
{
    /// <summary>Runs the daemon as a process of its own; what it says goes to the end of a file, which outlives it.</summary>
    public static Process Start(string program, string config, string output) =>
        Process.Start(new ProcessStartInfo("/bin/sh") { ArgumentList = { "-c", "exec \"$1\" run --config \"$2\" >>\"$3\" 2>&1 </dev/null", "sh", program, config, output } })!;
}
