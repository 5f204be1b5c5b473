using System.Collections.Immutable;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Configuration;

/// <summary>The <c>when</c> of a hazard: all, any, not over features, features together, probe directions and fingerprints.</summary>
internal static class HazardReader
{
    private const int DepthMaximum = 16;
    private const int RollingRows = 8;
    private const int RollingRowsMaximum = 1024;
    private const double FingerprintP = 0.001;
    private const double FingerprintPMinimum = 1e-5;

    private static readonly string[] rates = ["rateAbove", "liftAbove", "rateBelow", "liftBelow"];
    private static readonly string[] magnitudes = ["magnitudeAbove", "magnitudeBelow", "magnitudeLiftAbove", "magnitudeLiftBelow"];

    /// <summary>Null after adding to the problems.</summary>
    public static HazardCondition? Read(YamlSection section, CanonicalSpace? space, int depth = 0)
    {
        if (depth > DepthMaximum)
        {
            section.Problem($"conditions are nested more than {DepthMaximum} deep. Write the rule flatter.");
            return null;
        }
        var kinds = new[] { "feature", "together", "direction", "fingerprint", "all", "any", "not" }.Where(section.Has).ToArray();
        if (kinds is not [var kind])
        {
            section.Problem($"a condition has one of feature, together, direction, fingerprint, all, any, not; here {(kinds.Length == 0 ? "is none" : "are " + string.Join(" and ", kinds))}.");
            section.RefuseUnknown();
            return null;
        }
        HazardCondition? read = kind switch
        {
            "all" => ReadParts(section, "all", space, depth) is { } parts ? new HazardAll(parts) : null,
            "any" => ReadParts(section, "any", space, depth) is { } parts ? new HazardAny(parts) : null,
            "not" => section.Section("not") is { } of && Read(of, space, depth + 1) is { } negated ? new HazardNot(negated) : null,
            "direction" => ReadDirection(section, space),
            "fingerprint" => ReadFingerprint(section, space),
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
        var without = section.WholeNumbers("without");
        var within = section.Text("within") ?? "token";
        if (within is not ("token" or "sequence")) section.Problem("within", $"is '{within}'. Use token or sequence.");
        var (rateAbove, liftAbove, rateBelow, liftBelow) = ReadRates(section, "a share of rows, as in 0.0005");
        var magnitude = new MagnitudeLimits(
            Limit(section, "magnitudeAbove", "a mean activation, as in 3.5"), Limit(section, "magnitudeBelow", "a mean activation, as in 0.5"),
            Limit(section, "magnitudeLiftAbove", "a factor, as in 2"), Limit(section, "magnitudeLiftBelow", "a factor, as in 0.5"));
        if (!rates.Concat(magnitudes).Any(section.Has)) section.Problem($"{kind} lacks a limit. Add {string.Join(", ", rates)} or {string.Join(", ", magnitudes)}.");
        if (features is null) return null;
        var set = new FeatureSet([.. features.Order()], within == "sequence" ? Within.Sequence : Within.Token, [.. (without ?? []).Distinct().Order()]);
        if (kind == "together" && features.Distinct().Count() < 2) section.Problem("together", "names fewer than two features. Use feature for one.");
        if (magnitude.Any && set.MustBeCounted)
            section.Problem(magnitudes.First(section.Has), "is about one feature by itself. Use it with feature, without 'within: sequence' and 'without', and put the rest beside it under all.");
        if (without?.Count == 0) section.Problem("without", "names no feature. List those that must not fire there, or leave it out.");
        foreach (var both in set.Without.Intersect(features)) section.Problem("without", $"names feature {both}, which {kind} names too: it cannot fire and not fire. Keep it in one of them.");
        if (space is not null)
        {
            foreach (var (key, named) in new[] { (kind, features), ("without", without ?? []) })
                foreach (var feature in named.Where(feature => feature < 0 || feature >= space.Dictionary.Features).Distinct())
                    section.Problem(key, $"names feature {feature}; {space.Id} has features 0 to {space.Dictionary.Features - 1}.");
        }
        return new(set, rateAbove, liftAbove, rateBelow, liftBelow) { Magnitude = magnitude };
    }

    private static HazardDirection? ReadDirection(YamlSection section, CanonicalSpace? space)
    {
        var file = section.Text("direction");
        var aggregate = section.Text("aggregate") ?? "mean";
        if (aggregate is not ("max" or "mean" or "rolling")) section.Problem("aggregate", $"is '{aggregate}'. Use max, mean or rolling: how the scores of a sequence's rows become one.");
        var rows = section.Number<int>("rows", "a whole number of rows, as in 8") ?? RollingRows;
        if (section.Has("rows") && aggregate != "rolling") section.Problem("rows", "is the length of a rolling mean. Add 'aggregate: rolling', or leave it out.");
        if (rows is < 2 or > RollingRowsMaximum) section.Problem("rows", $"is {rows}. Use 2 to {RollingRowsMaximum} rows.");
        var scoreAbove = section.Number<double>("scoreAbove", "a score, as in 1.5");
        var quantile = section.Number<double>("aboveQuantile", "a quantile of the baseline's scores, as in 0.999");
        if (section.Has("scoreAbove") == section.Has("aboveQuantile")) section.Problem("direction takes one threshold. Use scoreAbove (a score) or aboveQuantile (of the baseline's scores, as in 0.999).");
        if (quantile is not null and not (>= 0.5 and <= 0.99999)) section.Problem("aboveQuantile", $"is {quantile}. Use 0.5 to 0.99999: 0.999 is the score that one baseline sequence in a thousand passes.");
        var (rateAbove, liftAbove, rateBelow, liftBelow) = ReadRates(section, "a share of sequences, as in 0.01");
        if (!rates.Any(section.Has)) section.Problem($"direction lacks a limit. Add {string.Join(", ", rates)}: of the share of sequences above the threshold.");
        if (file is null) return null;
        var aggregation = aggregate switch { "mean" => Aggregation.Mean, "rolling" => Aggregation.Rolling, _ => Aggregation.Max };
        var direction = Open(section, "direction", file, (stream, path) => DirectionFile.Read(stream, path, aggregation, rows));
        if (direction is null || (scoreAbove is null && quantile is null)) return null;
        if (space is not null && direction.WeightsD.Length != space.Dictionary.Width)
        {
            section.Problem("direction", $"{file} is a probe of width {direction.WeightsD.Length}, but {space.Id} has width {space.Dictionary.Width}. Use a probe that was trained on this space's activations.");
            return null;
        }
        return new(direction, scoreAbove, scoreAbove is null ? quantile : null, rateAbove, liftAbove, rateBelow, liftBelow);
    }

    private static HazardFingerprint? ReadFingerprint(YamlSection section, CanonicalSpace? space)
    {
        var file = section.Text("fingerprint");
        var cosine = section.Number<double>("cosineAbove", "a cosine, as in 0.3");
        var p = section.Number<double>("pBelow", "a p-value, as in 0.001") ?? FingerprintP;
        if (!section.Has("cosineAbove")) section.Problem("fingerprint lacks cosineAbove. Write, say, 'cosineAbove: 0.3': how much the drift must look like it.");
        if (cosine is not null and not (>= 0 and < 1)) section.Problem("cosineAbove", $"is {cosine}. Use 0 up to 1: 0 is nothing in common, 1 the same direction.");
        if (p is not (>= FingerprintPMinimum and <= 0.5)) section.Problem("pBelow", $"is {p}. Use {FingerprintPMinimum} to 0.5; each smaller p-value takes more permutations.");
        if (file is null || Open(section, "fingerprint", file, Fingerprint.Read) is not { } known || cosine is null) return null;
        if (space is not null && known.Dictionary != space.Dictionary.Hash)
        {
            section.Problem("fingerprint", $"{file} was made with another dictionary ({known.Dictionary[..Math.Min(12, known.Dictionary.Length)]}…, space {known.Space}) than that of {space.Id} ({space.Dictionary.Hash[..12]}…): its features are not these. Make it again with 'driftwatch fingerprint'.");
            return null;
        }
        if (space is not null && known.Drift.Keys.Last() >= space.Dictionary.Features)
        {
            section.Problem("fingerprint", $"{file} names feature {known.Drift.Keys.Last()}; {space.Id} has features 0 to {space.Dictionary.Features - 1}.");
            return null;
        }
        return new(known, cosine.Value, p);
    }

    private static T? Open<T>(YamlSection section, string key, string file, Func<Stream, string, T> read)
        where T : class
    {
        var path = Path.Combine(section.Folder, file);
        try
        {
            using var stream = File.OpenRead(path);
            return read(stream, path);
        }
        catch (Exception error) when (error is MalformedException or IOException or UnauthorizedAccessException)
        {
            section.Problem(key, $"cannot be used: {error.Message}");
            return null;
        }
    }

    private static (double? RateAbove, double? LiftAbove, double? RateBelow, double? LiftBelow) ReadRates(YamlSection section, string share)
    {
        var limits = (Limit(section, "rateAbove", share), Limit(section, "liftAbove", "a factor, as in 5"), Limit(section, "rateBelow", share), Limit(section, "liftBelow", "a factor, as in 0.2"));
        foreach (var (rate, limit) in new[] { ("rateAbove", limits.Item1), ("rateBelow", limits.Item3) })
            if (limit > 1) section.Problem(rate, "is above 1. A rate is a share: 0.01 is one in a hundred.");
        return limits;
    }

    private static double? Limit(YamlSection section, string key, string what)
    {
        var limit = section.Number<double>(key, what);
        if (limit is not null and not (>= 0 and <= double.MaxValue)) section.Problem(key, $"is {limit}. Use {what}.");
        return limit;
    }
}
