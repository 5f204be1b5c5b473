using System.Diagnostics;
using System.Runtime.InteropServices;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;
using DriftWatch.Ingest.Decoding;

namespace DriftWatch.Daemon.Capacity;

/// <summary>What a dictionary of some size costs on this machine: its own encoder and analyzer on random rows.</summary>
/// <param name="progress">Told the batches that are done.</param>
public sealed class SpeedMeasurement(int width, int features, int l0, int bytesPerValue, Action<long> progress, CancellationToken stopping)
{
    /// <summary>Encoder and decoder as read, in float32, and the encoder as it is packed.</summary>
    public const int BytesPerWeight = 2 * sizeof(float) + CpuEncoder.BytesPerWeight;

    private const int RowsOfSequence = 128;

    // A message as senders make them; smaller where one would take seconds.
    private const int RowsMaximum = 512;
    private const int RowsMinimum = 32;
    private const double MultiplicationsOfBatch = 3e10;
    private const int RowBytesMaximum = 32 << 20;

    // Code is compiled anew when it turns out to be used much.
    private static readonly TimeSpan warming = TimeSpan.FromSeconds(0.3);
    private static readonly TimeSpan measuring = TimeSpan.FromSeconds(2);
    private const int BatchesMaximum = 100;

    private static readonly MonitorId monitor = new("plan", "1", "plan");

    private readonly int rows = (int)Math.Max(1, Math.Min(Math.Clamp(MultiplicationsOfBatch / ((double)width * features), RowsMinimum, RowsMaximum), RowBytesMaximum / (sizeof(float) * (double)width)));
    private long batches;

    /// <summary>What encodes with all threads.</summary>
    public string Encoder { get; private set; } = "";

    /// <summary>Why no GPU was measured; the end of a sentence that has begun.</summary>
    public string? GpuProblem { get; private set; } = EncoderChoice.GpuProblem;

    public double BytesPerRow { get; private set; }

    /// <summary>The part of the time in which the encoder's threads, all of them, really had a core.</summary>
    public double CoresHeld { get; private set; }

    public MeasuredSpeed Run()
    {
        // Of a decoder only the size matters; the encoder's numbers are as good as others.
        var sae = NormalDictionary.Of(AutoencoderKind.JumpReLU, width, features, l0);
        sae = sae with { DecoderFD = sae.EncoderDF };
        var rowsBD = NormalDictionary.Rows(rows, width);
        var codes = new SparseCodes();
        var threads = Environment.ProcessorCount;

        var one = Encoding(FastestEncoder.For(sae, 1), 1, rowsBD, codes);
        var all = threads == 1 ? one : Encoding(FastestEncoder.For(sae, threads), threads, rowsBD, codes);
        var around = Around(sae, Message(rowsBD), codes);
        return new(one, all, threads, around, Gpu(sae));
    }

    private double Encoding(IEncoder encoder, int threads, float[] rowsBD, SparseCodes codes)
    {
        Encoder = encoder.Description;
        encoder.Ready.GetAwaiter().GetResult();
        var (began, before) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        var rate = RowsPerSecond(EncodingOf(encoder, rowsBD, codes), rows);
        CoresHeld = Math.Min(1, (Environment.CpuUsage.TotalTime - before) / Stopwatch.GetElapsedTime(began) / threads);
        return rate;
    }

    /// <summary>What the daemon does with rows on all threads: to features and, for FVU, back.</summary>
    private static Action EncodingOf(IEncoder encoder, float[] rowsBD, SparseCodes codes)
    {
        var errors = new ReconstructionErrors(encoder);
        return () =>
        {
            encoder.Encode(rowsBD, codes);
            errors.Take(rowsBD, codes);
        };
    }

