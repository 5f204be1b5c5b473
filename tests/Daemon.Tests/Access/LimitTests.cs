using System.Net;
using System.Text;
using DriftWatch.Daemon.Tests.Api;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Access;

/// <summary>Requests that are too large, too slow, too many or no HTTP at all. The daemon answers or closes, and goes on.</summary>
public sealed class LimitTests
{
    private const string Auth = $"Authorization: Bearer {SomeHouse.Token}\r\n";

    [Fact]
    public async Task Who_drips_headers_or_a_body_is_closed()
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);

        var drips = await Task.WhenAll(
            RawHttp.DripAsync(house, "GET /v1/alerts HTTP/1.1\r\nHost: x\r\nX-Drip: ", TimeSpan.FromSeconds(1)),
            RawHttp.DripAsync(house, $"POST /v1/activations HTTP/1.1\r\nHost: x\r\n{Auth}Content-Length: 1000000\r\n\r\n", TimeSpan.FromSeconds(1)),
            RawHttp.DripAsync(house, $"POST /v1/alerts/x/resolve HTTP/1.1\r\nHost: x\r\n{Auth}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{\"note\":\"", TimeSpan.FromSeconds(1)),
            RawHttp.DripAsync(house, "GET", TimeSpan.FromSeconds(1)));

        foreach (var (answer, took) in drips)
        {
            Assert.InRange(took.TotalSeconds, 1, 25);
            Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        }
        Assert.All(drips[1..3], drip => Assert.Contains("application/problem+json", drip.Answer, StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await house.GetAsync("/healthz")).StatusCode);
    }

    [Fact]
    public async Task What_is_malformed_is_refused_and_the_daemon_goes_on()
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);

        foreach (var (request, expected) in new[]
                 {
                     ("nonsense\r\n\r\n", "400"),
                     ("GET /v1/alerts HTTP/1.1\r\n\r\n", "400"),
                     ("GET /v1/alerts HTTP/9.9\r\nHost: x\r\n\r\n", "505"),
                     ("GET /v1/alerts HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
                     ("GET /v1/\u0000alerts HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                     ("GET /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dw_\u00e4\r\n\r\n", "400"),
                     ("POST /v1/activations HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
                     ("POST /v1/activations HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"),
                     ("POST /v1/activations HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"),
                     ("POST /v1/activations HTTP/1.1\r\nHost: x\r\nAUTH\r\nTransfer-Encoding: gzip\r\n\r\n", "400 411 501"),
                     ("POST /v1/activations HTTP/1.1\r\nHost: x\r\nAUTH\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "415"),
                     ("GET /v1/audit/../../../etc/passwd HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "400 404"),
                     ("GET /v1/audit/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "404"),
                     ("GET /v1/audit/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "404"),
                     ("GET /v1/monitors/%00%ff%c0%af HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "400 404"),
                     ("GET /v1/alerts/%F0%9F%92%A9' HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "404"),
                     ("GET /v1/alerts?state=%zz HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "400"),
                     ("DELETE /v1/alerts HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "403 405"),
                     ("TRACE /v1/alerts HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: close\r\n\r\n", "403 405"),
                     ("GET /v1/alerts HTTP/1.1\r\nHost: x\r\nAUTH\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n", "200"),
                 })
        {
            var answer = await RawHttp.SendAsync(house, request.Replace("AUTH\r\n", Auth, StringComparison.Ordinal));

            Assert.True(expected.Split(' ').Any(code => answer.StartsWith($"HTTP/1.1 {code} ", StringComparison.Ordinal)), $"{request} → {answer}");
            Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", answer, StringComparison.Ordinal);   // No stack traces.
        }
        Assert.Equal(HttpStatusCode.OK, (await house.GetAsync("/healthz")).StatusCode);
    }

    [Fact]
    public async Task Headers_and_request_lines_have_a_bound()
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);

        Assert.StartsWith("HTTP/1.1 431 ", await RawHttp.SendAsync(house, $"GET /v1/alerts HTTP/1.1\r\nHost: x\r\nX-Large: {new string('a', 100_000)}\r\n\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 431 ", await RawHttp.SendAsync(house, $"GET /v1/alerts HTTP/1.1\r\nHost: x\r\n{string.Concat(Enumerable.Range(0, 200).Select(i => $"X-{i}: a\r\n"))}\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 414 ", await RawHttp.SendAsync(house, $"GET /v1/alerts?{new string('a', 100_000)} HTTP/1.1\r\nHost: x\r\n\r\n"), StringComparison.Ordinal);
        // A token of any length is refused without being looked into.
        Assert.StartsWith("HTTP/1.1 401 ", await RawHttp.SendAsync(house, $"GET /v1/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {new string('a', 30_000)}\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_note_of_any_length_is_not_read(bool chunked)
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/alerts/x/resolve") { Content = new StringContent($$"""{"note":"{{new string('a', 200_000)}}"}""", Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new("Bearer", SomeHouse.Token);
        request.Headers.TransferEncodingChunked = chunked;

        using var refused = await house.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "application/problem+json"), (refused.StatusCode, refused.Content.Headers.ContentType?.MediaType));
    }

    [Theory]
    [InlineData("{\"note\":\"\\ud800\"}", "application/json")]
    [InlineData("{\"note\":\"x\",\"until\":\"soon\"}", "application/json")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "application/json")]
    [InlineData("{\"note\":\"x\"}", "application/json; charset=klingon")]
    public async Task A_body_that_is_not_understood_is_a_problem_and_no_fault(string body, string type)
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);

        var answer = await RawHttp.SendAsync(house, $"POST /v1/alerts/x/resolve HTTP/1.1\r\nHost: x\r\n{Auth}Connection: close\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n\r\n{body}");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sender_that_sends_too_much_is_told_when_to_go_on_and_no_other_is()
    {
        await using var house = await SomeHouse.StartAsync(http: ", tokens: tokens, sendRate: 1", prepare: files => files.Write("tokens", SomeHouse.TokenLine("a", "sender", "dw_a") + SomeHouse.TokenLine("b", "sender,viewer", "dw_b")));
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", "dw_a");

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => house.PostAsync(Some.Message())));

        Assert.InRange(answers.Count(answer => answer.StatusCode == HttpStatusCode.Accepted), 1, 6);
        var refused = answers.First(answer => answer.StatusCode != HttpStatusCode.Accepted);
        Assert.Equal((HttpStatusCode.TooManyRequests, "application/problem+json"), (refused.StatusCode, refused.Content.Headers.ContentType?.MediaType));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 3);
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", "dw_b");
        using var other = await house.PostAsync(Some.Message());
        Assert.Equal(HttpStatusCode.Accepted, other.StatusCode);
        Assert.Contains("driftwatch_http_refused_total{reason=\"rate\"}", await (await house.GetAsync("/metrics")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
