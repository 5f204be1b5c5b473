namespace DriftWatch.Daemon.Access;

/// <summary>Whose a token is: the daemon's own tokens by their beginning, all others by the identity provider.</summary>
internal sealed class Callers(FollowedFile<TokenList>? tokens, JwtTokens? provider, TimeProvider time)
{
    /// <summary>False: none is configured, which is for loopback only, and everybody may do everything.</summary>
    public bool Asked => tokens is not null || provider is not null;

    public async ValueTask<Authentication> AuthenticateAsync(string token, CancellationToken stopping)
    {
        if (token.StartsWith(TokenList.Prefix, StringComparison.Ordinal)) return tokens?.Current.Authenticate(token, time.GetUtcNow()) ?? Authentication.Refused(Refusal.Unknown);
        return provider is null ? Authentication.Refused(Refusal.Unknown) : await provider.AuthenticateAsync(token, stopping);
    }
}
