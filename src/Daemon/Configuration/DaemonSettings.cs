using DriftWatch.Analysis;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Ingest.Kafka;
using DriftWatch.Ingest.Spool;

namespace DriftWatch.Daemon.Configuration;

/// <summary>How this process runs. None of it changes a finding; what does is in <see cref="Catalog"/>.</summary>
public sealed record DaemonSettings
{
    /// <summary>Where the event log is: <c>sqlite:PATH</c>.</summary>
    public string Log { get; init; } = "sqlite:driftwatch.db";

    /// <summary>Where projections are kept (snapshots, feature history), which can be made anew from the log at any time: <c>sqlite:PATH</c> or <c>postgres://…</c>; null: in the log's own store.</summary>
    public string? Projections { get; init; }

    /// <summary>Newest windows of each monitor and partition that keep the sample of their sequences (<c>windows.sampleSequences</c>). More let a new rule be tried on a longer past; the disk fills.</summary>
    public int SampleWindows { get; init; } = Alerts.EventLog.EventLogAddress.AttachmentsKept;

    /// <summary><c>watcher</c>, or <c>reader</c>: API, pages and metrics over a log that watchers write, and what operators do; it consumes nothing, takes no batches and sends no alerts.</summary>
    public string Role { get; init; } = "watcher";

    public bool IsReader => Role == "reader";

    /// <summary>Null: no Kafka; batches come over HTTP alone and wait in <see cref="Spool"/>.</summary>
    public KafkaOptions? Kafka { get; init; }
    public SpoolOptions Spool { get; init; } = new();
    public HttpOptions Http { get; init; } = new();

    /// <summary>What encodes: <c>auto</c>, <c>cpu</c> or <c>cuda</c>.</summary>
    public string Encoder { get; init; } = "auto";

    /// <summary>How exactly a GPU takes products: <c>fp32</c>, <c>tf32</c> or <c>bf16</c>. It changes which features fire: windows and baselines of one precision do not compare with another's.</summary>
    public string Precision { get; init; } = "fp32";

    public const int ThreadsMaximum = 1024;

    /// <summary>Processor threads that encode.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Largest message that is accepted, from Kafka or over HTTP.</summary>
    public int MessageBytesMaximum { get; init; } = 64 << 20;

    /// <summary>A record shows its members, and <see cref="Log"/> may hold a password.</summary>
    public override string ToString() => $"log {Alerts.EventLog.EventLogAddress.Shown(Log)}, {(Kafka is null ? "no Kafka" : $"Kafka topic {Kafka.Topic}")}, http {Http.Listen}";

    private static readonly Dictionary<string, EncoderDevice> devices = new(StringComparer.Ordinal) { ["auto"] = EncoderDevice.Auto, ["cpu"] = EncoderDevice.Cpu, ["cuda"] = EncoderDevice.Cuda };
    private static readonly Dictionary<string, Precision> precisions = new(StringComparer.Ordinal) { ["fp32"] = Analysis.Encoding.Precision.Fp32, ["tf32"] = Analysis.Encoding.Precision.Tf32, ["bf16"] = Analysis.Encoding.Precision.Bf16 };

    /// <summary>What encodes. Where the settings have problems, the processor: dictionaries are read all the same, to find theirs.</summary>
    public EncoderChoice EncoderChoice =>
        new(Encoder == "cuda" && EncoderChoice.GpuProblem is not null ? EncoderDevice.Cpu : devices.GetValueOrDefault(Encoder, EncoderDevice.Cpu), precisions.GetValueOrDefault(Precision), Math.Clamp(Threads, 1, ThreadsMaximum));
    /// <summary>From SIGTERM to the end of the process: what is in work is finished within it. Kubernetes kills after 30 seconds unless terminationGracePeriodSeconds says otherwise.</summary>
    public TimeSpan ShutdownWithin { get; init; } = TimeSpan.FromSeconds(25);

    public static readonly TimeSpan ShutdownWithinMaximum = TimeSpan.FromHours(1);

    public IEnumerable<string> Problems()
    {
        if (ShutdownWithin < TimeSpan.FromSeconds(1) || ShutdownWithin > ShutdownWithinMaximum) yield return $"shutdownWithin is {ShutdownWithin}. Use 00:00:01 to {ShutdownWithinMaximum}, some seconds less than the grace that the process is given (Kubernetes: 30 s); 00:00:25 is the default.";
        if (Alerts.EventLog.EventLogAddress.Problem(Log) is { } problem) yield return problem;
        if (Role is not ("watcher" or "reader")) yield return $"role is '{Role}'. Use watcher (consumes and decides; the default) or reader (API and pages over the log that watchers write).";
        else if (IsReader && Log.StartsWith("memory:", StringComparison.Ordinal)) yield return "role is reader, and log is memory:, which no other daemon writes to. Name the watchers' log.";
        else if (IsReader && Http.Off) yield return "role is reader, and http.listen is off: nothing would be left to do. Use role: watcher, or an address to listen on.";
        if (Alerts.Projections.ProjectionAddress.Problem(Projections, Log) is { } kept && (Projections is not null || Alerts.EventLog.EventLogAddress.Problem(Log) is null)) yield return kept;
        if (SampleWindows is < 0 or > 1_000_000) yield return $"sampleWindows is {SampleWindows}. Use 0 to 1000000; {Alerts.EventLog.EventLogAddress.AttachmentsKept} is a good start.";
        if (!devices.ContainsKey(Encoder)) yield return $"encoder is '{Encoder}'. Use auto, cpu or cuda.";
        else if (Encoder == "cuda" && EncoderChoice.GpuProblem is { } gpu) yield return $"encoder is 'cuda', and {gpu}";
        if (!precisions.ContainsKey(Precision)) yield return $"precision is '{Precision}'. Use fp32, tf32 or bf16.";
        // On the processor the same catalog would give windows that do not compare.
        else if (Precision != "fp32" && Encoder != "cuda") yield return $"precision is '{Precision}', which only a GPU has, and encoder is '{Encoder}', which may end on the processor. Use precision: fp32, or encoder: cuda.";
        if (Threads is < 1 or > ThreadsMaximum) yield return $"threads is {Threads}. Use 1 or more, at most as many as the processor has.";
        if (MessageBytesMaximum < 1024) yield return $"messageBytesMaximum is {MessageBytesMaximum}. Use 1024 or more.";
        foreach (var kafka in Kafka?.Problems() ?? []) yield return kafka;
        foreach (var spool in Spool.Problems()) yield return spool;
        foreach (var http in Http.Problems()) yield return http;
    }
}
