using System.Text.Json;
using System.Text.Json.Nodes;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Configuration;

/// <summary>The catalog as canonical JSON: what its hash is made of, and what <c>catalog-changed</c> records.</summary>
internal static class CatalogContent
{
    /// <summary>All that decides findings, in one order whatever the order in the files.</summary>
    public static string Of(IEnumerable<CanonicalSpace> spaces, IEnumerable<ModelPlan> models, WindowOptions windows, DetectionOptions detection)
    {
        var content = new JsonObject
        {
            ["spaces"] = new JsonArray([.. spaces.Select(space => (JsonNode)new JsonObject
            {
                ["id"] = space.Id,
                ["dictionary"] = space.Dictionary.Hash,
                ["labels"] = new JsonObject(space.Labels.ById.OrderBy(label => label.Key).Select(label =>
                    KeyValuePair.Create(label.Key.ToString(), (JsonNode?)new JsonArray([label.Value.Label, .. label.Value.Tags.Select(tag => (JsonNode)tag)])))),
            })]),
            ["models"] = new JsonArray([.. models.OrderBy(plan => plan.Model, StringComparer.Ordinal).ThenBy(plan => plan.Hook, StringComparer.Ordinal).Select(plan => (JsonNode)WithPrecision(plan, new()
            {
                ["model"] = plan.Model,
                ["hook"] = plan.Hook,
                ["space"] = plan.Space.Id,
                ["transform"] = plan.Transform.Hash,
                ["baseline"] = JsonSerializer.SerializeToNode(plan.Baseline, EventJson.Options),
                ["hazards"] = new JsonArray([.. plan.Hazards.OrderBy(hazard => hazard.Id, StringComparer.Ordinal).Select(hazard => (JsonNode)new JsonObject
                {
                    ["id"] = hazard.Id,
                    ["severity"] = hazard.Severity.ToString().ToLowerInvariant(),
                    ["summary"] = hazard.Summary,
                    ["when"] = Of(hazard.When),
                    ["minimumSequences"] = hazard.MinimumSequences,
                    ["for"] = hazard.For,
                })]),
            }))]),
            ["windows"] = JsonSerializer.SerializeToNode(windows, EventJson.Options),
            ["detection"] = JsonSerializer.SerializeToNode(detection, EventJson.Options),
        };
        return content.ToJsonString(EventJson.Options);
    }

    /// <summary>Only another than float32: a catalog that does not use it keeps its hash.</summary>
    private static JsonObject WithPrecision(ModelPlan plan, JsonObject content)
    {
        if (plan.Encoder.Status.Precision is not Precision.Fp32 and var precision) content["precision"] = precision.ToString().ToLowerInvariant();
        return content;
    }

    private static JsonObject Of(HazardCondition condition) => condition switch
    {
        HazardFeatures features => With(
            new()
            {
                ["features"] = features.Set.Key,
                ["rateAbove"] = features.RateAbove,
                ["liftAbove"] = features.LiftAbove,
                ["rateBelow"] = features.RateBelow,
                ["liftBelow"] = features.LiftBelow,
            },
            ("magnitudeAbove", features.Magnitude.Above), ("magnitudeBelow", features.Magnitude.Below),
            ("magnitudeLiftAbove", features.Magnitude.LiftAbove), ("magnitudeLiftBelow", features.Magnitude.LiftBelow)),
        HazardDirection direction => With(
            new() { ["direction"] = direction.Direction.Key },
            ("scoreAbove", direction.ScoreAbove), ("aboveQuantile", direction.AboveQuantile),
            ("rateAbove", direction.RateAbove), ("liftAbove", direction.LiftAbove), ("rateBelow", direction.RateBelow), ("liftBelow", direction.LiftBelow)),
        HazardFingerprint fingerprint => new() { ["fingerprint"] = fingerprint.Fingerprint.Hash, ["cosineAbove"] = fingerprint.CosineAbove, ["pBelow"] = fingerprint.PBelow },
        HazardAll all => new() { ["all"] = new JsonArray([.. all.Of.Select(Of)]) },
        HazardAny any => new() { ["any"] = new JsonArray([.. any.Of.Select(Of)]) },
        HazardNot not => new() { ["not"] = Of(not.Of) },
        _ => throw new InvalidOperationException($"no rule for {condition.GetType().Name}"),
    };

    /// <summary>Only what is set: a catalog that does not use a limit keeps its hash when the language gains it.</summary>
    private static JsonObject With(JsonObject condition, params ReadOnlySpan<(string Name, double? Value)> limits)
    {
        foreach (var (name, value) in limits)
            if (value is not null) condition[name] = value;
        return condition;
    }
}
