namespace DriftWatch.Ingest.Spool;

/// <summary>Where batches that come over HTTP wait when there is no Kafka (section <c>spool</c>).</summary>
public sealed record SpoolOptions
{
    /// <summary>A file of this machine.</summary>
    public string Path { get; init; } = "driftwatch-spool.db";

    /// <summary>Bytes that wait for the loop; at the bound clients are asked to try later (503). The file also holds what open windows need.</summary>
    public long BytesMaximum { get; init; } = 1L << 30;

    public IEnumerable<string> Problems()
    {
        if (Path.Length == 0) yield return "spool.path is empty. Name a file.";
        if (BytesMaximum < 1 << 20) yield return $"spool.bytesMaximum is {BytesMaximum}. Use 1048576 (1 MiB) or more.";
    }
}
