using System.Globalization;
using DriftWatch.Alerts;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis.Activations;
using Microsoft.AspNetCore.Http;

namespace DriftWatch.Daemon.Api;

/// <summary>What stands behind a monitor's id, which holds slashes itself: <c>…/features</c> and <c>…/features/812/history</c>.</summary>
public static class FeatureEndpoints
{
    private const string All = "/features", History = "/history";

    /// <summary>False: the path asks for something else.</summary>
    /// <param name="rest">Behind <c>/v1/monitors/</c>.</param>
    public static bool TryAnswer(FeatureDesk desk, string rest, HttpContext context, out Task<IResult> answer)
    {
        var path = rest.EndsWith(History, StringComparison.Ordinal) ? rest[..^History.Length] : "";
        var at = path.LastIndexOf(All + "/", StringComparison.Ordinal);
        answer = rest.EndsWith(All, StringComparison.Ordinal) && MonitorId.TryParse(rest[..^All.Length], out var monitor) ? TryAsync(() => NowAsync(desk, monitor, context))
            : at > 0 && MonitorId.TryParse(path[..at], out var watched) ? TryAsync(() => HistoryAsync(desk, watched, path[(at + All.Length + 1)..], context))
            : notAsked;
        return answer != notAsked;
    }

    private static readonly Task<IResult> notAsked = Task.FromResult(Results.NotFound());

    private static async Task<IResult> NowAsync(FeatureDesk desk, MonitorId monitor, HttpContext context)
    {
        var query = context.Request.Query;
        var (probe, order) = (ComparisonQuery.Probe("probe", query["probe"]), Order(query["sort"]));
        var view = await desk.NowAsync(
            monitor, probe, ComparisonQuery.Count("windows", query["windows"], 1, FeatureDesk.WindowsMaximum), ComparisonQuery.Count("top", query["top"], FeatureDesk.TopDefault, FeatureDesk.TopMaximum), order, context.RequestAborted);
        return view is null ? NoMonitor(monitor, probe) : Results.Json(view, EventJson.Options);
    }

    private static async Task<IResult> HistoryAsync(FeatureDesk desk, MonitorId monitor, string feature, HttpContext context)
    {
        var query = context.Request.Query;
        var probe = ComparisonQuery.Probe("probe", query["probe"]);
        if (!int.TryParse(feature, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return Results.Problem($"'{feature}' is no feature. Use its number, as in …/features/812/history.", statusCode: 400, title: "No feature");
        var view = await desk.HistoryAsync(
            new(monitor, probe, number, ComparisonQuery.Time("from", query["from"]), ComparisonQuery.Time("to", query["to"]), ComparisonQuery.Count("buckets", query["buckets"], FeatureDesk.BucketsDefault, FeatureHistoryReader.BucketsMaximum)),
            context.RequestAborted);
        var (position, end) = desk.Progress;
        return view is not null ? Results.Json(view, EventJson.Options)
            : position < end ? Results.Problem($"The feature history has no window of '{monitor}' yet: it has read {position} of {end} events. Ask again in a moment.", statusCode: 503, title: "Not yet")
            : NoMonitor(monitor, probe);
    }

    private static async Task<IResult> TryAsync(Func<Task<IResult>> answer)
    {
        try
        {
            return await answer();
        }
        catch (NotComparableException error)
        {
            return Results.Problem(error.Message, statusCode: 400, title: "Not understood");
        }
        catch (UnknownFeatureException error)
        {
            return Results.Problem(error.Message, statusCode: 404, title: "No such feature");
        }
        catch (MalformedException error) when (error.Reason == "projection")
        {
            return Results.Problem($"{error.Message}. It is made anew from the log; ask again later.", statusCode: 503, title: "Being made anew");
        }
    }

    private static FeatureOrder Order(string? text) =>
        text is null ? FeatureOrder.Drift
        : Enum.TryParse<FeatureOrder>(text, ignoreCase: true, out var order) && !char.IsDigit(text[0]) ? order
        : throw new NotComparableException(NotComparable.Misspelt, $"sort is '{text}'. Use drift, rate or feature.");

    private static IResult NoMonitor(MonitorId monitor, Probe probe) =>
        Results.Problem($"No {(probe == Probe.Canary ? "canary " : "")}window of '{monitor}' is stored. GET /v1/monitors lists what is.", statusCode: 404, title: "No such monitor");
}
