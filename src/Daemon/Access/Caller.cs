using System.Security.Claims;

namespace DriftWatch.Daemon.Access;

/// <summary>Who sends a request: the name that stands in the record for what they do.</summary>
public sealed record Caller(string Name, Role Roles)
{
    public const int NameLengthMaximum = 200;

    /// <summary>The daemon's own facts carry this name; nobody else may.</summary>
    public const string Daemon = "driftwatch";

    /// <summary>With no access configured (loopback only): everybody on this machine, by no name.</summary>
    public static readonly ClaimsPrincipal Anybody = new(new ClaimsIdentity(RolesOf(Access.Roles.All)));

    public ClaimsPrincipal ToPrincipal() => new(new ClaimsIdentity([new(ClaimTypes.Name, Name), .. RolesOf(Roles)], authenticationType: "Bearer"));

    private static IEnumerable<Claim> RolesOf(Role roles) => Access.Roles.Names(roles).Select(name => new Claim(ClaimTypes.Role, name));
}

/// <summary>A caller, or why there is none.</summary>
/// <param name="Reason">One of <see cref="Refusal"/>.</param>
public readonly record struct Authentication(Caller? Caller, string? Reason)
{
    public static implicit operator Authentication(Caller caller) => new(caller, null);

    public static Authentication Refused(string reason) => new(null, reason);
}

/// <summary>Why a request was refused before it was looked at: label values of <c>driftwatch_http_refused_total</c>. None comes from a client.</summary>
public static class Refusal
{
    public const string NoToken = "no-token";
    public const string Malformed = "malformed-token";
    public const string Unknown = "unknown-token";
    public const string Expired = "expired-token";
    public const string NotYetValid = "not-yet-valid";
    public const string Issuer = "wrong-issuer";
    public const string Audience = "wrong-audience";
    public const string Signature = "wrong-signature";
    public const string Subject = "unusable-subject";
    public const string KeysAway = "keys-unavailable";
    public const string Role = "wrong-role";
    public const string Failures = "too-many-failures";
    public const string Rate = "rate";
    public const string Connections = "connections";

    /// <summary>The sentence that the client reads.</summary>
    public static string Sentence(string reason) => reason switch
    {
        NoToken => "Send a token as 'Authorization: Bearer …'. 'driftwatch token create' makes one.",
        Malformed => "The Authorization header is no bearer token that this daemon takes. Send one token, as 'Authorization: Bearer …'.",
        Unknown => "The token is not among those of this daemon. It may have been replaced: ask the daemon's operator for one.",
        Expired => "The token has expired. Use a new one.",
        NotYetValid => "The token is not valid yet: is the clock of its issuer right?",
        Issuer => "The token is of another issuer than http.jwt.issuer.",
        Audience => "The token is meant for another audience than http.jwt.audience.",
        Signature => "The token's signature does not hold with any key of its issuer.",
        Subject => "The token's subject cannot stand in the record: it is missing, too long, or a name that this daemon has given to somebody else.",
        KeysAway => "The keys of the identity provider cannot be had just now. Try again.",
        _ => "The request was refused.",
    };
}
