using System.Threading.RateLimiting;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Daemon.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;

namespace DriftWatch.Daemon.Access;

/// <summary>Marks an endpoint that takes batches.</summary>
internal sealed class TakesUploads;

/// <summary>How fast, and how many at once, batches come in: by sender, so that one does not crowd out the others, and in all, for a batch is held in memory while it arrives.</summary>
internal static class UploadLimit
{
    public const int AtOnce = 16;
    private const int AtOncePerSender = 4;
    private const int WaitingPerSender = 64;
    private const int RateBurstSeconds = 2;

    public static RateLimiterOptions Limit(this RateLimiterOptions limiter, HttpOptions options)
    {
        var rate = By(sender => RateLimitPartition.GetTokenBucketLimiter(sender, _ => new()
        {
            TokenLimit = options.SendRate * RateBurstSeconds,
            TokensPerPeriod = options.SendRate,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        }));
        // Those that wait hold a connection and nothing else: their bodies are not read yet.
        var own = By(sender => RateLimitPartition.GetConcurrencyLimiter(sender, _ => new() { PermitLimit = AtOncePerSender, QueueLimit = WaitingPerSender }));
        var all = By(_ => RateLimitPartition.GetConcurrencyLimiter("", _ => new() { PermitLimit = AtOnce, QueueLimit = AtOnce * WaitingPerSender }));
        limiter.GlobalLimiter = PartitionedRateLimiter.CreateChained(rate, own, all);
        limiter.OnRejected = RefuseAsync;
        return limiter;
    }

    private static PartitionedRateLimiter<HttpContext> By(Func<string, RateLimitPartition<string>> limit) => PartitionedRateLimiter.Create<HttpContext, string>(context =>
        context.GetEndpoint()?.Metadata.GetMetadata<TakesUploads>() is null ? RateLimitPartition.GetNoLimiter("") : limit($"sender {context.User.Identity?.Name}"));

    private static async ValueTask RefuseAsync(OnRejectedContext rejected, CancellationToken stopping)
    {
        var context = rejected.HttpContext;
        context.RequestServices.GetRequiredService<WatchMetrics>().Refused(Refusal.Rate);
        var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var told) ? told : TimeSpan.FromSeconds(1);
        context.Response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString();
        await Results.Problem("This sender sends more batches than it may (http.sendRate), or has too many on their way. Send fewer at a time, or the same again after Retry-After.", statusCode: 429, title: "Too many batches").ExecuteAsync(context);
    }
}
