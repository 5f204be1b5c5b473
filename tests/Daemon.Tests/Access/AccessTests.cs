using System.Net;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Daemon.Tests.Api;
using DriftWatch.Support;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace DriftWatch.Daemon.Tests.Access;

/// <summary>Who may do what, on a real Kestrel.</summary>
public sealed class AccessTests
{
    private const string Alert = "0123456789ab";
    private const string Viewer = "dw_viewer", Sender = "dw_sender", Operator = "dw_operator", Expired = "dw_expired";

    private static Task<SomeHouse> StartAsync(string http = "") => SomeHouse.StartAsync(http: ", tokens: tokens" + http, prepare: files => files.Write("tokens", Tokens));

    private static string Tokens =>
        SomeHouse.TokenLine("vera", "viewer", Viewer) + SomeHouse.TokenLine("fleet", "sender", Sender) + SomeHouse.TokenLine("otto", "operator", Operator) + SomeHouse.TokenLine("past", "operator,sender", Expired, "2020-01-01T00:00:00Z");

    [Fact]
    public async Task Each_role_may_do_its_own()
    {
        await using var house = await StartAsync();

        foreach (var (method, path, allowed) in new[]
                 {
                     ("GET", "/v1/monitors", "viewer operator"),
                     ("GET", "/v1/alerts", "viewer operator"),
                     ("GET", "/v1/audit/catalog", "viewer operator"),
                     ("GET", "/v1/compare", "viewer operator"),
                     ("GET", "/metrics", "viewer operator"),
                     ("POST", "/v1/activations", "sender"),
                     ("POST", "/v1/alerts/0123456789ab/acknowledge", "operator"),
                     ("POST", "/v1/alerts/0123456789ab/mute", "operator"),
                     ("POST", "/v1/alerts/0123456789ab/resolve", "operator"),
                     ("GET", "/healthz", "all"),
                     ("GET", "/readyz", "all"),
                     ("GET", "/nothing", "viewer operator sender"),
                 })
            foreach (var (role, token) in new[] { ("viewer", Viewer), ("sender", Sender), ("operator", Operator), ("nobody", null), ("expired", Expired), ("stranger", "dw_stranger"), ("jwt", "eyJhbGciOiJub25lIn0.e30.") })
            {
                using var response = await SendAsync(house, method, path, token);
                HttpStatusCode? refused = allowed.Split(' ').Contains(role) || allowed == "all" ? null : role is "viewer" or "sender" or "operator" ? HttpStatusCode.Forbidden : HttpStatusCode.Unauthorized;
                var body = await response.Content.ReadAsStringAsync();
                if (refused is null) Assert.False(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, $"{path} {role}: {body}");
                else Assert.True((refused, "application/problem+json") == (response.StatusCode, response.Content.Headers.ContentType?.MediaType), $"{path} {role}: {(int)response.StatusCode} {body}");
                Assert.DoesNotContain(token ?? "dw_", body, StringComparison.Ordinal);
            }
    }

