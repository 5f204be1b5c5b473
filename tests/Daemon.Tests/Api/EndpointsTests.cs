using System.Net;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Api;

/// <summary>The HTTP surface on a real Kestrel, with the spool in place of Kafka.</summary>
public sealed class EndpointsTests
{
    private const string Alert = "0123456789ab";

    [Fact]
    public async Task A_batch_is_accepted_with_where_it_is()
    {
        await using var house = await SomeHouse.StartAsync();

        using var first = await house.PostAsync(Some.Message(rows: 3));
        using var second = await house.PostAsync(SafetensorsFile.Of(Some.Metadata(), Some.Activations(4), SomeTensor.I32("sequence_ids", 1, 1, 2, 2)));

        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted), (first.StatusCode, second.StatusCode));
        Assert.Equal($$"""{"monitor":"{{Some.Monitor}}","rows":3,"sequences":1,"partition":0,"offset":0}""", await first.Content.ReadAsStringAsync());
        Assert.Equal($$"""{"monitor":"{{Some.Monitor}}","rows":4,"sequences":2,"partition":0,"offset":1}""", await second.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_batch_that_the_loop_would_refuse_is_refused_at_once_with_its_reason()
    {
        await using var house = await SomeHouse.StartAsync();

        foreach (var (message, reason, says) in new (byte[], string, string)[]
                 {
                     (Some.Message()[..50], "truncated", "bytes"),
                     ([], "empty", "no value"),
                     (SafetensorsFile.Of(Some.Metadata(), Some.Activations(2, width: 5)), "wrong-width", "5 wide"),
                     (Some.Message(monitor: new("other", "1", "h")), "unknown-model", "Add it under models"),
                     (SafetensorsFile.Of(null, Some.Activations(1)), "missing-metadata", "names no model"),
                 })
        {
            using var response = await house.PostAsync(message);
            var problem = await ProblemAsync(response, HttpStatusCode.UnprocessableEntity);
            Assert.Equal(reason, problem.GetProperty("reason").GetString());
            Assert.Contains(says, problem.GetProperty("detail").GetString());
        }
        using var accepted = await house.PostAsync(Some.Message());
        Assert.Contains("\"offset\":0", await accepted.Content.ReadAsStringAsync());   // Nothing of the refused ones was kept.
        Assert.Contains("driftwatch_messages_rejected_total{reason=\"truncated\"}", await (await house.GetAsync("/metrics")).Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(300_000)]
    public async Task A_batch_over_the_bound_is_refused_whether_or_not_it_says_its_length(int bytes)
    {
        await using var house = await SomeHouse.StartAsync("messageBytesMaximum: 2048");

        using var told = await house.PostAsync(new byte[bytes]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/activations") { Content = new ByteArrayContent(new byte[bytes]) };
        request.Headers.TransferEncodingChunked = true;
        using var untold = await house.Client.SendAsync(request);

        foreach (var refused in new[] { told, untold })
        {
            var problem = await ProblemAsync(refused, HttpStatusCode.RequestEntityTooLarge);
            Assert.Equal("too-large", Text(problem, "reason"));
            Assert.Contains("2048 bytes", Text(problem, "detail"));
        }
    }

    [Fact]
    public async Task A_full_spool_asks_to_come_again_later()
    {
        await using var house = await SomeHouse.StartAsync("spool: { bytesMaximum: 1MiB }");
        using var full = await house.PostAsync(SafetensorsFile.Of(Some.Metadata(), Some.Activations(40), new SomeTensor("padding", "U8", [1_200_000], new byte[1_200_000])));

        Assert.Contains("spool.bytesMaximum", (await ProblemAsync(full, HttpStatusCode.ServiceUnavailable)).GetProperty("detail").GetString());
        Assert.Equal(TimeSpan.FromSeconds(1), full.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task A_monitor_is_shown_when_its_first_window_has_closed()
    {
        await using var house = await SomeHouse.StartAsync();
        using var before = await house.GetAsync($"/v1/monitors/{Some.Monitor}");
        await ProblemAsync(before, HttpStatusCode.NotFound);
        Assert.Empty((await house.JsonAsync("/v1/monitors")).GetProperty("monitors").EnumerateArray());

        using var posted = await house.PostAsync(Some.Message(rows: 120));
        await SomeHouse.UntilAsync(() => house.Register.Current.Monitors.Count == 1);

        var monitor = Assert.Single((await house.JsonAsync("/v1/monitors")).GetProperty("monitors").EnumerateArray());
        Assert.Equal((Some.Monitor.ToString(), 1, 120, 1), (monitor.GetProperty("monitor").GetString(), monitor.GetProperty("windows").GetInt32(), monitor.GetProperty("rows").GetInt32(), monitor.GetProperty("sequences").GetInt32()));
        Assert.Equal(Some.Monitor.ToString(), Assert.Single((await house.JsonAsync($"/v1/monitors/{Some.Monitor}")).EnumerateArray()).GetProperty("monitor").GetString());
        var window = Assert.Single((await house.JsonAsync($"/v1/monitors/{Some.Monitor}/windows")).EnumerateArray());
        Assert.Equal((120, 0), (window.GetProperty("rows").GetInt32(), window.GetProperty("offsets").GetProperty("first").GetInt32()));
        var stored = Assert.Single((await house.JsonAsync($"/v1/audit/{StreamNames.Watch(Some.Monitor, 0)}")).EnumerateArray());
        Assert.Equal(("window-closed", 0), (stored.GetProperty("type").GetString(), stored.GetProperty("revision").GetInt32()));
        Assert.Matches("^[0-9a-f]{64}$", stored.GetProperty("hash").GetString());
    }

    [Fact]
    public async Task The_audit_of_a_stream_is_read_from_a_revision()
    {
        await using var house = await SomeHouse.StartAsync();
        await SomeHouse.UntilAsync(() => house.Register.Current.Position == 1);

        Assert.Equal("catalog-changed", Assert.Single((await house.JsonAsync("/v1/audit/catalog")).EnumerateArray()).GetProperty("type").GetString());
        Assert.Empty((await house.JsonAsync("/v1/audit/catalog?from=1")).EnumerateArray());
        using var nothing = await house.Client.GetAsync("/v1/audit/nothing");
        Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
    }

    [Fact]
    public async Task Alerts_are_listed_by_state()
    {
        await using var house = await SomeHouse.StartAsync();
        Assert.Empty((await house.JsonAsync("/v1/alerts")).GetProperty("alerts").EnumerateArray());
        await house.RaiseAsync(Some.Raised());

        var alert = Assert.Single((await house.JsonAsync("/v1/alerts?state=open")).GetProperty("alerts").EnumerateArray());
        Assert.Equal((Alert, "hazard", "backdoor-hostile", "critical", "open"), (Text(alert, "id"), Text(alert, "kind"), Text(alert, "rule"), Text(alert, "severity"), Text(alert, "state")));
        Assert.Equal((7, 2184), (alert.GetProperty("opened").GetProperty("window").GetInt32(), alert.GetProperty("opened").GetProperty("sequences").GetInt32()));
        Assert.Equal("hostile", Text(Assert.Single(alert.GetProperty("features").EnumerateArray()), "label"));
        Assert.Empty((await house.JsonAsync("/v1/alerts?state=resolved")).GetProperty("alerts").EnumerateArray());
        Assert.Equal(Alert, Text(await house.JsonAsync($"/v1/alerts/{Alert}"), "id"));
        foreach (var state in new[] { "opne", "7", "open,muted" })
        {
            using var unknown = await house.GetAsync($"/v1/alerts?state={state}");
            Assert.Contains($"'{state}'", (await ProblemAsync(unknown, HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        }
        using var none = await house.GetAsync("/v1/alerts/nosuchalert0");
        await ProblemAsync(none, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task What_people_do_about_an_alert_is_recorded_with_who_and_why()
    {
        await using var house = await SomeHouse.StartAsync();
        await house.RaiseAsync(Some.Raised());

        foreach (var (path, state) in new[] { ("acknowledge", AlertState.Acknowledged), ("mute", AlertState.Muted), ("resolve", AlertState.Resolved) })
        {
            using var done = await house.PostAsync($"/v1/alerts/{Alert}/{path}", """{"actor":"ann","note":"looking into it","until":"2999-01-01T00:00:00Z"}""");
            Assert.Equal(HttpStatusCode.NoContent, done.StatusCode);
            await SomeHouse.UntilAsync(() => house.Register.Current.Alerts[Alert].StateAt(Some.Time) == state);
        }

        var acts = (await house.JsonAsync($"/v1/audit/{StreamNames.Operator(Some.Monitor)}")).EnumerateArray().ToArray();
        Assert.Equal(["alert-acknowledged", "alert-muted", "alert-resolved"], acts.Select(act => Text(act, "type")));
        Assert.All(acts, act => Assert.Equal(("ann", "looking into it"), (Text(act, "actor"), Text(act.GetProperty("data"), "note"))));
        Assert.Equal("ann: looking into it", Text(await house.JsonAsync($"/v1/alerts/{Alert}"), "acknowledged"));
    }

    [Fact]
    public async Task An_alarm_that_joined_an_alert_finds_it_and_what_is_done_about_it_reaches_the_alert()
    {
        await using var house = await SomeHouse.StartAsync();
        await house.RaiseAsync(Some.Raised());
        await house.RaiseAsync(Some.Raised("joined") with { Partition = 1 }, partition: 1);

        var alert = await house.JsonAsync("/v1/alerts/joined");
        Assert.Equal(Alert, Text(alert, "id"));
        Assert.Equal([(Alert, 0), ("joined", 1)], alert.GetProperty("members").EnumerateArray().Select(member => (Text(member, "id"), member.GetProperty("partition").GetInt32())));
        Assert.Single((await house.JsonAsync("/v1/alerts")).GetProperty("alerts").EnumerateArray());

        using var done = await house.PostAsync("/v1/alerts/joined/resolve", """{"actor":"ann","note":"rolled back"}""");
        Assert.Equal(HttpStatusCode.NoContent, done.StatusCode);
        await SomeHouse.UntilAsync(() => house.Register.Current.Alerts[Alert].Resolved is not null);
    }

    [Theory]
    [InlineData("""{"note":"why"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"actor":"ann"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"actor":"","note":"why"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"actor":"ann","note":""}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"actor":7,"note":"why"}""", HttpStatusCode.BadRequest)]
    [InlineData("null", HttpStatusCode.BadRequest)]
    [InlineData("{", HttpStatusCode.BadRequest)]
    [InlineData("", HttpStatusCode.BadRequest)]
    [InlineData("""{"actor":"ann","note":"why"}""", HttpStatusCode.UnsupportedMediaType, "text/plain")]
    [InlineData("actor=ann&note=why", HttpStatusCode.UnsupportedMediaType, "application/x-www-form-urlencoded")]
    public async Task Without_who_and_why_nothing_is_recorded(string body, HttpStatusCode expected, string type = "application/json")
    {
        await using var house = await SomeHouse.StartAsync();
        await house.RaiseAsync(Some.Raised());

        foreach (var path in new[] { "acknowledge", "mute", "resolve" })
        {
            using var refused = await house.PostAsync($"/v1/alerts/{Alert}/{path}", body, type);
            await ProblemAsync(refused, expected);
        }

        using var audit = await house.Client.GetAsync($"/v1/audit/{StreamNames.Operator(Some.Monitor)}");
        Assert.Contains("no stream", (await ProblemAsync(audit, HttpStatusCode.NotFound)).GetProperty("detail").GetString());
    }

    [Fact]
    public async Task An_act_on_an_alert_that_is_not_there_is_refused()
    {
        await using var house = await SomeHouse.StartAsync();

        using var refused = await house.PostAsync("/v1/alerts/nosuchalert0/resolve", """{"actor":"ann","note":"why"}""");

        await ProblemAsync(refused, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Two_people_who_act_at_once_are_both_recorded()
    {
        await using var house = await SomeHouse.StartAsync();
        await house.RaiseAsync(Some.Raised());

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => house.PostAsync($"/v1/alerts/{Alert}/acknowledge", $$"""{"actor":"person {{i}}","note":"seen"}""")));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode));
        Assert.Equal(8, (await house.JsonAsync($"/v1/audit/{StreamNames.Operator(Some.Monitor)}")).EnumerateArray().Select(act => Text(act, "actor")).Distinct().Count());
    }

    [Fact]
    public async Task With_a_token_everything_but_health_needs_it()
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);

        foreach (var path in new[] { "/v1/monitors", "/v1/alerts", "/v1/audit/catalog", "/metrics", "/nothing" })
            foreach (var given in new[] { null, "Bearer wrong", SomeHouse.Token, $"Bearer {SomeHouse.Token}x", $"Basic {SomeHouse.Token}" })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                if (given is not null) request.Headers.TryAddWithoutValidation("Authorization", given);
                using var refused = await house.Client.SendAsync(request);
                await ProblemAsync(refused, HttpStatusCode.Unauthorized);
                Assert.StartsWith("Bearer", refused.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            }
        using var posted = await house.PostAsync(Some.Message());
        Assert.Equal(HttpStatusCode.Unauthorized, posted.StatusCode);
        foreach (var path in new[] { "/healthz", "/readyz" })
        {
            using var health = await house.GetAsync(path);
            Assert.NotEqual(HttpStatusCode.Unauthorized, health.StatusCode);
        }

        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", SomeHouse.Token);
        Assert.Empty((await house.JsonAsync("/v1/alerts")).GetProperty("alerts").EnumerateArray());
    }

    [Fact]
    public async Task On_loopback_a_request_for_another_host_is_refused()
    {
        await using var house = await SomeHouse.StartAsync();

        foreach (var (host, expected) in new[]
                 {
                     ("evil.example", HttpStatusCode.BadRequest), ("127.0.0.1.evil.example", HttpStatusCode.BadRequest), ("10.0.0.1", HttpStatusCode.BadRequest),
                     ("localhost", HttpStatusCode.OK), ("127.0.0.1:8080", HttpStatusCode.OK), ("[::1]:1", HttpStatusCode.OK),
                 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/alerts") { Headers = { Host = host } };
            using var response = await house.Client.SendAsync(request);
            Assert.True(expected == response.StatusCode, $"{host}: {response.StatusCode}");
        }
    }

    [Theory]
    [InlineData("/nowhere", HttpStatusCode.NotFound)]
    [InlineData("/v1/audit/catalog?from=abc", HttpStatusCode.BadRequest)]
    public async Task What_is_not_there_is_problem_details_too(string path, HttpStatusCode expected)
    {
        await using var house = await SomeHouse.StartAsync();

        using var response = await house.Client.GetAsync(path);

        Assert.Equal((expected, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task An_escaped_slash_is_part_of_a_streams_name()
    {
        await using var house = await SomeHouse.StartAsync();

        using var response = await house.Client.GetAsync("/v1/audit/operator-m@1%2Fh");

        Assert.Contains("'operator-m@1/h'", (await ProblemAsync(response, HttpStatusCode.NotFound)).GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("same", HttpStatusCode.UnprocessableEntity)]
    public async Task A_page_of_another_site_cannot_send_a_batch(string origin, HttpStatusCode expected)
    {
        await using var house = await SomeHouse.StartAsync();

        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/activations") { Content = new ByteArrayContent([1, 2, 3]) };
        request.Headers.Add("Origin", origin == "same" ? house.Client.BaseAddress!.GetLeftPart(UriPartial.Authority) : origin);
        using var response = await house.Client.SendAsync(request);

        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task An_idle_daemon_is_healthy_and_ready()
    {
        await using var house = await SomeHouse.StartAsync();
        await SomeHouse.UntilAsync(() => house.Register.Current.Position == 1);   // The catalog is recorded: the log has been read.

        Assert.Equal("ok\n", await (await house.GetAsync("/healthz")).Content.ReadAsStringAsync());
        HttpResponseMessage ready;
        while (!(ready = await house.GetAsync("/readyz")).IsSuccessStatusCode) ready.Dispose();
        Assert.Equal("ready\n", await ready.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Metrics_are_in_the_text_format_of_Prometheus()
    {
        await using var house = await SomeHouse.StartAsync();

        using var metrics = await house.GetAsync("/metrics");

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", metrics.Content.Headers.ContentType?.ToString());
        var text = await metrics.Content.ReadAsStringAsync();
        Assert.Contains("# TYPE driftwatch_encoder_info gauge\n", text);
        var fallback = EncoderChoice.BuiltForGpus && EncoderChoice.GpuProblem is not null ? "true" : "false";
        Assert.Contains($"driftwatch_encoder_info{{model=\"{Some.Model}\",hook=\"{Some.Hook}\",device=\"{(EncoderChoice.GpuProblem is null ? "cuda" : "cpu")}\",precision=\"fp32\",fallback=\"{fallback}\"}} 1\n", text);
    }

    [Fact]
    public async Task The_server_does_not_say_what_it_is()
    {
        await using var house = await SomeHouse.StartAsync();

        using var response = await house.GetAsync("/healthz");

        Assert.Empty(response.Headers.Server);
    }

    [Fact]
    public async Task Two_versions_are_compared_over_their_newest_windows()
    {
        await using var house = await SomeHouse.StartAsync();
        var next = Some.Monitor with { Version = "next" };
        // The first window of the next version is as the approved one's; in those after it nothing moves on the first axis.
        foreach (var (monitor, still) in new[] { (Some.Monitor, false), (next, false), (next, true), (next, true) })
        {
            using var posted = await house.PostAsync(Traffic(monitor, still));
            Assert.True(posted.IsSuccessStatusCode);
        }
        await SomeHouse.UntilAsync(() => house.Register.Current.Monitors.Values.Sum(entry => entry.Windows) == 4);
        var path = $"/v1/compare?a={Uri.EscapeDataString(Some.Monitor.ToString())}&b={Some.Model}@next";

        var newest = await house.JsonAsync(path + "&windows=2&top=1");
        var all = await house.JsonAsync(path);

        Assert.Equal((1, 2, 3), (newest.GetProperty("a").GetProperty("windows").GetInt32(), newest.GetProperty("b").GetProperty("windows").GetInt32(), all.GetProperty("b").GetProperty("windows").GetInt32()));
        Assert.Equal((60, 120), (newest.GetProperty("a").GetProperty("sequences").GetInt32(), newest.GetProperty("b").GetProperty("sequences").GetInt32()));
        var silent = newest.GetProperty("differences").EnumerateArray().Single(each => Text(each, "change") == "silent");
        // Features 0, 4, 8 and 12 are the first axis; one is shown.
        Assert.Equal((4, 1), (silent.GetProperty("count").GetInt32(), silent.GetProperty("features").GetArrayLength()));
        Assert.Equal(0, silent.GetProperty("features")[0].GetProperty("feature").GetInt32() % Some.Width);
        Assert.Equal(0, all.GetProperty("differences").EnumerateArray().Single(each => Text(each, "change") == "silent").GetProperty("count").GetInt32());
        using var later = await house.GetAsync(path + "&from=2030-01-01");
        Assert.Contains("from 2030-01-01 00:00:00Z", Text(await ProblemAsync(later, HttpStatusCode.NotFound), "detail"));
    }

    [Theory]
    [InlineData("", HttpStatusCode.BadRequest, "/v1/compare?a=model@version/hook&b=model@version/hook")]
    [InlineData("?a=x&b=y", HttpStatusCode.BadRequest, "'x' is no monitor")]
    [InlineData("?a=acme/support-bot@1&b=acme/other@1", HttpStatusCode.NotFound, "has no model acme/other")]
    [InlineData("?a=acme/support-bot@1&b=acme/support-bot@2", HttpStatusCode.NotFound, "There are windows of: none")]
    [InlineData("?a=acme/support-bot@1&b=acme/support-bot@2&probe=x", HttpStatusCode.BadRequest, "probe is 'x'. Use traffic or canary")]
    [InlineData("?a=acme/support-bot@1&b=acme/support-bot@2&windows=51", HttpStatusCode.BadRequest, "windows is '51'. Use 1 to 50")]
    [InlineData("?a=acme/support-bot@1&b=acme/support-bot@2&top=-1", HttpStatusCode.BadRequest, "top is '-1'. Use 1 to 500")]
    [InlineData("?a=acme/support-bot@1&b=acme/support-bot@2&from=x", HttpStatusCode.BadRequest, "from is 'x'. Use an event time")]
    public async Task What_cannot_be_compared_is_refused_with_what_can(string query, HttpStatusCode status, string says)
    {
        await using var house = await SomeHouse.StartAsync();

        using var response = await house.GetAsync("/v1/compare" + query);

        Assert.Contains(says, Text(await ProblemAsync(response, status), "detail"));
    }

    [Fact]
    public async Task A_comparison_needs_the_token_and_enough_sequences()
    {
        await using var house = await SomeHouse.StartAsync(withToken: true);
        var path = $"/v1/compare?a={Some.Model}@1&b={Some.Model}@2";
        using (var without = await house.GetAsync(path)) await ProblemAsync(without, HttpStatusCode.Unauthorized);

        house.Client.DefaultRequestHeaders.Authorization = new("Bearer", SomeHouse.Token);
        foreach (var version in new[] { "1", "2" })
        {
            using var posted = await house.PostAsync(Some.Message(rows: 120, Some.Monitor with { Version = version }));
        }
        await SomeHouse.UntilAsync(() => house.Register.Current.Monitors.Count == 2);
        using var few = await house.GetAsync(path);

        Assert.Contains("hold 1 sequences, too few to compare; detection.sequencesMinimum is 50", Text(await ProblemAsync(few, HttpStatusCode.UnprocessableEntity), "detail"));
    }

    /// <summary>60 sequences of two rows.</summary>
    /// <param name="still">0 on the first axis.</param>
    private static byte[] Traffic(MonitorId monitor, bool still)
    {
        var values = Some.Values(120 * Some.Width);
        for (var i = 0; still && i < values.Length; i += Some.Width) values[i] = 0;
        return SafetensorsFile.Of(Some.Metadata(monitor), SomeTensor.F32("activations", [120, Some.Width], values), SomeTensor.I32("sequence_ids", [.. Enumerable.Range(0, 120).Select(row => row / 2)]));
    }

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    /// <summary>RFC 9457.</summary>
    private static async Task<JsonElement> ProblemAsync(HttpResponseMessage response, HttpStatusCode expected)
    {
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonSerializer.Deserialize<JsonElement>(body);
        Assert.Equal((int)expected, problem.GetProperty("status").GetInt32());
        Assert.False(string.IsNullOrEmpty(Text(problem, "title")));
        Assert.False(string.IsNullOrEmpty(Text(problem, "detail")));
        return problem;
    }
}
