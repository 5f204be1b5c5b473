namespace DriftWatch.Daemon.Capacity;

/// <summary>What is to be carried.</summary>
/// <param name="Cores">Of one daemon.</param>
/// <param name="PartitionMegabytes">What one partition may carry, MB/s.</param>
public sealed record Load(double RowsPerSecond, double BytesPerRow, int Cores, double PartitionMegabytes)
{
    public double MegabytesPerSecond => RowsPerSecond * BytesPerRow / 1e6;
}

/// <summary>Rows per second that a machine was measured to do.</summary>
/// <param name="EncodeOne">Encoding, and reconstructing for FVU, with one thread.</param>
/// <param name="EncodeAll">The same with <paramref name="Threads"/> threads.</param>
/// <param name="Around">All else that a daemon does with a row (decode, widen, count), which one thread does.</param>
/// <param name="EncodeGpu">Encoding on one GPU, and reconstructing with all threads; null: none was measured.</param>
public sealed record MeasuredSpeed(double EncodeOne, double EncodeAll, int Threads, double Around, double? EncodeGpu)
{
    /// <summary>A daemon reads, encodes and counts one batch after the other: times add up.</summary>
    /// <remarks>Beyond the threads that were measured, each further core is taken to do as much as one of these.</remarks>
    public double OnCores(int cores) => Daemon(cores == 1 ? EncodeOne : Math.Max(EncodeOne, cores * EncodeAll / Threads));

    public double? OnGpu => EncodeGpu is { } encode ? Daemon(encode) : null;

    private double Daemon(double encode) => 1 / (1 / Around + 1 / encode);
}

/// <summary>What a load takes, or the share of it that one daemon can take.</summary>
/// <param name="Daemons">Of <see cref="Load.Cores"/> cores each.</param>
/// <param name="Cores">Of all daemons; where one is enough, as few as do.</param>
/// <param name="Partitions">A multiple of the daemons.</param>
/// <param name="DaemonRowsPerSecond">What one daemon takes when busy for <see cref="Busy"/> of the time.</param>
/// <param name="Share">Of the rows, to sample where there is one daemon only; 1: it takes all.</param>
/// <param name="Gpus">Instead of the cores, one a daemon; null: none was measured.</param>
public sealed record CapacityPlan(long Daemons, long Cores, long Partitions, double DaemonRowsPerSecond, double Share, long? Gpus)
{
    /// <summary>The rest is for catching up after a restart, closing windows, and peaks: a daemon that is always busy never catches up.</summary>
    public const double Busy = 0.7;

    public static CapacityPlan For(Load load, MeasuredSpeed speed)
    {
        var daemon = Busy * speed.OnCores(load.Cores);
        var daemons = Count(load.RowsPerSecond / daemon);
        var cores = daemons > 1 ? daemons * load.Cores : Enumerable.Range(1, load.Cores).First(cores => cores == load.Cores || Busy * speed.OnCores(cores) >= load.RowsPerSecond);
        return new(daemons, cores, Partitioned(load, daemons), daemon, Math.Min(1, daemon / load.RowsPerSecond), speed.OnGpu is { } gpu ? Count(load.RowsPerSecond / (Busy * gpu)) : null);
    }

    /// <summary>Partitions are dealt out whole, so a multiple of the daemons: else some would have more to do than others.</summary>
    public static long Partitioned(Load load, long daemons) => daemons * Count(load.MegabytesPerSecond / load.PartitionMegabytes / daemons);

    private static long Count(double needed) => Math.Max(1, (long)Math.Ceiling(needed));
}
