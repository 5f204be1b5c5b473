using System.Text.Json;
using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Ingest;
using DriftWatch.Ingest.Decoding;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace DriftWatch.Daemon.Api;

/// <summary>The HTTP surface. Errors are problem details (RFC 9457).</summary>
public static class Endpoints
{
    private const int BodyChunkBytes = 81920;

    public static void MapHealth(this IEndpointRouteBuilder app, WatchProgress progress)
    {
        app.MapGet("/healthz", () => progress.IsStuck ? Results.Problem("A message has been in work for more than two minutes, and nothing that it needs is known to be away.", statusCode: 503, title: "Stuck") : Results.Text("ok\n"));
        app.MapGet("/readyz", () => progress.NotReady is { } reason ? Results.Problem(reason, statusCode: 503, title: "Not ready") : Results.Text("ready\n"));
    }

    /// <summary>What must ask an event log that is known to be away is answered at once, not when it is back.</summary>
    public static void UseStoreAway(this IApplicationBuilder app, Dependency store) => app.Use(async (context, next) =>
    {
        var path = context.Request.Path;
        var asks = path.StartsWithSegments("/v1/audit") || path.StartsWithSegments("/v1/compare") || path.StartsWithSegments("/v1/alerts") && !HttpMethods.IsGet(context.Request.Method);
        if (!asks || store.Away is not { } away)
        {
            await next(context);
            return;
        }
        context.Response.Headers.RetryAfter = "5";
        await Results.Problem($"The {away.Dependency} has not answered for {away.Lasts.TotalSeconds:0} s. Try again later.", statusCode: 503, title: "Event log away").ExecuteAsync(context);
    });

    public static void MapMetrics(this IEndpointRouteBuilder app, IMetricsText metrics) =>
        app.MapGet("/metrics", () => Results.Text(metrics.Write(), metrics.ContentType));

    public static void MapNoIntake(this IEndpointRouteBuilder app) => app.MapPost("/v1/activations", () =>
        Results.Problem("This daemon is a reader (role: reader): it takes no batches. Send them to a watcher, or to Kafka.", statusCode: 421, title: "Not here"));

    /// <summary>A batch, for teams without Kafka. 202: it is on disk here, or acknowledged by all in-sync replicas of Kafka.</summary>
    public static void MapIntake(this IEndpointRouteBuilder app, ActivationDecoder decoder, IIntake intake, WatchMetrics metrics, int messageBytesMaximum, TimeProvider time) =>
        app.MapPost("/v1/activations", async (HttpContext context) =>
        {
            // The bound is ReadBodyAsync's. Kestrel counts what it has read ahead too: with any limit of its own it cuts a chunked body off before the answer.
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
            if (context.Request.Headers.ContentEncoding.ToString() is { Length: > 0 } encoding)
                return Results.Problem($"Content-Encoding is '{encoding}', and batches are taken as they are. Send the safetensors bytes themselves.", statusCode: 415, title: "Encoded body");
            try
            {
                var body = await ReadBodyAsync(context.Request, messageBytesMaximum, context.RequestAborted);
                // The same decoding as the loop's, so that the client hears at once what the loop would refuse.
                var batch = decoder.Decode(body, [], time.GetUtcNow());
                var (partition, offset) = await intake.AcceptAsync(body, batch.Monitor.ToString(), context.RequestAborted);
                return Results.Json(new { monitor = batch.Monitor, rows = batch.Rows, sequences = batch.Sequences, partition, offset }, EventJson.Options, statusCode: 202);
            }
            catch (BadHttpRequestException error)
            {
                return Results.Problem(error.Message, statusCode: error.StatusCode, title: "Body not received");
            }
            catch (MalformedException error)
            {
                metrics.Rejected(error.Reason);
                return Results.Problem(error.Message, statusCode: error.Reason == "too-large" ? 413 : 422, title: "Batch refused", extensions: new Dictionary<string, object?> { ["reason"] = error.Reason });
            }
            catch (IntakeFullException error)
            {
                context.Response.Headers.RetryAfter = "1";
                return Results.Problem(error.Message, statusCode: 503, title: "No room");
            }
        });