    [Fact]
    public async Task Every_endpoint_says_whose_it_is_and_one_that_does_not_is_nobodys()
    {
        await using var house = await SomeHouse.StartAsync(map: app => app.MapGet("/forgotten", () => "x"));
        var endpoints = house.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Where(endpoint => endpoint.RoutePattern.RawText != "/forgotten").ToArray();
        Assert.True(endpoints.Length > 8);
        Assert.All(endpoints, endpoint => Assert.True(endpoint.Metadata.GetMetadata<IAuthorizeData>()?.Policy is not null || endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null, endpoint.DisplayName));

        using var refused = await house.GetAsync("/forgotten");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("No role may do this", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Bearer", "no bearer token")]
    [InlineData("Bearer ", "no bearer token")]
    [InlineData("Bearer dw_viewer dw_viewer", "no bearer token")]
    [InlineData("Basic dw_viewer", "no bearer token")]
    [InlineData("dw_viewer", "no bearer token")]
    [InlineData("Bearer dw_viewe", "not among those")]
    [InlineData("Bearer dw_expired", "has expired")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.e30.", "not among those")]
    public async Task What_is_no_token_is_refused_with_what_is_wrong(string header, string says)
    {
        await using var house = await StartAsync();

        var answer = await RawHttp.SendAsync(house, $"GET /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
        Assert.Contains(says, answer, StringComparison.Ordinal);
        Assert.Contains("WWW-Authenticate: Bearer", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_record_says_whose_token_acted_and_nobody_acts_as_another()
    {
        await using var house = await StartAsync();
        await house.RaiseAsync(Some.Raised());
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", Operator);

        using var own = await house.PostAsync($"/v1/alerts/{Alert}/acknowledge", """{"note":"mine"}""");
        using var same = await house.PostAsync($"/v1/alerts/{Alert}/mute", """{"actor":"otto","note":"mine"}""");
        using var other = await house.PostAsync($"/v1/alerts/{Alert}/resolve", """{"actor":"ann","note":"hers"}""");

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NoContent, HttpStatusCode.Forbidden), (own.StatusCode, same.StatusCode, other.StatusCode));
        Assert.Contains("the token is that of 'otto'", JsonSerializer.Deserialize<JsonElement>(await other.Content.ReadAsStringAsync()).GetProperty("detail").GetString(), StringComparison.Ordinal);
        var acts = (await house.JsonAsync($"/v1/audit/{StreamNames.Operator(Some.Monitor)}")).EnumerateArray().ToArray();
        Assert.Equal([("alert-acknowledged", "otto"), ("alert-muted", "otto")], acts.Select(act => (act.GetProperty("type").GetString(), act.GetProperty("actor").GetString())));
    }

    [Fact]
    public async Task Tokens_are_replaced_while_the_daemon_runs()
    {
        await using var house = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(house, Viewer));

        house.Folder.Write("tokens", SomeHouse.TokenLine("vera", "viewer", "dw_next"));
        await UntilAsync(async () => await StatusAsync(house, "dw_next") == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(house, Viewer));

        // A file that cannot be used changes nothing, and is counted.
        house.Folder.Write("tokens", "dw_secret-in-the-wrong-place\n");
        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", "dw_next");
        await UntilAsync(async () => (await (await house.GetAsync("/metrics")).Content.ReadAsStringAsync()).Contains("driftwatch_reloads_failed_total{setting=\"http.tokens\"} 1\n", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(house, "dw_next"));
    }

    [Fact]
    public async Task Failures_without_end_are_told_to_wait_and_never_hold_up_a_good_token()
    {
        await using var house = await StartAsync();

        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 70; i++) answers.Add(await StatusAsync(house, "dw_guess"));
        using var last = await SendAsync(house, "GET", "/v1/alerts", "dw_guess");

        Assert.Equal(HttpStatusCode.Unauthorized, answers[0]);
        Assert.Equal(HttpStatusCode.TooManyRequests, last.StatusCode);
        Assert.InRange(last.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(house, Viewer));
        using var metrics = await SendAsync(house, "GET", "/metrics", Viewer);
        var text = await metrics.Content.ReadAsStringAsync();
        Assert.Contains("driftwatch_http_refused_total{reason=\"unknown-token\"} 71\n", text, StringComparison.Ordinal);
        Assert.Contains("driftwatch_http_refused_total{reason=\"too-many-failures\"}", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_are_open_where_that_is_said()
    {
        await using var house = await StartAsync(", metricsOpen: true");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), ((await house.GetAsync("/metrics")).StatusCode, await StatusAsync(house, null)));
    }

    private static async Task<HttpStatusCode> StatusAsync(SomeHouse house, string? token)
    {
        using var response = await SendAsync(house, "GET", "/v1/alerts", token);
        return response.StatusCode;
    }

    private static async Task<HttpResponseMessage> SendAsync(SomeHouse house, string method, string path, string? token)
    {
        using var request = new HttpRequestMessage(new(method), path);
        if (token is not null) request.Headers.Authorization = new("Bearer", token);
        return await house.Client.SendAsync(request);
    }

    internal static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await holds()) await Task.Delay(50, patience.Token);
    }
}
