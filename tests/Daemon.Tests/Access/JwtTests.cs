using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using DriftWatch.Daemon.Access;
using DriftWatch.Daemon.Tests.Api;
using DriftWatch.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace DriftWatch.Daemon.Tests.Access;

/// <summary>Tokens of an identity provider: keys in a file, and found by discovery.</summary>
public sealed class JwtTests : IDisposable
{
    private const string Issuer = "https://login.acme.example/", Audience = "driftwatch";

    private static readonly RSA key = RSA.Create(2048), otherKey = RSA.Create(2048);
    private static readonly JwtOptions options = new() { Issuer = Issuer, Audience = Audience, Keys = "jwks.json", Roles = new Dictionary<string, Role> { ["ml-oncall"] = Role.Operator, ["serving fleet"] = Role.Sender } };

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_signed_token_lets_its_subject_in_with_the_roles_of_its_claim()
    {
        using var tokens = Tokens();

        Assert.Equal((Authentication)new Caller("ann", Role.Operator), await AskAsync(tokens, Token(roles: new[] { "ml-oncall", "others" })));
        Assert.Equal((Authentication)new Caller("ann", Role.Operator), await AskAsync(tokens, Token(roles: "others ml-oncall")));
        Assert.Equal((Authentication)new Caller("ann", Role.Sender), await AskAsync(tokens, Token(roles: "serving fleet")));
        Assert.Equal((Authentication)new Caller("ann", Role.None), await AskAsync(tokens, Token(roles: 7)));
        Assert.Equal((Authentication)new Caller("ann", Role.None), await AskAsync(tokens, Token(roles: null)));
    }

    [Fact]
    public async Task What_does_not_hold_is_refused_with_its_reason()
    {
        using var tokens = Tokens();
        var good = Token();
        foreach (var (token, reason) in new[]
                 {
                     (Token(from: -600, until: -31), Refusal.Expired), (Token(from: 31, until: 600), Refusal.NotYetValid), (Token(issuer: "https://evil.example/"), Refusal.Issuer), (Token(audience: "other"), Refusal.Audience),
                     (Token(signedBy: otherKey), Refusal.Signature), (good[..(good.LastIndexOf('.') + 1)], Refusal.Signature), ($"{good.Split('.')[0]}.{Token(subject: "bob").Split('.')[1]}.{good.Split('.')[2]}", Refusal.Signature),
                     (Unsigned(good), Refusal.Signature), (Symmetric(), Refusal.Signature), (Token(subject: ""), Refusal.Subject), (Token(subject: "driftwatch"), Refusal.Subject), (Token(subject: "taken"), Refusal.Subject),
                     (Token(subject: "a\nb"), Refusal.Subject), (Token(subject: new('a', 201)), Refusal.Subject), ("x", Refusal.Malformed), ("x.y.z", Refusal.Malformed), (new('a', 20_000), Refusal.Malformed), ("..", Refusal.Malformed),
                 })
        {
            var refused = await AskAsync(tokens, token);
            Assert.True(refused == Authentication.Refused(reason), $"{reason}: {refused}");
        }
        Assert.Equal("ann", (await AskAsync(tokens, Token(from: -600, until: -29))).Caller?.Name);   // Clocks differ a little.
    }

    [Fact]
    public async Task New_keys_of_the_file_take_the_place_of_the_old()
    {
        File.WriteAllText(folder.File("jwks.json"), Jwks(key));
        var keys = new FollowedFile<JsonWebKeySet>("http.jwt.keys", JwtTokens.ReadKeys, folder.File("jwks.json"));
        using var tokens = new JwtTokens(options, keys, _ => false, new SetTime());

        File.WriteAllText(folder.File("jwks.json"), Jwks(otherKey));
        Assert.True(keys.Refresh());
        Assert.False(keys.Refresh());

        Assert.Equal(("ann", Refusal.Signature), ((await AskAsync(tokens, Token(signedBy: otherKey))).Caller?.Name, (await AskAsync(tokens, Token())).Reason));
        foreach (var (bad, says) in new[] { ("{}", "no key for signatures"), ("x", "no JSON Web Key Set"), (JsonSerializer.Serialize(new { keys = new[] { new { kty = "oct", k = "c2VjcmV0" } } }), "private or secret key") })
        {
            File.WriteAllText(folder.File("jwks.json"), bad);
            Assert.Contains(says, Assert.Throws<FormatException>(() => keys.Refresh()).Message, StringComparison.Ordinal);
        }
        Assert.Equal("ann", (await AskAsync(tokens, Token(signedBy: otherKey))).Caller?.Name);
    }

