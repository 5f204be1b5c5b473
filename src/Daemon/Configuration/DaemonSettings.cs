using DriftWatch.Analysis;
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

    public const int ThreadsMaximum = 1024;

    /// <summary>Processor threads that encode.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Largest message that is accepted, from Kafka or over HTTP.</summary>
    public int MessageBytesMaximum { get; init; } = 64 << 20;

    /// <summary>A record shows its members, and <see cref="Log"/> may hold a password.</summary>
    public override string ToString() => $"log {Alerts.EventLog.EventLogAddress.Shown(Log)}, {(Kafka is null ? "no Kafka" : $"Kafka topic {Kafka.Topic}")}, http {Http.Listen}";

    public IEnumerable<string> Problems()
    {
        if (Alerts.EventLog.EventLogAddress.Problem(Log) is { } problem) yield return problem;
        if (Role is not ("watcher" or "reader")) yield return $"role is '{Role}'. Use watcher (consumes and decides; the default) or reader (API and pages over the log that watchers write).";
        else if (IsReader && Log.StartsWith("memory:", StringComparison.Ordinal)) yield return "role is reader, and log is memory:, which no other daemon writes to. Name the watchers' log.";
        else if (IsReader && Http.Off) yield return "role is reader, and http.listen is off: nothing would be left to do. Use role: watcher, or an address to listen on.";
        if (Alerts.Projections.ProjectionAddress.Problem(Projections, Log) is { } kept && (Projections is not null || Alerts.EventLog.EventLogAddress.Problem(Log) is null)) yield return kept;
        if (SampleWindows is < 0 or > 1_000_000) yield return $"sampleWindows is {SampleWindows}. Use 0 to 1000000; {Alerts.EventLog.EventLogAddress.AttachmentsKept} is a good start.";
        if (Encoder == "cuda") yield return "encoder is 'cuda', and this is the embedded build, which encodes on the processor. Build with PROFILE=production for GPUs, or use cpu or auto.";
        else if (Encoder is not ("auto" or "cpu")) yield return $"encoder is '{Encoder}'. Use auto, cpu or cuda.";
        if (Threads is < 1 or > ThreadsMaximum) yield return $"threads is {Threads}. Use 1 or more, at most as many as the processor has.";
        if (MessageBytesMaximum < 1024) yield return $"messageBytesMaximum is {MessageBytesMaximum}. Use 1024 or more.";
        foreach (var kafka in Kafka?.Problems() ?? []) yield return kafka;
        foreach (var spool in Spool.Problems()) yield return spool;
        foreach (var http in Http.Problems()) yield return http;
    }
}
