using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Benchmarks.Encode;

/// <summary>encode_torch.py in a process of its own, asked in turn with our own measurements so that both see the same machine.</summary>
internal sealed class TorchPeer : IDisposable
{
    private readonly Process process;

    private TorchPeer(Process process, string version) => (this.process, Version) = (process, version);

    public string Version { get; }

    /// <returns>null: this machine has no python3 with torch.</returns>
    public static TorchPeer? Start(int threads, bool processorTime)
    {
        // Debian's own first: it is the one with torch where several are installed.
        foreach (var python in new[] { Environment.GetEnvironmentVariable("BENCH_PYTHON"), "/usr/bin/python3", "python3" })
        {
            if (python is null) continue;
            var start = new ProcessStartInfo(python, [Path.Combine(AppContext.BaseDirectory, "encode_torch.py"), .. processorTime ? ["--processor-time"] : Array.Empty<string>()]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            foreach (var name in new[] { "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS" }) start.Environment[name] = threads.ToString(CultureInfo.InvariantCulture);
            // Debian's OpenBLAS does not know processors that are newer than it, and then computes at a fifth of their speed. Whatever the environment says: AVX2 kernels make half of an AVX-512 processor's.
            if (Avx512F.IsSupported) start.Environment["OPENBLAS_CORETYPE"] = "SkylakeX";
            try
            {
                var started = Process.Start(start)!;
                started.ErrorDataReceived += (_, _) => { };
                started.BeginErrorReadLine();
                if (started.StandardOutput.ReadLine() is { } version) return new(started, version);
                started.Dispose();
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // No such program.
            }
        }
        return null;
    }

    public void Size(int width, int features, int rows, int active) => Ask($"size {width} {features} {rows} {active}");

    /// <returns>Seconds of each pass over all rows.</returns>
    public double[] Measure(string kind, double seconds) =>
        [.. Ask(string.Create(CultureInfo.InvariantCulture, $"measure {kind} {seconds}")).Split(' ').Select(time => double.Parse(time, CultureInfo.InvariantCulture))];

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }

    private string Ask(string question)
    {
        process.StandardInput.WriteLine(question);
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"encode_torch.py ended at \"{question}\"; run it by hand to see why");
    }
}