    [Fact]
    public async Task A_provider_is_asked_for_its_keys_and_who_it_names_stands_in_the_record()
    {
        await using var provider = await ProviderAsync();
        var authority = provider.Urls.Single();
        await using var house = await SomeHouse.StartAsync(http: $", jwt: {{ authority: '{authority}', audience: driftwatch, roles: {{ operator: ml-oncall }} }}");
        await house.RaiseAsync(Some.Raised());
        var now = TimeProvider.System.GetUtcNow();

        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", Token(issuer: authority, now: now, roles: "ml-oncall"));
        using var done = await house.PostAsync("/v1/alerts/0123456789ab/resolve", """{"note":"done"}""");
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", Token(issuer: authority, now: now, roles: "others"));
        using var forbidden = await house.PostAsync("/v1/alerts/0123456789ab/resolve", """{"note":"done"}""");

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.Forbidden), (done.StatusCode, forbidden.StatusCode));
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", Token(issuer: authority, now: now, roles: "ml-oncall"));
        await SomeHouse.UntilAsync(() => house.Register.Current.Alerts["0123456789ab"].StateAt(Some.Time) == Alerts.AlertState.Resolved);
        Assert.Equal("ann", (await house.JsonAsync($"/v1/audit/{Alerts.StreamNames.Operator(Some.Monitor)}"))[0].GetProperty("actor").GetString());
    }

    [Fact]
    public async Task A_provider_that_is_away_is_no_verdict_about_a_token()
    {
        await using var house = await SomeHouse.StartAsync(http: ", tokens: tokens, jwt: { authority: 'http://127.0.0.1:1', audience: driftwatch }", prepare: files => files.Write("tokens", SomeHouse.TokenLine("ann", "viewer", SomeHouse.Token)));

        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", Token());
        using var away = await house.GetAsync("/v1/alerts");
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", SomeHouse.Token);
        using var own = await house.GetAsync("/v1/alerts");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(10), HttpStatusCode.OK), (away.StatusCode, away.Headers.RetryAfter?.Delta, own.StatusCode));
    }

    private JwtTokens Tokens()
    {
        File.WriteAllText(folder.File("jwks.json"), Jwks(key));
        return new(options, new FollowedFile<JsonWebKeySet>("http.jwt.keys", JwtTokens.ReadKeys, folder.File("jwks.json")), name => name == "taken", new SetTime());
    }

    private static ValueTask<Authentication> AskAsync(JwtTokens tokens, string token) => tokens.AuthenticateAsync(token, TestContext.Current.CancellationToken);

    /// <param name="from">Seconds from now.</param>
    private static string Token(string subject = "ann", string issuer = Issuer, string audience = Audience, object? roles = null, int from = -10, int until = 600, RSA? signedBy = null, DateTimeOffset? now = null)
    {
        var claims = new Dictionary<string, object> { ["sub"] = subject };
        if (roles is not null) claims["roles"] = roles;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            Claims = claims,
            NotBefore = (now ?? Some.Time).UtcDateTime.AddSeconds(from),
            Expires = (now ?? Some.Time).UtcDateTime.AddSeconds(until),
            SigningCredentials = new(new RsaSecurityKey(signedBy ?? key) { KeyId = "k" }, SecurityAlgorithms.RsaSha256),
        });
    }

    /// <summary>The same claims under "alg": "none".</summary>
    private static string Unsigned(string token) => $"{Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""")}.{token.Split('.')[1]}.";

    /// <summary>Signed with the public key as a shared secret: the classic confusion.</summary>
    private static string Symmetric()
    {
        var body = $"{Base64UrlEncoder.Encode("""{"alg":"HS256","kid":"k"}""")}.{Token().Split('.')[1]}";
        return $"{body}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(key.ExportSubjectPublicKeyInfo(), System.Text.Encoding.ASCII.GetBytes(body)))}";
    }

    private static string Jwks(RSA key)
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return JsonSerializer.Serialize(new { keys = new[] { new { kty = "RSA", use = "sig", kid = "k", n = Base64UrlEncoder.Encode(parameters.Modulus), e = Base64UrlEncoder.Encode(parameters.Exponent) } } });
    }

    private static async Task<WebApplication> ProviderAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.MapGet("/.well-known/openid-configuration", (HttpContext context) => Results.Json(new { issuer = $"http://{context.Request.Host}", jwks_uri = $"http://{context.Request.Host}/keys" }));
        app.MapGet("/keys", () => Results.Text(Jwks(key), "application/json"));
        await app.StartAsync();
        return app;
    }

    private sealed class SetTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Some.Time;
    }
}
