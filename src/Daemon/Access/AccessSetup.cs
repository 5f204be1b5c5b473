using DriftWatch.Alerts.Metrics;
using DriftWatch.Daemon.Configuration;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace DriftWatch.Daemon.Access;

/// <summary>Puts together who may do what: authentication, a policy for each role, limits.</summary>
internal static class AccessSetup
{
    public static void AddAccess(this WebApplicationBuilder builder, HttpOptions options)
    {
        var services = builder.Services;
        // What each refused request or connection would say is counted instead: a flood must not fill the log, too.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Connections", LogLevel.Error).AddFilter(typeof(BearerHandler).FullName, LogLevel.Warning);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limit(options);
            kestrel.Listen(options);
        });
        services.AddFollowedFiles(options);
        services.AddSingleton(provider => new Callers(provider.GetService<FollowedFile<TokenList>>(), provider.GetService<JwtTokens>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<FailureLimit>();
        services.AddSingleton<RejectedConnections>();
        // The core alone: what signs cookies, and writes keys for it into the home folder, has no work here.
        services.AddAuthenticationCore(authentication =>
        {
            authentication.DefaultScheme = BearerHandler.SchemeName;
            authentication.AddScheme<BearerHandler>(BearerHandler.SchemeName, displayName: null);
        });
        services.AddWebEncoders().AddTransient<BearerHandler>();
        services.AddAuthorization(authorization =>
        {
            foreach (var (name, _) in Roles.ByName) authorization.AddPolicy(name, policy => policy.RequireRole(name));
            // An endpoint that names no role is nobody's. A path that is no endpoint is told from one only by those who have a role.
            authorization.FallbackPolicy = new AuthorizationPolicyBuilder().RequireRole(Roles.ByName.Keys).RequireAssertion(request => request.Resource is HttpContext context && context.GetEndpoint() is null).Build();
        });
        services.AddRateLimiter(limiter => limiter.Limit(options));
        services.AddRequestTimeouts();
        services.AddProblemDetails();
        services.Configure<ExceptionHandlerOptions>(handler =>
        {
            handler.StatusCodeSelector = error => error is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status500InternalServerError;
            // A client's mistake is the client's to read, not the operator's.
            handler.SuppressDiagnosticsCallback = failed => failed.Exception is BadHttpRequestException;
        });
        // Against rebinding of names: on loopback a browser must have asked for this machine.
        if (!options.IsAuthenticated) services.AddHostFiltering(filter => filter.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"]);
    }

    private static void AddFollowedFiles(this IServiceCollection services, HttpOptions options)
    {
        if (options.Tokens is { } tokens) services.Follow(new FollowedFile<TokenList>("http.tokens", files => TokenList.Read(files[0]), tokens));
        if (options is { Certificate: { } certificate, Key: { } key }) services.Follow(new FollowedFile<ServerCertificate>("http.certificate", ServerCertificate.Read, certificate, key));
        if (options.Jwt is { } jwt)
        {
            if (jwt.Keys is { } keys) services.Follow(new FollowedFile<JsonWebKeySet>("http.jwt.keys", JwtTokens.ReadKeys, keys));
            services.AddSingleton(provider => new JwtTokens(
                jwt, provider.GetService<FollowedFile<JsonWebKeySet>>(), name => provider.GetService<FollowedFile<TokenList>>()?.Current.HasName(name) ?? false, provider.GetRequiredService<TimeProvider>()));
        }
        if (!options.Off) services.AddHostedService<FileFollower>();
    }

    private static void Follow<T>(this IServiceCollection services, FollowedFile<T> file)
        where T : class => services.AddSingleton(file).AddSingleton<IFollowedFile>(file);

    public static void UseAccess(this WebApplication app)
    {
        app.Services.GetRequiredService<RejectedConnections>();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseHostFiltering();
        app.UseSameOrigin();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        app.UseRequestTimeouts();
        if (app.Services.GetService<FollowedFile<ServerCertificate>>() is { } certificate)
            app.Services.GetRequiredService<WatchMetrics>().Gauge("driftwatch_http_certificate_expires_timestamp_seconds", "When the certificate in force expires, as Unix time.", () =>
                [new(new DateTimeOffset(certificate.Current.Certificate.NotAfter.ToUniversalTime()).ToUnixTimeSeconds())]);
    }

    /// <summary>Endpoints for those who have this role.</summary>
    public static RouteGroupBuilder For(this IEndpointRouteBuilder app, Role role) => app.MapGroup("").RequireAuthorization(Roles.NameOf(role));

    /// <summary>Endpoints for everybody, known or not.</summary>
    public static RouteGroupBuilder ForAll(this IEndpointRouteBuilder app) => app.MapGroup("").AllowAnonymous();

    /// <summary>Endpoints that batches are sent to.</summary>
    public static RouteGroupBuilder ForUploads(this IEndpointRouteBuilder app)
    {
        var group = app.For(Role.Sender).WithMetadata(new TakesUploads());
        group.WithRequestTimeout(new RequestTimeoutPolicy
        {
            Timeout = HttpLimits.UploadTimeout,
            TimeoutStatusCode = StatusCodes.Status408RequestTimeout,
            WriteTimeoutResponse = context => Results.Problem($"The batch has not come within {HttpLimits.UploadTimeout.TotalMinutes:0} minutes.", statusCode: 408, title: "Too slow").ExecuteAsync(context),
        });
        return group;
    }

    /// <summary>A page of another site that a person has open must not act on a daemon of this machine: browsers say where a request comes from.</summary>
    private static void UseSameOrigin(this WebApplication app) => app.Use(async (context, next) =>
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || HttpMethods.IsGet(context.Request.Method) || Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority == context.Request.Host.Value) await next(context);
        else await Results.Problem("The request comes from a page of another site.", statusCode: 403, title: "Other origin").ExecuteAsync(context);
    });
}
