using System.Globalization;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>What is measured, and how often.</summary>
internal sealed record DetectOptions
{
    public const string Usage = """
        usage: bench detect [--synthetic FEATURES | --quiet DIR --triggered DIR --sae DIR] [options]
               bench detect --null-only [--synthetic FEATURES | --quiet DIR --sae DIR] [options]
          --quiet, --triggered   folders of message files: traffic without the behaviour, and sequences that all have it
          --sae                  the dictionary's folder
          --synthetic            no files: a stream of that many dependent features (default 4000)
          --pool N               sequences kept of the quiet folder, or generated (default 40000; synthetic 20000)
          --baseline N           sequences of a baseline (default 20000)
          --window N             sequences of a window (default 2000)
          --windows N            windows in which a change has to be found (default 10)
          --shares A,B,…         shares of triggered sequences (default 0.05,0.02,0.01,0.005,0.002,0.001)
          --runs R               runs in which detection is measured (default 100)
          --null-runs M          calibration runs for each measured run (default 2)
          --quiet-windows N      windows without drift in every run (default 50)
          --run-time N           windows between false alarms: stated to DriftWatch, and what all others are calibrated to (default 1000)
          --alone                DriftWatch only: no rivals, no random dictionary, no calibration; so too with --quiet-windows 0
          --other-version        the windows' version is not the baseline's
          --null-only            no change at all: how long DriftWatch runs, and what it names; then the defaults are --window 200 --windows 1000 --runs 40
          --seed S, --threads T
        """;

    public string? Quiet { get; private init; }
    public string? Triggered { get; private init; }
    public string? Sae { get; private init; }
    public int Features { get; private init; } = 4000;
    public int? Pool { get; private init; }
    public int Baseline { get; private init; } = 20_000;
    public int Window { get; private init; } = 2000;
    public int Windows { get; private init; } = 10;
    public double[] Shares { get; private init; } = [0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
    public int Runs { get; private init; } = 100;
    public int NullRuns { get; private init; } = 2;
    public int QuietWindows { get; private init; } = 50;
    public double RunTime { get; private init; } = 1000;
    public bool Alone { get; private init; }
    public bool OtherVersion { get; private init; }
    public bool NullOnly { get; private init; }
    public int Seed { get; private init; } = 1;
    public int Threads { get; private init; } = Environment.ProcessorCount;

    /// <exception cref="FormatException">What is wrong, for a person.</exception>
    public static DetectOptions Parse(string[] args)
    {
        var options = args.Contains("--null-only") ? new DetectOptions { NullOnly = true, Alone = true, Window = 200, Windows = 1000, Runs = 40 } : new();
        for (var i = 0; i < args.Length; i += 2)
        {
            if (args[i] is "--help") throw new FormatException("Drift detectors side by side.");
            if (args[i] is "--null-only" or "--alone" or "--other-version")
            {
                options = options with { Alone = options.Alone || args[i] == "--alone", OtherVersion = options.OtherVersion || args[i] == "--other-version" };
                i--;
                continue;
            }
            if (i + 1 == args.Length) throw new FormatException($"{args[i]} has no value");
            var value = args[i + 1];
            options = args[i] switch
            {
                "--quiet" => options with { Quiet = value },
                "--triggered" => options with { Triggered = value },
                "--sae" => options with { Sae = value },
                "--synthetic" => options with { Features = Whole(value) },
                "--pool" => options with { Pool = Whole(value) },
                "--baseline" => options with { Baseline = Whole(value) },
                "--window" => options with { Window = Whole(value) },
                "--windows" => options with { Windows = Whole(value) },
                "--shares" => options with { Shares = [.. value.Split(',').Select(share => double.Parse(share, CultureInfo.InvariantCulture)).OrderDescending()] },
                "--runs" => options with { Runs = Whole(value) },
                "--null-runs" => options with { NullRuns = Whole(value) },
                "--quiet-windows" => value == "0" ? options with { QuietWindows = 0, Alone = true } : options with { QuietWindows = Whole(value) },
                "--run-time" => options with { RunTime = double.Parse(value, CultureInfo.InvariantCulture) },
                "--seed" => options with { Seed = Whole(value) },
                "--threads" => options with { Threads = Whole(value) },
                _ => throw new FormatException($"there is no option {args[i]}"),
            };
        }
        if (options.Baseline < 2 * options.Window) throw new FormatException($"a baseline of {options.Baseline} sequences is no two windows of {options.Window}");
        var given = new[] { options.Quiet, options.Triggered, options.Sae }.Count(folder => folder is not null);
        return given is 0 or 3 || options is { NullOnly: true, Quiet: not null, Sae: not null } ? options : throw new FormatException("--quiet, --triggered and --sae go together");
    }

    private static int Whole(string text) => int.Parse(text, NumberStyles.Integer, CultureInfo.InvariantCulture) is > 0 and var number ? number : throw new FormatException($"{text} should be 1 or more");
}
