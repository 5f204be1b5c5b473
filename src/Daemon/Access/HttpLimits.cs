using DriftWatch.Daemon.Configuration;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace DriftWatch.Daemon.Access;

/// <summary>What a connection may cost before anybody is known to be behind it.</summary>
internal static class HttpLimits
{
    /// <summary>Bodies but those of batches: a note about an alert, with room for escapes.</summary>
    public const int BodyBytesMaximum = 64 << 10;

    /// <summary>A batch must be here by then.</summary>
    public static readonly TimeSpan UploadTimeout = TimeSpan.FromMinutes(5);

    private const int HeaderBytesMaximum = 32 << 10;
    private const int BodyBytesPerSecond = 1024;
    private static readonly TimeSpan headersTimeout = TimeSpan.FromSeconds(10), handshakeTimeout = TimeSpan.FromSeconds(10), keepAlive = TimeSpan.FromMinutes(2), rateGrace = TimeSpan.FromSeconds(5);

    public static void Limit(this KestrelServerOptions kestrel, HttpOptions options)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = options.Connections;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.RequestHeadersTimeout = headersTimeout;
        limits.KeepAliveTimeout = keepAlive;
        limits.MaxRequestHeadersTotalSize = HeaderBytesMaximum;
        limits.MaxRequestBodySize = BodyBytesMaximum;
        limits.MinRequestBodyDataRate = new(BodyBytesPerSecond, rateGrace);
        limits.MinResponseDataRate = new(BodyBytesPerSecond, rateGrace);
    }

    public static void Listen(this KestrelServerOptions kestrel, HttpOptions options)
    {
        if (options.Off) return;
        kestrel.Listen(System.Net.IPEndPoint.Parse(options.Listen), listen =>
        {
            // One request at a time on a connection, so the bound on connections is one on requests.
            listen.Protocols = HttpProtocols.Http1;
            if (kestrel.ApplicationServices.GetService<FollowedFile<ServerCertificate>>() is { } certificate)
                listen.UseHttps(new TlsHandshakeCallbackOptions { HandshakeTimeout = handshakeTimeout, OnConnection = _ => ValueTask.FromResult(certificate.Current.Handshake()) });
        });
    }
}
