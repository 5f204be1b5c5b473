using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon.Tests.Api;

/// <summary>The whole daemon without Kafka on a free port of this machine.</summary>
internal sealed class SomeHouse : IAsyncDisposable
{
    /// <summary>Of <see cref="TokenName"/>, who may do everything.</summary>
    public const string Token = "dw_0123456789abcdef";
    public const string TokenName = "ann";

    private readonly TempFolder folder;
    private readonly WebApplication app;

    private SomeHouse(TempFolder folder, WebApplication app)
    {
        (this.folder, this.app) = (folder, app);
        Client = new() { BaseAddress = new(app.Urls.Single()) };
    }

    public HttpClient Client { get; }

    public IEventLog Log => app.Services.GetRequiredService<IEventLog>();

    public Alerts.Projections.IProjectionStore Projections => app.Services.GetRequiredService<Alerts.Projections.IProjectionStore>();

    public MonitorRegister Register => app.Services.GetRequiredService<MonitorRegister>();

    /// <param name="more">Lines of the configuration besides what is needed.</param>
    /// <param name="http">More of the section http, each with a comma before it.</param>
    /// <param name="map">Adds endpoints.</param>
    /// <param name="prepare">Writes files that the configuration names.</param>
    public static async Task<SomeHouse> StartAsync(string more = "", bool withToken = false, string http = "", Action<TempFolder>? prepare = null, Action<WebApplication>? map = null)
    {
        var files = new TempFolder();
        prepare?.Invoke(files);
        SaeFolder.Write(files, "sae", Some.Dictionary());
        if (withToken) files.Write("tokens", TokenLine(TokenName, "operator,sender", Token));
        var (settings, catalog) = ConfigurationFile.Load(files.Write("driftwatch.yaml", $$"""
            http: { listen: '127.0.0.1:0'{{(withToken ? ", tokens: tokens" : "")}}{{http}} }
            threads: 1
            spaces:
              - { id: some/v1, sae: sae }
            models:
              - { model: {{Some.Model}}, hook: {{Some.Hook}}, space: some/v1, baseline: { version: base, rows: 1000 } }
            windows: { rows: 100 }
            {{more}}
            """));
        var built = House.Build(settings, catalog, logLevel: LogLevel.Error);
        map?.Invoke(built);
        await built.StartAsync();
        return new(files, built);
    }

    public TempFolder Folder => folder;

    public WebApplication App => app;

    /// <summary>A line of the file of tokens.</summary>
    public static string TokenLine(string name, string roles, string token, string expires = "") => $"{name} {roles} sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)))} {expires}\n";

    /// <summary>Stores an alert and waits until it is shown.</summary>
    public async Task RaiseAsync(HazardDetected raised, int partition = 7)
    {
        await Log.AppendAsync(StreamNames.Watch(raised.Monitor, partition), -1, [new(Alerts.EventId.From(raised.Alert), "hazard-detected", Some.Time, "driftwatch", null, EventJson.Write(raised))], default);
        await UntilAsync(() => Register.Current.Find(raised.Alert) is not null);
    }

    public static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds()) await Task.Delay(10, patience.Token);
    }

    public Task<HttpResponseMessage> PostAsync(byte[] message) =>
        Client.PostAsync(new Uri("/v1/activations", UriKind.Relative), new ByteArrayContent(message) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } });

    public Task<HttpResponseMessage> PostAsync(string path, string body, string type = "application/json") =>
        Client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, type));

    public Task<HttpResponseMessage> GetAsync(string path) => Client.GetAsync(new Uri(path, UriKind.Relative));

    public async Task<JsonElement> JsonAsync(string path)
    {
        using var response = await GetAsync(path);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStreamAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
        folder.Dispose();
    }
}