    /// <summary>With as many rows as the daemon takes together: while one batch is encoded the next is copied.</summary>
    private double? Gpu(SparseAutoencoder sae)
    {
        if (GpuProblem is not null) return null;
        try
        {
            var encoder = new EncoderChoice(EncoderDevice.Cuda, Precision.Fp32, Environment.ProcessorCount).For(sae);
            using var held = encoder as IDisposable;
            var together = (int)Math.Clamp(DriftWatcher.NumbersTogether / width, 1, DriftWatcher.RowsTogether);
            var (codes, rowsBD) = (new SparseCodes(), NormalDictionary.Rows(together, width));
            return RowsPerSecond(EncodingOf(encoder, rowsBD, codes), together);
        }
        catch (GpuException error)
        {
            GpuProblem = error.Message;
            return null;
        }
    }

    private double Around(SparseAutoencoder sae, byte[] message, SparseCodes codes)
    {
        var plan = new ModelPlan
        {
            Model = monitor.Model,
            Hook = monitor.Hook,
            // A transcoder's, which is not led back to the row: that was measured with the encoding.
            Space = new("plan/v1", new EncodedAlready(sae with { Transcodes = true }, codes), FeatureLabels.None),
            Transform = new IdentityTransform(width),
            Baseline = new(monitor, 1, 1),
            Hazards = [],
            Windows = new(),
            Detection = new(),
        };
        var decoder = new ActivationDecoder((_, _) => width, message.Length);
        var windows = new PartitionWindows(plan.Windows, PartitionPosition.Beginning, _ => null);
        var analyzer = new DriftAnalyzer(new("", "", [plan]));
        var offset = 0L;
        return RowsPerSecond(() =>
        {
            foreach (var _ in analyzer.Analyze(windows, decoder.Decode(message, [], DateTimeOffset.UnixEpoch), offset++)) { }
        }, rows);
    }

    private byte[] Message(float[] rowsBD)
    {
        var sequenceOf = Enumerable.Range(0, rows).Select(row => row / RowsOfSequence).ToArray();
        var activations = bytesPerValue == sizeof(float) ? MemoryMarshal.AsBytes<float>(rowsBD).ToArray() : MemoryMarshal.AsBytes<Half>(Array.ConvertAll(rowsBD, value => (Half)value)).ToArray();
        using var message = new MemoryStream();
        SafetensorsWriter.Write(
            message,
            [("activations", bytesPerValue == sizeof(float) ? "F32" : "F16", [rows, width], activations), ("sequence_ids", "I32", [rows], MemoryMarshal.AsBytes<int>(sequenceOf).ToArray())],
            new() { ["model"] = monitor.Model, ["version"] = monitor.Version, ["hook"] = monitor.Hook });
        BytesPerRow = (double)message.Length / rows;
        return message.ToArray();
    }

    /// <summary>A quick batch's, the first quartile: other work on the machine only ever slows batches down.</summary>
    private double RowsPerSecond(Action batch, int rowsOfBatch)
    {
        var began = Stopwatch.GetTimestamp();
        do Time(batch);
        while (Stopwatch.GetElapsedTime(began) < warming);

        began = Stopwatch.GetTimestamp();
        var times = new List<double>();
        do times.Add(Time(batch));
        while (Stopwatch.GetElapsedTime(began) < measuring && times.Count < BatchesMaximum);
        times.Sort();
        return rowsOfBatch / times[times.Count / 4];
    }

    private double Time(Action batch)
    {
        stopping.ThrowIfCancellationRequested();
        var began = Stopwatch.GetTimestamp();
        batch();
        var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
        progress(++batches);
        return took;
    }

    /// <summary>Hands out what was encoded before, so that what is left is the work around encoding.</summary>
    private sealed class EncodedAlready(SparseAutoencoder sae, SparseCodes encoded) : IEncoder
    {
        public SparseAutoencoder Dictionary => sae;
        public string Description => "encoded already";

        public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes)
        {
            codes.Clear();
            for (var row = 0; row < rowsBD.Length / sae.Width; row++) codes.AddRow(encoded.FeaturesOf(row), encoded.ValuesOf(row));
        }
    }
}