    public static void MapReads(this IEndpointRouteBuilder app, MonitorRegister register, IEventLog log, FeatureDesk features, TimeProvider time)
    {
        app.MapGet("/v1/monitors", () => Results.Json(new { monitors = register.Current.Monitors.Values.Select(Views.Monitor), baselines = register.Current.Baselines.Select(Views.Baseline) }, EventJson.Options));
        // A monitor's id holds slashes, so it is the rest of the path: /v1/monitors/model@version/hook/windows.
        app.MapGet("/v1/monitors/{**rest}", async (string rest, HttpContext context) =>
        {
            rest = Unescaped(rest);
            if (FeatureEndpoints.TryAnswer(features, rest, context, out var answer)) return await answer;
            var id = rest.EndsWith("/windows", StringComparison.Ordinal) ? rest[..^"/windows".Length] : rest;
            var entries = register.Current.Monitors.Values.Where(entry => entry.Monitor.ToString() == id).ToArray();
            if (entries.Length == 0) return Results.Problem($"No window of '{id}' is stored. GET /v1/monitors lists what is.", statusCode: 404, title: "No such monitor");
            return Results.Json(id == rest ? entries.Select(Views.Monitor) : entries.SelectMany(entry => entry.Recent), EventJson.Options);
        });
        app.MapGet("/v1/alerts", (string? state) =>
        {
            if (state is not null && !Enum.GetNames<AlertState>().Contains(state, StringComparer.OrdinalIgnoreCase))
                return Results.Problem($"state is '{state}'. Use open, acknowledged, muted, resolved or ended.", statusCode: 400, title: "Unknown state");
            var alerts = register.Current.AlertsInOrder.Select(alert => Views.Alert(alert, time.GetUtcNow()));
            return Results.Json(new { alerts = alerts.Where(alert => state is null || alert.State.Equals(state, StringComparison.OrdinalIgnoreCase)) }, EventJson.Options);
        });
        app.MapGet("/v1/alerts/{id}", (string id) => register.Current.Find(id) is { } alert ? Results.Json(Views.Alert(alert, time.GetUtcNow()), EventJson.Options) : NoAlert(id));
        app.MapGet("/v1/audit/{**stream}", async (string stream, long? from, CancellationToken stopping) =>
        {
            stream = Unescaped(stream);
            // Nothing is not an answer to an auditor who mistyped a name.
            await foreach (var _ in log.ReadStreamAsync(stream, 0, stopping)) return Results.Json(Audit(log, stream, from ?? 0, stopping), EventJson.Options);
            return Results.Problem($"There is no stream '{stream}'. Streams are watch-MODEL@VERSION/HOOK-PARTITION, baseline-…, operator-… and catalog.", statusCode: 404, title: "No such stream");
        });
    }

    /// <summary>Which features differ between two versions or models, over the newest windows of each.</summary>
    public static void MapComparison(this IEndpointRouteBuilder app, ComparisonDesk desk, Catalog catalog) =>
        app.MapGet("/v1/compare", async (string? a, string? b, string? probe, string? from, string? to, string? windows, string? top, HttpContext context) =>
        {
            try
            {
                if (string.IsNullOrEmpty(a) || string.IsNullOrEmpty(b)) throw new NotComparableException(NotComparable.Misspelt, "Name both: /v1/compare?a=model@version/hook&b=model@version/hook (or model@version where the model is watched at one hook).");
                var asked = ComparisonRequest.Of(catalog, a, b, ComparisonQuery.Probe("probe", probe), ComparisonQuery.Time("from", from), ComparisonQuery.Time("to", to));
                var (newest, shown) = (ComparisonQuery.Count("windows", windows, MonitorEntry.RecentMaximum, MonitorEntry.RecentMaximum), ComparisonQuery.Count("top", top, ComparisonView.TopDefault, ComparisonView.TopMaximum));
                return Results.Json(ComparisonView.Of(await desk.CompareAsync(asked, newest, context.RequestAborted), shown), EventJson.Options);
            }
            catch (NotComparableException error)
            {
                return Results.Problem(error.Message, statusCode: error.Why switch { NotComparable.Misspelt => 400, NotComparable.Unknown => 404, _ => 422 }, title: "Not compared");
            }
            catch (ComparisonBusyException error)
            {
                context.Response.Headers.RetryAfter = "10";
                return Results.Problem(error.Message, statusCode: 503, title: "Busy");
            }
        });

