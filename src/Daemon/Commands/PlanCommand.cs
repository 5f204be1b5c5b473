using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Daemon.Capacity;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch plan --rows-per-second N --model-width D --features F</c>: cores, partitions and MB/s that a load takes, from what this machine is measured to do.</summary>
public sealed class PlanCommand
{
    private const double RowsPerSecondMaximum = 1e9;

    // Below, figures say more about what else ran than about the machine.
    private const double CoresHeldMinimum = 0.8;

    private readonly Option<double> rowsPerSecond = new("--rows-per-second") { Description = "Activation rows (tokens) to watch, of all models together.", Required = true };
    private readonly Option<int> width = new("--model-width") { Description = "d_model: numbers of a row.", Required = true };
    private readonly Option<int> features = new("--features") { Description = "Features of the dictionary.", Required = true };
    private readonly Option<int> l0 = new("--l0") { Description = "Features that fire in a row, on average.", DefaultValueFactory = _ => 64 };
    private readonly Option<int> bytesPerValue = new("--bytes-per-value") { Description = "2 (float16, bfloat16) or 4 (float32).", DefaultValueFactory = _ => 2 };
    private readonly Option<int> cores = new("--cores") { Description = "Cores of one daemon. Default: this machine's.", DefaultValueFactory = _ => Environment.ProcessorCount };
    private readonly Option<double> partitionMegabytes = new("--partition-mb") { Description = "MB/s that one partition may carry; a common measure for sizing topics.", DefaultValueFactory = _ => 10 };
    private readonly Option<bool> json = CommandLine.JsonOption();

    public static Command Create() => new PlanCommand().CreateCommand();

    private Command CreateCommand()
    {
        var command = new Command("plan", "Measure this machine for some seconds, and say how many cores, partitions and MB/s a load takes.") { rowsPerSecond, width, features, l0, bytesPerValue, cores, partitionMegabytes, json };
        // On another thread: signals are listened to only when this has returned.
        command.SetAction((parsed, stopping) => Task.Run(() => Run(parsed, stopping), stopping));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken stopping)
    {
        var problems = Problems(parsed).ToArray();
        if (problems.Length > 0) throw new UsageException(string.Join(Environment.NewLine, problems));

        var progress = new Progress(parsed.GetValue(json) ? null : Console.Error, "batches", total: null);
        var batches = 0L;
        var measurement = new SpeedMeasurement(parsed.GetValue(width), parsed.GetValue(features), parsed.GetValue(l0), parsed.GetValue(bytesPerValue), done => progress.Report(batches = done), stopping);
        var speed = measurement.Run();
        progress.End(batches);
        if (measurement.CoresHeld < CoresHeldMinimum) Console.Error.WriteLine($"While measuring, threads had a core for {measurement.CoresHeld * 100:0} % of the time only: other work runs here, or the process may use less than {Counted(Environment.ProcessorCount, "core")}. The figures are too low; measure again on an idle machine.");

        var load = new Load(parsed.GetValue(rowsPerSecond), measurement.BytesPerRow, parsed.GetValue(cores), parsed.GetValue(partitionMegabytes));
        var plan = CapacityPlan.For(load, speed);
        if (parsed.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(View(parsed, load, measurement, speed, plan), EventJson.Options));
        else Write(Console.Out, parsed, load, measurement, speed, plan);
        return ExitCode.Done;
    }

    private IEnumerable<string> Problems(ParseResult parsed)
    {
        var (d, f) = (parsed.GetValue(width), parsed.GetValue(features));
        if (parsed.GetValue(rowsPerSecond) is not (> 0 and <= RowsPerSecondMaximum)) yield return $"--rows-per-second is {Number(parsed.GetValue(rowsPerSecond))}. Use a number above 0, at most {Number(RowsPerSecondMaximum)}.";
        if (d < 1) yield return $"--model-width is {d}. Use 1 or more: the model's d_model.";
        if (f < 2) yield return $"--features is {f}. Use 2 or more: the dictionary's d_sae.";
        else if (parsed.GetValue(l0) < 1 || parsed.GetValue(l0) >= f) yield return $"--l0 is {parsed.GetValue(l0)}. Use 1 or more, and less than --features ({f}); 64 is usual.";
        if (parsed.GetValue(bytesPerValue) is not (2 or 4)) yield return $"--bytes-per-value is {parsed.GetValue(bytesPerValue)}. Use 2 (float16, bfloat16) or 4 (float32).";
        if (parsed.GetValue(cores) is < 1 or > DaemonSettings.ThreadsMaximum) yield return $"--cores is {parsed.GetValue(cores)}. Use 1 to {DaemonSettings.ThreadsMaximum}.";
        if (parsed.GetValue(partitionMegabytes) is not (>= 0.001 and <= 1e6)) yield return $"--partition-mb is {Number(parsed.GetValue(partitionMegabytes))}. Use 0.001 to 1000000 MB/s; 10 is a good start.";
        if (d < 1 || f < 2) yield break;
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var weights = Weights(parsed);
        if (weights > memory / 2) yield return $"A dictionary of --model-width {d} and --features {f} takes {Gigabytes(weights)} of weights, more than half of this machine's {Gigabytes(memory)}. Measure it on a machine with more memory, or use a smaller dictionary.";
        else if ((long)d * f > Array.MaxLength) yield return $"--model-width {d} and --features {f} make {(long)d * f} weights; at most {Array.MaxLength} are held in one dictionary. Use a smaller one.";
    }

