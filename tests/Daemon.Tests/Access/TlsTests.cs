using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DriftWatch.Daemon.Access;
using DriftWatch.Daemon.Tests.Api;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Access;

public sealed class TlsTests
{
    [Fact]
    public async Task A_new_certificate_is_shown_without_a_restart_and_a_broken_one_is_not()
    {
        await using var house = await SomeHouse.StartAsync(http: ", certificate: server.pem, key: server.key", prepare: files => Write(files, "first"));
        Assert.Equal("https", house.Client.BaseAddress!.Scheme);
        Assert.Equal("CN=first", await ShownAsync(house));

        house.Folder.Write("server.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        await AccessTests.UntilAsync(async () => (await MetricsAsync(house)).Contains("driftwatch_reloads_failed_total{setting=\"http.certificate\"} 1\n", StringComparison.Ordinal));
        Assert.Equal("CN=first", await ShownAsync(house));

        Write(house.Folder, "second");
        await AccessTests.UntilAsync(async () => await ShownAsync(house) == "CN=second");
        Assert.Contains("driftwatch_http_certificate_expires_timestamp_seconds 4", await MetricsAsync(house), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_text_on_the_port_of_TLS_is_no_way_in()
    {
        await using var house = await SomeHouse.StartAsync(http: ", certificate: server.pem, key: server.key", prepare: files => Write(files, "first"));

        Assert.DoesNotContain("200", await RawHttp.SendAsync(house, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        Assert.Equal("CN=first", await ShownAsync(house));
    }

    [Fact]
    public void Nothing_older_than_TLS_1_2_is_spoken()
    {
        using var folder = new TempFolder();
        Write(folder, "x");

        var handshake = ServerCertificate.Read([File.ReadAllBytes(folder.File("server.pem")), File.ReadAllBytes(folder.File("server.key"))]).Handshake();

        Assert.Equal((SslProtocols.Tls12 | SslProtocols.Tls13, false), (handshake.EnabledSslProtocols, handshake.AllowRenegotiation));
    }

    [Fact]
    public void What_is_no_pair_is_refused_without_showing_the_key()
    {
        using var folder = new TempFolder();
        Write(folder, "x");
        var (certificate, key) = (File.ReadAllBytes(folder.File("server.pem")), File.ReadAllBytes(folder.File("server.key")));
        Write(folder, "y");
        var other = File.ReadAllBytes(folder.File("server.key"));

        foreach (var (first, second, says) in new[] { (certificate, other, "not a pair"), (key, key, "holds no '-----BEGIN CERTIFICATE-----'"), (certificate, certificate, "not a pair"), (certificate, "-----BEGIN ENCRYPTED PRIVATE KEY-----"u8.ToArray(), "needs a password") })
        {
            var refused = Assert.Throws<FormatException>(() => ServerCertificate.Read([first, second]));
            Assert.Contains(says, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToBase64String(other)[..20], refused.ToString(), StringComparison.Ordinal);
        }
    }

    private static void Write(TempFolder folder, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        folder.Write("server.key", key.ExportPkcs8PrivateKeyPem());
        folder.Write("server.pem", certificate.ExportCertificatePem());
    }

    private static Task<string> ShownAsync(SomeHouse house) => AskAsync(house, (_, certificate) => certificate);

    private static Task<string> MetricsAsync(SomeHouse house) => AskAsync(house, (body, _) => body);

    /// <summary>On a connection of its own: one that is open keeps its certificate.</summary>
    private static async Task<string> AskAsync(SomeHouse house, Func<string, string, string> of)
    {
        var shown = "";
        using var handler = new SocketsHttpHandler
        {
            SslOptions = new()
            {
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    shown = certificate!.Subject;
                    return shown.StartsWith("CN=", StringComparison.Ordinal);
                },
            },
        };
        using var client = new HttpClient(handler) { BaseAddress = house.Client.BaseAddress };
        return of(await client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), shown);
    }
}
