using System.Net;
using System.Text.Json;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis.Activations;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Api;

public sealed class FeatureEndpointsTests
{
    private static readonly MonitorId approved = Some.Monitor with { Version = "base" };

    [Fact]
    public async Task Features_of_the_newest_windows_stand_beside_the_baseline_with_what_moved_most_first_and_their_history_behind_them()
    {
        await using var house = await SomeHouse.StartAsync();
        for (var i = 0; i < 9; i++) await SendAsync(house, approved, still: false, hour: i);
        // Nothing moves on the first axis any more: features 0, 4, 8 and 12.
        foreach (var (still, hour) in new[] { (false, 20), (true, 21), (true, 22) }) await SendAsync(house, Some.Monitor, still, hour);
        await SomeHouse.UntilAsync(() => house.Register.Current.Monitors.Values.Sum(entry => entry.Windows) == 12);

        var now = await house.JsonAsync($"/v1/monitors/{Some.Monitor}/features?sort=drift&windows=2&top=5");
        Assert.Equal((2, 5), (now.GetProperty("windows").GetInt32(), now.GetProperty("listed").GetArrayLength()));
        Assert.Equal(64, now.GetProperty("baseline").GetString()!.Length);
        var first = now.GetProperty("listed")[0];
        Assert.Equal((0, 0d), (first.GetProperty("feature").GetInt32() % Some.Width, first.GetProperty("rate").GetDouble()));
        Assert.True(first.GetProperty("z").GetDouble() < -5 && first.GetProperty("baselineRate").GetDouble() > 0.3, first.ToString());
        var byRate = (await house.JsonAsync($"/v1/monitors/{Some.Monitor}/features?sort=rate")).GetProperty("listed").EnumerateArray().Select(feature => feature.GetProperty("rate").GetDouble()).ToArray();
        Assert.Equal(byRate.OrderDescending(), byRate);

        var path = $"/v1/monitors/{Uri.EscapeDataString(Some.Monitor.ToString())}/features/0/history";
        var history = await FollowedAsync(house, path, windows: 3);
        Assert.Equal([120, 120, 120], history.GetProperty("points").EnumerateArray().Select(point => point.GetProperty("rows").GetInt32()));
        var rates = history.GetProperty("points").EnumerateArray().Select(point => point.GetProperty("rate").GetDouble()).ToArray();
        Assert.True(rates[0] > 0.3 && rates[1] == 0 && rates[2] == 0, string.Join(' ', rates));
        var one = await house.JsonAsync(path + "?buckets=1");
        Assert.Equal((3, 360), (one.GetProperty("points")[0].GetProperty("windows").GetInt32(), one.GetProperty("points")[0].GetProperty("rows").GetInt32()));
        var late = await house.JsonAsync(path + $"?from={Some.Time.AddHours(21):yyyy-MM-ddTHH:mm:ssZ}");
        Assert.Equal(2, late.GetProperty("windows").GetInt32());
        using (var health = await house.GetAsync("/healthz")) Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        using var metrics = await house.GetAsync("/metrics");
        Assert.Contains("driftwatch_feature_history_behind_events 0", await metrics.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/features?sort=size", HttpStatusCode.BadRequest, "sort is 'size'. Use drift, rate or feature.")]
    [InlineData("/features?top=0", HttpStatusCode.BadRequest, "top is '0'. Use 1 to 1000.")]
    [InlineData("/features/x/history", HttpStatusCode.BadRequest, "'x' is no feature")]
    [InlineData("/features/99/history", HttpStatusCode.NotFound, "has features 0 to 15")]
    [InlineData("/features/1/history?buckets=10001", HttpStatusCode.BadRequest, "buckets is '10001'. Use 1 to 10000.")]
    [InlineData("/features/1/history?to=soon", HttpStatusCode.BadRequest, "to is 'soon'")]
    [InlineData("/features/1/history?probe=canary", HttpStatusCode.NotFound, "No canary window of")]
    [InlineData("/features?probe=canary", HttpStatusCode.NotFound, "GET /v1/monitors lists what is")]
    public async Task What_cannot_be_answered_is_refused_with_what_can(string path, HttpStatusCode status, string says)
    {
        await using var house = await SomeHouse.StartAsync();
        await SendAsync(house, approved, still: false, hour: 0);
        await FollowedAsync(house, $"/v1/monitors/{approved}/features/1/history", windows: 1);

        using var response = await house.GetAsync($"/v1/monitors/{approved}{path}");

        var body = JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync());
        Assert.Equal((status, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        Assert.Contains(says, body.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_history_is_said_and_made_anew()
    {
        await using var house = await SomeHouse.StartAsync();
        await SendAsync(house, approved, still: false, hour: 0);
        var path = $"/v1/monitors/{approved}/features/1/history";
        await FollowedAsync(house, path, windows: 1);
        var state = await house.Projections.StateAsync(FeatureHistory.Name, default);
        Assert.True(await house.Projections.WriteAsync(FeatureHistory.Name, state, state!, [new("row/000000/0000/0000000000", [1, 2])], default));

        using var refused = await house.GetAsync(path);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        await FollowedAsync(house, path, windows: 1);
    }

    private static async Task<JsonElement> FollowedAsync(SomeHouse house, string path, int windows)
    {
        JsonElement? found = null;
        await SomeHouse.UntilAsync(() =>
        {
            using var response = house.GetAsync(path).GetAwaiter().GetResult();
            if (response.IsSuccessStatusCode && JsonSerializer.Deserialize<JsonElement>(response.Content.ReadAsStream()) is var json && json.GetProperty("windows").GetInt32() == windows) found = json;
            return found is not null;
        });
        return found!.Value;
    }

    /// <summary>60 sequences of two rows: a window.</summary>
    private static async Task SendAsync(SomeHouse house, MonitorId monitor, bool still, int hour)
    {
        var values = Some.Values(120 * Some.Width);
        for (var i = 0; still && i < values.Length; i += Some.Width) values[i] = 0;
        var message = SafetensorsFile.Of(
            Some.Metadata(monitor, Some.Time.AddHours(hour)), SomeTensor.F32("activations", [120, Some.Width], values), SomeTensor.I32("sequence_ids", [.. Enumerable.Range(0, 120).Select(row => row / 2)]));
        using var posted = await house.PostAsync(message);
        Assert.True(posted.IsSuccessStatusCode);
    }
}
