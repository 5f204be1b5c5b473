using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Canonical;

/// <summary>What a transform file says about itself: what it maps, what it was learned from, how well it does. All but the kind may be unknown.</summary>
public sealed record TransformCard(string Kind)
{
    public string? SourceModel { get; init; }
    public string? SourceHook { get; init; }
    public string? TargetModel { get; init; }
    public string? TargetHook { get; init; }

    /// <summary>SHA-256 of the dictionaries (<see cref="Encoding.SparseAutoencoder.Hash"/>) that it was learned with or for.</summary>
    public string? SourceSae { get; init; }
    public string? TargetSae { get; init; }

    /// <summary>SHA-256 over the rows that it was learned from.</summary>
    public string? Data { get; init; }

    /// <summary>How many these were.</summary>
    public long? Rows { get; init; }
    public long? Sequences { get; init; }

    /// <summary>What was chosen in learning, one JSON object: penalty, rank, scale, …</summary>
    public string? Choices { get; init; }

    /// <summary>What was measured on held-out sequences, one JSON object: r2, correlation_median, …</summary>
    public string? Fidelity { get; init; }

    /// <summary>A to F.</summary>
    public char? Grade { get; init; }

    /// <summary>Metadata of other names, kept as they are.</summary>
    public ImmutableSortedDictionary<string, string> More { get; init; } = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    private static readonly string[] names = ["kind", "source_model", "source_hook", "target_model", "target_hook", "source_sae", "target_sae", "data", "rows", "sequences", "choices", "fidelity", "grade"];

    /// <exception cref="MalformedException">What was found and what to use instead; reason <c>transform</c>.</exception>
    public static TransformCard Read(IReadOnlyDictionary<string, string> metadata)
    {
        string? Text(string name) => metadata.GetValueOrDefault(name);
        return new(Text("kind") ?? "(none)")
        {
            SourceModel = Text("source_model"),
            SourceHook = Text("source_hook"),
            TargetModel = Text("target_model"),
            TargetHook = Text("target_hook"),
            SourceSae = Hash("source_sae", Text("source_sae")),
            TargetSae = Hash("target_sae", Text("target_sae")),
            Data = Hash("data", Text("data")),
            Rows = Count("rows", Text("rows")),
            Sequences = Count("sequences", Text("sequences")),
            Choices = JsonObject("choices", Text("choices")),
            Fidelity = JsonObject("fidelity", Text("fidelity")),
            Grade = Text("grade") switch
            {
                null => null,
                [>= 'A' and <= 'F' and var grade] => grade,
                var other => throw Refused($"its grade is {SafetensorsHeader.Shown(other)}; grades are A to F"),
            },
            More = metadata.Where(entry => !names.Contains(entry.Key, StringComparer.Ordinal)).ToImmutableSortedDictionary(StringComparer.Ordinal),
        };
    }

    /// <summary>Reads back as the same card; only what is known stands in it.</summary>
    public Dictionary<string, string> Metadata()
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        string?[] values =
        [
            Kind, SourceModel, SourceHook, TargetModel, TargetHook, SourceSae, TargetSae, Data,
            Rows?.ToString(CultureInfo.InvariantCulture), Sequences?.ToString(CultureInfo.InvariantCulture), Choices, Fidelity, Grade?.ToString(),
        ];
        foreach (var (name, value) in names.Zip(values))
            if (value is not null) metadata[name] = value;
        foreach (var (name, value) in More) metadata[name] = value;
        return metadata;
    }

    private static string? Hash(string name, string? text) =>
        text is null || (text.Length == 64 && text.All(char.IsAsciiHexDigitLower)) ? text : throw Refused($"its {name} is {SafetensorsHeader.Shown(text)}; it should be a SHA-256, 64 hexadecimal digits in lower case");

    private static long? Count(string name, string? text) =>
        text is null ? null : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : throw Refused($"its {name} is {SafetensorsHeader.Shown(text)}; it should be a whole number");

    private static string? JsonObject(string name, string? text)
    {
        if (text is null) return null;
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement.ValueKind == JsonValueKind.Object) return text;
        }
        catch (JsonException)
        {
            // Said below.
        }
        throw Refused($"its {name} is {SafetensorsHeader.Shown(text)}; it should be one JSON object");
    }

    private static MalformedException Refused(string why) => new("transform", why);
}
