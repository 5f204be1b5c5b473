using System.Collections.Immutable;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Configuration;

/// <summary>The <c>when</c> of a hazard: all, any, not over features and features together.</summary>
internal static class HazardReader
{
    private const int DepthMaximum = 16;

    /// <summary>Null after adding to the problems.</summary>
    public static HazardCondition? Read(YamlSection section, CanonicalSpace? space, int depth = 0)
    {
        if (depth > DepthMaximum)
        {
            section.Problem($"conditions are nested more than {DepthMaximum} deep. Write the rule flatter.");
            return null;
        }
        var kinds = new[] { "feature", "together", "all", "any", "not" }.Where(section.Has).ToArray();
        if (kinds is not [var kind])
        {
            section.Problem($"a condition has one of feature, together, all, any, not; here {(kinds.Length == 0 ? "is none" : "are " + string.Join(" and ", kinds))}.");
            section.RefuseUnknown();
            return null;
        }
        HazardCondition? read = kind switch
        {
            "all" => ReadParts(section, "all", space, depth) is { } parts ? new HazardAll(parts) : null,
            "any" => ReadParts(section, "any", space, depth) is { } parts ? new HazardAny(parts) : null,
            "not" => section.Section("not") is { } of && Read(of, space, depth + 1) is { } negated ? new HazardNot(negated) : null,
            _ => ReadFeatures(section, kind, space),
        };
        section.RefuseUnknown();
        return read;
    }

    private static ImmutableArray<HazardCondition>? ReadParts(YamlSection section, string key, CanonicalSpace? space, int depth)
    {
        var parts = section.Sections(key).Select(part => Read(part, space, depth + 1)).ToArray();
        if (parts.Length == 0) section.Problem(key, "is empty. List one condition or more.");
        return parts.Length == 0 || parts.Contains(null) ? null : [.. parts!];
    }

    private static HazardFeatures? ReadFeatures(YamlSection section, string kind, CanonicalSpace? space)
    {
        var features = kind == "feature" ? section.Number<int>("feature", "the number of a feature") is { } one ? [one] : null : section.WholeNumbers("together");
        var within = section.Text("within") ?? "token";
        if (within is not ("token" or "sequence")) section.Problem("within", $"is '{within}'. Use token or sequence.");
        var read = new HazardFeatures(
            new([.. (features ?? []).Order()], within == "sequence" ? Within.Sequence : Within.Token),
            Limit(section, "rateAbove", "a share of rows, as in 0.0005"), Limit(section, "liftAbove", "a factor, as in 5"),
            Limit(section, "rateBelow", "a share of rows, as in 0.0005"), Limit(section, "liftBelow", "a factor, as in 0.2"));
        if (read is { RateAbove: null, LiftAbove: null, RateBelow: null, LiftBelow: null }) section.Problem($"{kind} lacks a limit. Add rateAbove, liftAbove, rateBelow or liftBelow.");
        foreach (var rate in new[] { "rateAbove", "rateBelow" })
            if (section.Has(rate) && section.Number<double>(rate, "") is > 1) section.Problem(rate, "is above 1. A rate is a share: 0.01 is one row in a hundred.");
        if (features is null) return null;
        if (kind == "together" && features.Distinct().Count() < 2) section.Problem("together", "names fewer than two features. Use feature for one.");
        if (space is not null)
            foreach (var feature in features.Where(feature => feature < 0 || feature >= space.Dictionary.Features).Distinct())
                section.Problem(kind, $"names feature {feature}; {space.Id} has features 0 to {space.Dictionary.Features - 1}.");
        return read;
    }

    private static double? Limit(YamlSection section, string key, string what)
    {
        var limit = section.Number<double>(key, what);
        if (limit is not null and not (>= 0 and <= double.MaxValue)) section.Problem(key, $"is {limit}. Use {what}.");
        return limit;
    }
}
