using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace DriftWatch.Daemon.Access;

/// <summary>What this daemon shows to clients that connect over TLS: <c>http.certificate</c> and <c>http.key</c>.</summary>
internal sealed record ServerCertificate(X509Certificate2 Certificate, SslStreamCertificateContext Context)
{
    public SslServerAuthenticationOptions Handshake() => new()
    {
        ServerCertificateContext = Context,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        AllowRenegotiation = false,
        ClientCertificateRequired = false,
    };

    /// <param name="files">Certificate with the chain behind it, and its private key; both PEM.</param>
    /// <exception cref="FormatException">They cannot be used.</exception>
    public static ServerCertificate Read(IReadOnlyList<byte[]> files)
    {
        var (chain, key) = (Encoding.ASCII.GetString(files[0]), Encoding.ASCII.GetString(files[1]));
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal)) throw new FormatException("the key needs a password. Keep it without one, in a file that only this user can read");
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPem(chain);
            if (certificates.Count == 0) throw new FormatException("the certificate file holds no '-----BEGIN CERTIFICATE-----'. Use PEM, the server's own certificate first");
            var own = X509Certificate2.CreateFromPem(chain, key);
            // The chain as it stands in the file: nothing is fetched from addresses that a certificate names.
            return new(own, SslStreamCertificateContext.Create(own, [.. certificates.Skip(1)], offline: true));
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            // The library's message may be about the key; ours says what to do and shows nothing of it.
            throw new FormatException("certificate and key are not a pair in PEM. Use the server's certificate (its chain behind it) and the private key that belongs to it", error);
        }
    }
}
