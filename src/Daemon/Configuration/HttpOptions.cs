using DriftWatch.Daemon.Access;

namespace DriftWatch.Daemon.Configuration;

/// <summary>The API (section <c>http</c>): where it listens, who may use it, how much.</summary>
public sealed record HttpOptions
{
    /// <summary>Address and port; <c>off</c> for none.</summary>
    public string Listen { get; init; } = "127.0.0.1:8080";

    /// <summary>A file of token hashes that <c>driftwatch token create</c> writes.</summary>
    public string? Tokens { get; init; }

    /// <summary>Tokens of an identity provider, beside or in place of <see cref="Tokens"/>.</summary>
    public JwtOptions? Jwt { get; init; }

    /// <summary>PEM: the certificate with its chain, and its private key. Both are read again when they change.</summary>
    public string? Certificate { get; init; }
    public string? Key { get; init; }

    /// <summary>Off loopback without TLS of our own: something in front of the daemon sees to it.</summary>
    public bool PlainText { get; init; }

    /// <summary><c>/metrics</c> needs no token.</summary>
    public bool MetricsOpen { get; init; }

    /// <summary>Connections at once; one more is closed.</summary>
    public int Connections { get; init; } = 1000;

    /// <summary>Batches a second from one sender, in the long run.</summary>
    public int SendRate { get; init; } = 200;

    public bool Off => Listen == "off";

    /// <summary>Callers have to say who they are.</summary>
    public bool IsAuthenticated => Tokens is not null || Jwt is not null;

    public bool IsEncrypted => Certificate is not null;

    public string Scheme => IsEncrypted ? "https" : "http";

    public IEnumerable<string> Problems()
    {
        if (Connections is < 1 or > 100_000) yield return $"http.connections is {Connections}. Use 1 to 100000.";
        if (SendRate is < 1 or > 100_000) yield return $"http.sendRate is {SendRate}. Use 1 to 100000 batches a second.";
        if (Off) yield break;
        if (!System.Net.IPEndPoint.TryParse(Listen, out var address) || !Listen.Contains(':'))
            yield return $"http.listen is '{Listen}'. Use address:port, as in 127.0.0.1:8080, or off.";
        else if (!System.Net.IPAddress.IsLoopback(address.Address))
        {
            if (!IsAuthenticated)
                yield return $"http.listen is {Listen}, which other machines reach, and nobody has to say who they are. Make a token with 'driftwatch token create' and name its file as http.tokens, or set http.jwt, or listen on 127.0.0.1.";
            if (!IsEncrypted && !PlainText)
                yield return $"http.listen is {Listen}, which other machines reach, and tokens would travel in plain text. Set http.certificate and http.key; or 'plainText: true' where a mesh or an ingress in front encrypts.";
        }
        if (Certificate is null != Key is null) yield return $"http.{(Key is null ? "certificate" : "key")} stands without http.{(Key is null ? "key" : "certificate")}. TLS needs both, as PEM files.";
        if (FileProblem(Tokens is not null, () => TokenList.Read(SmallFile.Read(Tokens!))) is { } tokens) yield return $"http.tokens cannot be used: {tokens}. 'driftwatch token create --file {Tokens}' writes it.";
        if (FileProblem(Certificate is not null && Key is not null, () => ServerCertificate.Read([SmallFile.Read(Certificate!), SmallFile.Read(Key!)])) is { } certificate) yield return $"http.certificate cannot be used: {certificate}.";
        foreach (var problem in Jwt?.Problems() ?? []) yield return problem;
    }

    private static string? FileProblem(bool isNamed, Action read)
    {
        if (!isNamed) return null;
        try
        {
            read();
            return null;
        }
        catch (Exception error) when (error is IOException or FormatException)
        {
            return error.Message;
        }
    }
}
