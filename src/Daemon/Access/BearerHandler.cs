using System.Text.Encodings.Web;
using DriftWatch.Alerts.Metrics;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DriftWatch.Daemon.Access;

/// <summary><c>Authorization: Bearer …</c> → the caller, or a problem that says what is missing.</summary>
internal sealed class BearerHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logging, UrlEncoder encoder, Callers callers, FailureLimit failures, WatchMetrics metrics)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logging, encoder)
{
    public const string SchemeName = "Bearer";

    private string refusal = Refusal.NoToken;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!callers.Asked) return Succeeded(Caller.Anybody);
        if (Request.Headers.Authorization.Count == 0) return AuthenticateResult.NoResult();
        var (caller, reason) = TokenOf(Request.Headers.Authorization.ToString()) is { } token ? await callers.AuthenticateAsync(token, Context.RequestAborted) : Authentication.Refused(Refusal.Malformed);
        if (caller is not null) return Succeeded(caller.ToPrincipal());
        refusal = reason!;
        return AuthenticateResult.Fail(refusal);
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        metrics.Refused(refusal);
        if (refusal == Refusal.KeysAway) return AnswerAsync(503, "No keys", Refusal.Sentence(refusal), retryAfter: TimeSpan.FromSeconds(10));
        // A good token is never held up by the bad ones that came before it, from behind the same proxy maybe.
        if (failures.IsReachedBy(Context.Connection.RemoteIpAddress) is { } wait)
        {
            metrics.Refused(Refusal.Failures);
            return AnswerAsync(429, "Too many failures", "Too many requests without a valid token came from this address. Wait, and send a valid token.", retryAfter: wait);
        }
        Response.Headers.WWWAuthenticate = refusal == Refusal.NoToken ? "Bearer" : "Bearer error=\"invalid_token\"";
        return AnswerAsync(401, "No valid token", Refusal.Sentence(refusal));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        metrics.Refused(Refusal.Role);
        var needed = Context.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(data => data.Policy).LastOrDefault();
        return AnswerAsync(403, "Not allowed", needed is null ? "No role may do this." : $"This needs the role {needed}, which {(Context.User.Identity?.Name is { } name ? $"'{name}'" : "this caller")} does not have.");
    }

    private static AuthenticateResult Succeeded(System.Security.Claims.ClaimsPrincipal caller) => AuthenticateResult.Success(new(caller, SchemeName));

    /// <summary>Null: not one bearer token.</summary>
    private static string? TokenOf(string header) =>
        header.Split(' ', 3) is [var scheme, { Length: > 0 } token] && scheme.Equals(SchemeName, StringComparison.OrdinalIgnoreCase) ? token : null;

    private Task AnswerAsync(int status, string title, string detail, TimeSpan? retryAfter = null)
    {
        if (retryAfter is { } wait) Response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString();
        return Results.Problem(detail, statusCode: status, title: title).ExecuteAsync(Context);
    }
}
