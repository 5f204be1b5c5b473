using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Support;
using Microsoft.Win32.SafeHandles;

namespace DriftWatch.Benchmarks;

/// <summary>From starting the daemon to its saying that it watches a model, with a large dictionary and with a tiny one; beside it, reading the large one's file and its SHA-256, in a process that has just started as well: memory that a process touches for the first time costs more than to copy into it.</summary>
internal static partial class StartBenchmark
{
    private const int Rounds = 9;
    private const int FadviseDontNeed = 4;
    private static readonly TimeSpan patience = TimeSpan.FromMinutes(1);

    public static async Task<int> RunAsync(int width, int features)
    {
        var program = Path.GetFullPath("artifacts/driftwatch");
        if (!File.Exists(program))
        {
            Console.Error.WriteLine("bench start starts artifacts/driftwatch, which is not there; 'make build' makes it");
            return 1;
        }
        using var folder = new TempFolder();
        Write(folder, "large", width, features);
        Write(folder, "tiny", 64, 128);
        var weights = folder.File("large/sae_weights.safetensors");

        var (starts, tinyStarts, reads, hashes, startsFromDisk, readsFromDisk) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            starts.Add(await StartOfAsync(program, folder, "large"));
            tinyStarts.Add(await StartOfAsync(program, folder, "tiny"));
            var (read, hash) = await ReadAsync(weights);
            reads.Add(read);
            hashes.Add(hash);
            if (!OperatingSystem.IsLinux()) continue;
            Forget(weights);
            startsFromDisk.Add(await StartOfAsync(program, folder, "large"));
            Forget(weights);
            readsFromDisk.Add((await ReadAsync(weights)).Read);
        }
        Console.WriteLine($"{Machine.Describe()}; {width:N0} → {features:N0}, {new FileInfo(weights).Length / 1e6:N0} MB; medians of {Rounds}, the file in the system's cache if not said otherwise");
        Console.WriteLine($"| start to \"Watching\" | {Median.Of(starts):0.00} s |");
        Console.WriteLine($"| the same, dictionary of 64 → 128 | {Median.Of(tinyStarts):0.00} s |");
        Console.WriteLine($"| the file, read into one array | {Median.Of(reads):0.00} s |");
        Console.WriteLine($"| its SHA-256 | {Median.Of(hashes):0.00} s |");
        if (readsFromDisk.Count == 0) return 0;
        Console.WriteLine($"| start to \"Watching\", the file on the disk alone | {Median.Of(startsFromDisk):0.00} s |");
        Console.WriteLine($"| that file, read into one array | {Median.Of(readsFromDisk):0.00} s |");
        return 0;
    }

    /// <summary>Out of the system's cache; what is not written yet would stay there.</summary>
    private static void Forget(string path)
    {
        using var file = File.OpenHandle(path, access: FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
        if (Advise(file, 0, 0, FadviseDontNeed) is not 0 and var error) throw new IOException($"posix_fadvise of {path}: {error}");
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);

    private static void Write(TempFolder folder, string name, int width, int features)
    {
        var sae = NormalDictionary.Of(AutoencoderKind.JumpReLU, width, features, l0: 48);
        SaeFolder.Write(folder, name, sae with { DecoderFD = sae.EncoderDF });   // Only its size matters here.
        // No broker answers there, and none is needed to begin with.
        folder.Write($"{name}.yaml", $$"""
            spaces:
              - { id: start/v1, sae: {{name}} }
            models:
              - { model: start, hook: {{Some.Hook}}, space: start/v1, baseline: { version: base, rows: 10000 } }
            log: 'memory:'
            http: { listen: 127.0.0.1:{{Loopback.FreePort()}} }
            kafka: { topic: start, settings: { bootstrap.servers: 127.0.0.1:9 } }
            """);
    }

    private static async Task<double> StartOfAsync(string program, TempFolder folder, string name)
    {
        var output = folder.Write($"{name}.out", "");
        var began = Stopwatch.GetTimestamp();
        using var daemon = DaemonProcess.Start(program, folder.File($"{name}.yaml"), output);
        try
        {
            while (!(await File.ReadAllTextAsync(output)).Contains("Watching start", StringComparison.Ordinal))
            {
                if (daemon.HasExited || Stopwatch.GetElapsedTime(began) > patience) throw new InvalidOperationException($"the daemon did not start: {await File.ReadAllTextAsync(output)}");
                await Task.Delay(2);
            }
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
        finally
        {
            daemon.Kill();
            await daemon.WaitForExitAsync();
        }
    }

    /// <summary>What <see cref="ReadAsync"/> starts.</summary>
    public static void Read(string path)
    {
        byte[] file = [];
        Console.WriteLine(Seconds(() => file = File.ReadAllBytes(path)).ToString("R", CultureInfo.InvariantCulture));
        Console.WriteLine(Seconds(() => SHA256.HashData(file)).ToString("R", CultureInfo.InvariantCulture));
    }

    private static async Task<(double Read, double Hash)> ReadAsync(string path)
    {
        var seconds = (await OwnProcess.RunAsync("start", "read", path)).Split('\n');
        return (double.Parse(seconds[0], CultureInfo.InvariantCulture), double.Parse(seconds[1], CultureInfo.InvariantCulture));
    }

    private static double Seconds(Action step)
    {
        var began = Stopwatch.GetTimestamp();
        step();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