    public static void MapOperator(this IEndpointRouteBuilder app, OperatorDesk desk)
    {
        foreach (var (path, action) in new[] { ("acknowledge", OperatorAction.Acknowledge), ("mute", OperatorAction.Mute), ("resolve", OperatorAction.Resolve) })
            app.MapPost($"/v1/alerts/{{id}}/{path}", async (string id, HttpContext context) =>
            {
                // A page of another site can send a form here but no JSON.
                if (!context.Request.HasJsonContentType()) return Results.Problem("Send JSON: {\"actor\": \"…\", \"note\": \"…\"}.", statusCode: 415, title: "Not JSON");
                OperatorRequest? request;
                try
                {
                    request = await context.Request.ReadFromJsonAsync<OperatorRequest>(EventJson.Options, context.RequestAborted);
                }
                catch (Exception error) when (error is JsonException or InvalidOperationException)   // The latter: a character set that there is not.
                {
                    return Results.Problem("The body is not the JSON that is expected: {\"actor\": \"…\", \"note\": \"…\"}.", statusCode: 400, title: "Not understood");
                }
                if (ActorProblem(context, request) is { } problem) return problem;
                if (context.User.Identity?.Name is { } caller && request is not null) request = request with { Actor = caller };
                if (request is not { Actor.Length: <= 200, Note.Length: <= 4000 } || string.IsNullOrWhiteSpace(request.Actor) || string.IsNullOrWhiteSpace(request.Note) || request.Actor.Any(char.IsControl))
                    return Results.Problem("actor (up to 200 characters) and note (up to 4000) are required: the record says who did it and why.", statusCode: 400, title: "Who and why?");
                return await desk.ActAsync(id, action, request, context.RequestAborted) ? Results.NoContent() : NoAlert(id);
            });
    }

    /// <summary>Who acts is who the token says. A body that names another is refused rather than overruled: somebody means to speak for somebody else, and the note is the place to say so.</summary>
    private static IResult? ActorProblem(HttpContext context, OperatorRequest? request) =>
        context.User.Identity?.Name is { } caller && request?.Actor is { Length: > 0 } actor && actor != caller
            ? Results.Problem($"actor is '{actor}', and the token is that of '{caller}', whose act this is. Leave actor out, and say in the note for whom you act.", statusCode: 403, title: "Another actor")
            : null;

    /// <summary>Routing leaves an escaped slash as it is, since it would be another path; here it is part of a name.</summary>
    private static string Unescaped(string name) => name.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static IResult NoAlert(string id) => Results.Problem($"There is no alert '{id}'. GET /v1/alerts lists them.", statusCode: 404, title: "No such alert");

    private static async IAsyncEnumerable<object> Audit(IEventLog log, string stream, long from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stopping)
    {
        await foreach (var stored in log.ReadStreamAsync(stream, Math.Max(0, from), stopping))
            yield return new { stored.Stream, stored.Revision, stored.Id, stored.Type, stored.Time, stored.Actor, stored.Causation, stored.Previous, stored.Hash, data = JsonSerializer.Deserialize<JsonElement>(stored.Data) };
    }

    private static async Task<ReadOnlyMemory<byte>> ReadBodyAsync(HttpRequest request, int bytesMaximum, CancellationToken stopping)
    {
        using var body = new MemoryStream();
        var chunk = new byte[BodyChunkBytes];
        // A length that is announced is not believed for allocating, only for refusing.
        for (var announced = request.ContentLength ?? 0; ;)
        {
            if (Math.Max(announced, body.Length) > bytesMaximum)
                throw new MalformedException("too-large", $"the batch has more than {bytesMaximum} bytes (messageBytesMaximum); send fewer sequences at a time");
            var read = await request.Body.ReadAsync(chunk, stopping);
            if (read == 0) return body.GetBuffer().AsMemory(0, (int)body.Length);
            body.Write(chunk, 0, read);
        }
    }
}
