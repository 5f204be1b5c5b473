using System.Collections.Immutable;
using System.Globalization;

namespace DriftWatch.Analysis.Canonical;

/// <summary>What people call the canonical features: id → label, tags, parent. Most features have none.</summary>
public sealed record FeatureLabels(ImmutableDictionary<int, FeatureLabel> ById)
{
    public static readonly FeatureLabels None = new(ImmutableDictionary<int, FeatureLabel>.Empty);

    public string? Of(int feature) => ById.GetValueOrDefault(feature)?.Label;

    /// <summary>Reads CSV <c>feature,label,tags,parent</c> (the last two optional; fields may be quoted; tags separated by spaces or semicolons).</summary>
    /// <returns>The labels, and every problem as <c>line N: …</c>.</returns>
    public static (FeatureLabels Labels, IReadOnlyList<string> Problems) Read(TextReader csv, int features)
    {
        var labels = ImmutableDictionary.CreateBuilder<int, FeatureLabel>();
        var problems = new List<string>();
        var columns = Fields(csv.ReadLine() ?? "");
        var wanted = new[] { "feature", "label", "tags", "parent" };
        if (columns is not ["feature", "label", ..] || columns.Except(wanted, StringComparer.Ordinal).Any())
        {
            problems.Add($"line 1: the columns are '{string.Join(',', columns)}'. Use feature,label and, if wanted, tags,parent");
            return (None, problems);
        }
        for (var number = 2; csv.ReadLine() is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            var fields = Fields(line);
            string Field(string name) => Array.IndexOf(columns, name) is var at && at >= 0 && at < fields.Length ? fields[at] : "";
            if (!int.TryParse(Field("feature"), NumberStyles.None, CultureInfo.InvariantCulture, out var feature) || feature >= features)
                problems.Add($"line {number}: feature '{Field("feature")}' is not one of 0 to {features - 1}");
            else if (fields.Length > columns.Length)
                problems.Add($"line {number}: {fields.Length} fields for {columns.Length} columns. Quote a label that holds a comma");
            else if (!labels.TryAdd(feature, new(Field("label"), [.. Field("tags").Split([' ', ';'], StringSplitOptions.RemoveEmptyEntries)], Field("parent"))))
                problems.Add($"line {number}: feature {feature} stands twice");
        }
        return (new(labels.ToImmutable()), problems);
    }

    private static string[] Fields(string line)
    {
        var fields = new List<string>();
        var field = new System.Text.StringBuilder();
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
            else if (line[i] == '"') quoted = !quoted;
            else if (line[i] == ',' && !quoted)
            {
                fields.Add(field.ToString().Trim());
                field.Clear();
            }
            else field.Append(line[i]);
        }
        fields.Add(field.ToString().Trim());
        return [.. fields];
    }
}

public sealed record FeatureLabel(string Label, ImmutableArray<string> Tags, string Parent);