    private double Weights(ParseResult parsed) => (double)parsed.GetValue(width) * parsed.GetValue(features) * SpeedMeasurement.BytesPerWeight;

    private object View(ParseResult parsed, Load load, SpeedMeasurement measurement, MeasuredSpeed speed, CapacityPlan plan) => new
    {
        load = new
        {
            rowsPerSecond = load.RowsPerSecond,
            modelWidth = parsed.GetValue(width),
            features = parsed.GetValue(features),
            l0 = parsed.GetValue(l0),
            bytesPerValue = parsed.GetValue(bytesPerValue),
            megabytesPerSecond = load.MegabytesPerSecond,
            weightsBytes = Weights(parsed),
        },
        measured = new
        {
            encoder = measurement.Encoder,
            threads = speed.Threads,
            encodeRowsPerSecondOneThread = speed.EncodeOne,
            encodeRowsPerSecondAllThreads = speed.EncodeAll,
            aroundRowsPerSecond = speed.Around,
            encodeRowsPerSecondGpu = speed.EncodeGpu,
            gpuProblem = measurement.GpuProblem,
            coresHeld = measurement.CoresHeld,
        },
        plan = new
        {
            busy = CapacityPlan.Busy,
            coresOfDaemon = load.Cores,
            daemonRowsPerSecond = plan.DaemonRowsPerSecond,
            daemons = plan.Daemons,
            cores = plan.Cores,
            gpus = plan.Gpus,
            partitions = plan.Partitions,
            partitionMegabytesPerSecond = load.MegabytesPerSecond / plan.Partitions,
            share = plan.Share,
        },
    };

    private void Write(TextWriter output, ParseResult parsed, Load load, SpeedMeasurement measurement, MeasuredSpeed speed, CapacityPlan plan)
    {
        output.WriteLine($"{Number(load.RowsPerSecond)} rows/s of width {parsed.GetValue(width)} are {Number(load.MegabytesPerSecond)} MB/s; a dictionary of {parsed.GetValue(features)} features takes {Gigabytes(Weights(parsed))} of weights in each daemon.");
        output.WriteLine();
        output.WriteLine($"measured here: {measurement.Encoder}, L0 {parsed.GetValue(l0)}");
        Row("encoding, 1 thread", speed.EncodeOne);
        if (speed.Threads > 1) Row($"encoding, {speed.Threads} threads", speed.EncodeAll);
        if (speed.EncodeGpu is { } gpu) Row("encoding, 1 GPU (fp32)", gpu);
        Row("all else, 1 thread", speed.Around);
        if (measurement.GpuProblem is { } problem) output.WriteLine($"  no GPU was measured: {problem}");
        output.WriteLine();
        output.WriteLine($"a daemon of {Counted(load.Cores, "core")}, busy for {CapacityPlan.Busy * 100:0} % of the time, takes {Number(plan.DaemonRowsPerSecond)} rows/s. All rows take");
        output.WriteLine($"  {Counted(plan.Cores, "core")}, in {Counted(plan.Daemons, "daemon")}{(plan.Gpus is { } gpus ? $"; or {Counted(gpus, "GPU")}, one a daemon" : "")}");
        output.WriteLine($"  {Counted(plan.Partitions, "partition")} of {Number(load.MegabytesPerSecond / plan.Partitions)} MB/s: at most {Number(load.PartitionMegabytes)} (--partition-mb), so that a broker and a daemon that takes one over can keep up, and as many for each daemon");
        if (plan.Gpus is { } daemons && daemons != plan.Daemons) output.WriteLine($"  with GPUs, {Counted(CapacityPlan.Partitioned(load, daemons), "partition")}");
        output.WriteLine(plan.Share < 1
            ? $"One daemon of {Counted(load.Cores, "core")} does not take them all. Sample {plan.Share * 100:0.##} % of the rows, whole sequences: {Number(plan.DaemonRowsPerSecond)} rows/s, {Number(load.MegabytesPerSecond * plan.Share)} MB/s."
            : "One daemon takes them all: sample nothing away.");

        void Row(string name, double rate) => output.WriteLine($"  {name,-24} {Number(rate),12} rows/s");
    }

    private static string Counted(long count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");

    private static string Gigabytes(double bytes) => $"{Number(bytes / 1e9)} GB";

    private static string Number(double value) => value.ToString(Math.Abs(value) >= 100 ? "#,0" : "0.###", CultureInfo.InvariantCulture);
}
