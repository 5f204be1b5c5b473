using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>Secrets with a mark in them, through the whole program with everything logged that can be: the mark is nowhere outside.</summary>
public sealed class SecretTests : IDisposable
{
    private const string Mark = "MARKED";

    private static readonly Dictionary<string, string> loud = new(StringComparer.Ordinal)
    {
        ["Logging__Console__LogLevel__Default"] = "Trace",
        ["Logging__Console__LogLevel__Microsoft"] = "Trace",
        ["DRIFTWATCH_TRACE"] = "1",
        ["DRIFTWATCH_TEST_KAFKA"] = $"{Mark}-kafka",
    };

    private readonly TempFolder folder = new();

    public SecretTests()
    {
        SaeFolder.Write(folder, "sae", Some.Dictionary());
        folder.Write("secrets/pg", $"{Mark}/p@ss:word\n");
        folder.Write("secrets/key", $"{Mark}-key-password\n");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_running_daemon_shows_no_secret_in_its_log_its_answers_or_the_record()
    {
        var stopping = TestContext.Current.CancellationToken;
        var made = await Program.RunAsync(["token", "create", "--name", "ann", "--role", "operator,sender", "--file", folder.File("tokens")]);
        var token = made.Output.Trim();
        using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            folder.Write("server.key", key.ExportPkcs8PrivateKeyPem());
            folder.Write("server.pem", new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero)).ExportCertificatePem());
        }
        var port = Loopback.FreePort();
        var config = Config($$"""
            http: { listen: '127.0.0.1:{{port}}', tokens: tokens, certificate: server.pem, key: server.key }
            log: sqlite:events.db
            kafka:
              settings:
                bootstrap.servers: 127.0.0.1:1
                security.protocol: SASL_PLAINTEXT
                sasl.mechanisms: PLAIN
                sasl.username: driftwatch
                sasl.password: ${DRIFTWATCH_TEST_KAFKA}
                ssl.key.password: ${file:secrets/key}
                message.timeout.ms: 1000
                debug: all
            """);

        var seen = new StringBuilder();
        using var daemon = Program.Start(loud, "run", "--config", config);
        var listening = new TaskCompletionSource();
        var (output, error) = (FollowAsync(daemon.StandardOutput, seen, listening), FollowAsync(daemon.StandardError, seen, listening));
        try
        {
            Assert.True(await Task.WhenAny(listening.Task, daemon.WaitForExitAsync(stopping)) == listening.Task, seen.ToString());
            using var handler = new SocketsHttpHandler { SslOptions = new() { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.Subject == "CN=localhost" } };
            using var client = new HttpClient(handler) { BaseAddress = new($"https://127.0.0.1:{port}") };
            client.DefaultRequestHeaders.Authorization = new("Bearer", token);
            // It listens before it has stored its catalog.
            for (var tries = 0; tries < 300 && !(await Text("/v1/audit/catalog")).Contains("catalog-changed", StringComparison.Ordinal); tries++) await Task.Delay(100, stopping);
            foreach (var given in new[] { token, "dw_stranger" })
            {
                client.DefaultRequestHeaders.Authorization = new("Bearer", given);
                foreach (var path in new[] { "/v1/audit/catalog", "/v1/monitors", "/v1/alerts", "/metrics", "/healthz", "/nothing" })
                    Note(seen, await Text(path));
                // Kafka is not there: a batch cannot be kept, and the answer says why.
                using var batch = new ByteArrayContent(Some.Message());
                using var posted = await client.PostAsync(new Uri("/v1/activations", UriKind.Relative), batch, stopping);
                Note(seen, await posted.Content.ReadAsStringAsync(stopping));
                Assert.Equal(given == token ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.Unauthorized, posted.StatusCode);
            }

            async Task<string> Text(string path) => await (await client.GetAsync(new Uri(path, UriKind.Relative), stopping)).Content.ReadAsStringAsync(stopping);
        }
        finally
        {
            daemon.Kill();
            await daemon.WaitForExitAsync(stopping);
        }
        await Task.WhenAll(output, error);

        var text = seen.ToString();
        Assert.Contains("trce: ", text, StringComparison.Ordinal);   // It was as loud as it can be.
        Assert.Contains("Kafka:", text, StringComparison.Ordinal);
        Assert.Contains("\"type\":\"catalog-changed\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Mark, text, StringComparison.Ordinal);
        Assert.DoesNotContain(token, text, StringComparison.Ordinal);
        Assert.DoesNotContain(folder.Read("server.key").Split('\n')[1][..30], text, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(folder.Path).Where(file => !file.EndsWith(".key", StringComparison.Ordinal)))
            Assert.False(Encoding.Latin1.GetString(File.ReadAllBytes(file)).Contains(Mark, StringComparison.Ordinal) || Encoding.Latin1.GetString(File.ReadAllBytes(file)).Contains(token, StringComparison.Ordinal), file);
    }

    [Theory]
    [InlineData("log: 'postgres://u:${file:secrets/pg}@127.0.0.1:1/db?timeout=2'")]
    [InlineData("log: 'postgres://u@127.0.0.1:1/db?timeout=2&password=${file:secrets/pg}'")]
    [InlineData("{ log: 'memory:', kafka: { settings: { bootstrap.servers: '127.0.0.1:1', socket.timeout.ms: '${file:secrets/key}' } } }")]
    [InlineData("{ log: 'memory:', kafka: { settings: { bootstrap.servers: '127.0.0.1:1', security.protocol: SASL_SSL, ssl.key.pem: '${file:secrets/key}', sasl.password: '${file:secrets/key}' } } }")]
    [InlineData("{ log: 'memory:', kafka: { settings: { bootstrap.servers: '127.0.0.1:1', '${file:secrets/key}': x } } }")]
    public async Task A_daemon_that_cannot_start_says_why_without_the_secret(string settings)
    {
        var stopping = TestContext.Current.CancellationToken;
        using var daemon = Program.Start(loud, "run", "--config", Config($"http: {{ listen: off }}\n{settings.Trim('{', '}', ' ').Replace(", kafka:", "\nkafka:", StringComparison.Ordinal)}"));
        var (output, error) = (daemon.StandardOutput.ReadToEndAsync(stopping), daemon.StandardError.ReadToEndAsync(stopping));
        await daemon.WaitForExitAsync(stopping);

        var text = await output + await error;
        Assert.NotEqual(0, daemon.ExitCode);
        Assert.True(text.Length > 50, text);
        Assert.DoesNotContain(Mark, text, StringComparison.Ordinal);
    }

    private string Config(string settings) => folder.Write("driftwatch.yaml", $$"""
        {{settings}}
        threads: 1
        spaces:
          - { id: some/v1, sae: sae }
        models:
          - { model: {{Some.Model}}, hook: {{Some.Hook}}, space: some/v1, baseline: { version: base, rows: 1000 } }
        """);

    private static async Task FollowAsync(StreamReader lines, StringBuilder seen, TaskCompletionSource listening)
    {
        while (await lines.ReadLineAsync() is { } line)
        {
            Note(seen, line);
            if (line.Contains("Listening on https://", StringComparison.Ordinal)) listening.TrySetResult();
        }
    }

    private static void Note(StringBuilder seen, string text)
    {
        lock (seen) seen.AppendLine(text);
    }
}
