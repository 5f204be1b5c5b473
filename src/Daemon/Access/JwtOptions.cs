namespace DriftWatch.Daemon.Access;

/// <summary>Tokens of an identity provider (section <c>http.jwt</c>).</summary>
public sealed record JwtOptions
{
    /// <summary>Must stand in the token as it stands here. With <see cref="Authority"/> alone: what the provider says.</summary>
    public string? Issuer { get; init; }

    /// <summary>For whom the token must be meant.</summary>
    public string Audience { get; init; } = "";

    /// <summary>The provider's address; its keys are found by OpenID Connect discovery.</summary>
    public string? Authority { get; init; }

    /// <summary>A JWKS file instead, for where the daemon cannot reach the provider.</summary>
    public string? Keys { get; init; }

    /// <summary>The claim whose text is the caller's name in the record.</summary>
    public string NameClaim { get; init; } = "sub";

    /// <summary>The claim that holds roles or groups: a text, a text of several with spaces, or a list.</summary>
    public string RoleClaim { get; init; } = "roles";

    /// <summary>What stands in the claim → role.</summary>
    public IReadOnlyDictionary<string, Role> Roles { get; init; } = Access.Roles.ByName;

    public IEnumerable<string> Problems()
    {
        if (Audience.Length == 0) yield return "http.jwt lacks audience. Write what the provider puts into aud for this daemon, as in 'audience: driftwatch': a token for another service must not open this one.";
        if (Authority is null == Keys is null) yield return "http.jwt needs authority (the provider's https address) or keys (a JWKS file), one of them.";
        if (Keys is not null && Issuer is null) yield return "http.jwt lacks issuer. Write what the provider puts into iss, as in 'issuer: https://login.acme.example/'.";
        if (Authority is not null && !(Uri.TryCreate(Authority, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || uri is { Scheme: "http", IsLoopback: true })))
            yield return $"http.jwt.authority is '{Authority}'. Use an https address: keys that come in plain text may be anybody's.";
        if (Keys is null) yield break;
        var problem = "";
        try
        {
            JwtTokens.ReadKeys([Configuration.SmallFile.Read(Keys)]);
        }
        catch (Exception error) when (error is IOException or FormatException)
        {
            problem = error.Message;
        }
        if (problem.Length > 0) yield return $"http.jwt.keys cannot be used: {problem}.";
    }
}
