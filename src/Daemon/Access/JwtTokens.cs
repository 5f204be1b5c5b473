using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace DriftWatch.Daemon.Access;

/// <summary>Tokens that an identity provider signed. Microsoft.IdentityModel checks them; here stands what must hold.</summary>
internal sealed class JwtTokens : IDisposable
{
    private const int TokenBytesMaximum = 16 << 10;
    private const int KeysBytesMaximum = 1 << 20;

    private static readonly TimeSpan clockSkew = TimeSpan.FromSeconds(30), askTimeout = TimeSpan.FromSeconds(10);

    // Only signatures that need the provider's private key: with HS256 a public key would do as the secret.
    private static readonly string[] algorithms =
        [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
         SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512];

    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = TokenBytesMaximum, MapInboundClaims = false };
    private readonly JwtOptions options;
    private readonly TimeProvider time;
    private readonly Func<string, bool> isTaken;
    private readonly FollowedFile<JsonWebKeySet>? keys;
    private readonly ConfigurationManager<OpenIdConnectConfiguration>? provider;
    private readonly HttpClient client = new() { Timeout = askTimeout, MaxResponseContentBufferSize = KeysBytesMaximum };

    /// <param name="keys">Of <see cref="JwtOptions.Keys"/>.</param>
    /// <param name="isTaken">Names that this daemon gave to others.</param>
    public JwtTokens(JwtOptions options, FollowedFile<JsonWebKeySet>? keys, Func<string, bool> isTaken, TimeProvider time)
    {
        (this.options, this.keys, this.isTaken, this.time) = (options, keys, isTaken, time);
        if (options.Authority is not { } authority) return;
        var documents = new HttpDocumentRetriever(client) { RequireHttps = !new Uri(authority).IsLoopback };
        provider = new($"{authority.TrimEnd('/')}/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(), documents);
    }

    public static JsonWebKeySet ReadKeys(IReadOnlyList<byte[]> files)
    {
        JsonWebKeySet set;
        try
        {
            set = new(Encoding.UTF8.GetString(files[0]));
        }
        catch (ArgumentException error)
        {
            throw new FormatException("it is no JSON Web Key Set (RFC 7517), as providers publish at jwks_uri", error);
        }
        // A public file must not hold what signs: whoever reads it could sign, too.
        if (set.Keys.Any(key => key.HasPrivateKey || key.Kty == JsonWebAlgorithmsKeyTypes.Octet)) throw new FormatException("it holds a private or secret key. Name the provider's public keys");
        return set.GetSigningKeys().Count > 0 ? set : throw new FormatException("it holds no key for signatures");
    }

    public async ValueTask<Authentication> AuthenticateAsync(string token, CancellationToken stopping)
    {
        var issuer = options.Issuer;
        if (provider is not null)
        {
            try
            {
                issuer ??= (await provider.GetConfigurationAsync(stopping)).Issuer;
            }
            catch (Exception error) when (error is InvalidOperationException or IOException or HttpRequestException)
            {
                return Authentication.Refused(Refusal.KeysAway);
            }
        }
        var result = await handler.ValidateTokenAsync(token, new()
        {
            ValidIssuer = issuer,
            ValidAudience = options.Audience,
            ValidAlgorithms = algorithms,
            LifetimeValidator = (from, until, _, _) => IsInTime(from, until),
            // One of the two; with a provider new keys are asked for when a signature names one that is not known.
            IssuerSigningKeyResolver = keys is null ? null : (_, _, _, _) => keys.Current.GetSigningKeys(),
            ConfigurationManager = provider,
        });
        return result.IsValid ? CallerOf(result) : Authentication.Refused(ReasonOf(result.Exception));
    }

    public void Dispose() => client.Dispose();

    private bool IsInTime(DateTime? from, DateTime? until)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (until is null) throw new SecurityTokenNoExpirationException();
        if (until.Value + clockSkew <= now) throw new SecurityTokenExpiredException();
        if (from - clockSkew > now) throw new SecurityTokenNotYetValidException();
        return true;
    }

    private Authentication CallerOf(TokenValidationResult result)
    {
        var name = result.Claims.TryGetValue(options.NameClaim, out var claim) ? claim as string : null;
        // A name that a token of the file has, or the daemon, would let one pass for the other in the record.
        if (name is not { Length: > 0 and <= Caller.NameLengthMaximum } || name.Any(char.IsControl) || name == Caller.Daemon || isTaken(name)) return Authentication.Refused(Refusal.Subject);
        var roles = Role.None;
        foreach (var text in Texts(result.Claims.TryGetValue(options.RoleClaim, out var held) ? held : null))
            roles |= options.Roles.GetValueOrDefault(text);
        return new Caller(name, roles);
    }

    private static IEnumerable<string> Texts(object? claim) => claim switch
    {
        string text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Append(text),
        JsonElement { ValueKind: JsonValueKind.Array } list => list.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String).Select(each => each.GetString()!),
        IEnumerable<object> list => list.OfType<string>(),
        _ => [],
    };

    private static string ReasonOf(Exception? error) => error switch
    {
        SecurityTokenExpiredException => Refusal.Expired,
        SecurityTokenNotYetValidException => Refusal.NotYetValid,
        SecurityTokenInvalidIssuerException => Refusal.Issuer,
        SecurityTokenInvalidAudienceException => Refusal.Audience,
        SecurityTokenInvalidSignatureException or SecurityTokenSignatureKeyNotFoundException or SecurityTokenInvalidAlgorithmException => Refusal.Signature,
        _ => Refusal.Malformed,
    };
}
