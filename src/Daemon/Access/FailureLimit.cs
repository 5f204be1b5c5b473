using System.Net;
using System.Threading.RateLimiting;

namespace DriftWatch.Daemon.Access;

/// <summary>How many requests without a valid token one address may send before it hears 429 in place of 401.</summary>
internal sealed class FailureLimit : IDisposable
{
    public const int PerMinute = 60;

    /// <summary>Addresses share so many counters: a flood of addresses takes no memory.</summary>
    private const int Counters = 1024;

    private readonly PartitionedRateLimiter<int> limiter = PartitionedRateLimiter.Create<int, int>(counter => RateLimitPartition.GetFixedWindowLimiter(counter, _ => new() { PermitLimit = PerMinute, Window = TimeSpan.FromMinutes(1) }));

    /// <summary>Counts one more failure. Null: not yet; else how long to wait.</summary>
    public TimeSpan? IsReachedBy(IPAddress? address)
    {
        // Whoever has one address of IPv6 has all of its /64.
        var bytes = address?.MapToIPv6().GetAddressBytes() ?? [];
        var whole = address is null || address.IsIPv4MappedToIPv6 || address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork;
        var hash = new HashCode();
        hash.AddBytes(whole ? bytes : bytes.AsSpan(0, 8));
        using var lease = limiter.AttemptAcquire((int)((uint)hash.ToHashCode() % Counters));
        return lease.IsAcquired ? null : lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromMinutes(1);
    }

    public void Dispose() => limiter.Dispose();
}
