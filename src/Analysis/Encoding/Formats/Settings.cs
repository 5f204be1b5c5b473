using System.Text.Json;
using System.Text.Json.Nodes;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A dictionary's JSON configuration; what is missing or of another type is refused with the file's name and what was found.</summary>
internal sealed class Settings(JsonObject json, string file, IWeightFiles files)
{
    private const int BytesMaximum = 4 << 20;

    public JsonNode? this[string key] => json[key];

    public static Settings Read(IWeightFiles files, string file)
    {
        using var stream = files.Open(file);
        if (stream.Length > BytesMaximum) throw Refused(files, $"{file} has {stream.Length} bytes; at most {BytesMaximum} are read");
        try
        {
            // A key that stands twice would count once, which one the reader's choice.
            return new(JsonNode.Parse(stream, documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject ?? throw Refused(files, $"{file} is not a JSON object"), file, files);
        }
        catch (JsonException error)
        {
            throw Refused(files, $"{file} is not valid JSON{(error.LineNumber is { } line ? $" (line {line + 1})" : "")}, or holds a key twice");
        }
    }

    public static Exception Refused(IWeightFiles files, string why) => DictionaryReader.Refused($"{files.Path}: {why}.");

    public Exception Refused(string why) => Refused(files, why);

    /// <summary>An object inside; null: there is none.</summary>
    public Settings? Section(string key) => json[key] is JsonObject section ? new(section, file, files) : null;

    public string? Text(string key) => json[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    public bool Flag(string key, bool otherwise) => json[key] switch
    {
        null => otherwise,
        JsonValue value when value.TryGetValue(out bool flag) => flag,
        var other => throw Refused($"{key} in {file} is {other.ToJsonString()}; it is true or false"),
    };

    /// <summary>A whole number of 1 or more; some versions write 12.0.</summary>
    public int Whole(string key) =>
        json[key] is JsonValue value && value.TryGetValue(out double number) && number is >= 1 and <= int.MaxValue && number == Math.Floor(number)
            ? (int)number
            : throw Refused($"{key} in {file} is {json[key]?.ToJsonString() ?? "missing"}; it is a whole number of 1 or more");

    public double Positive(string key) =>
        json[key] is JsonValue value && value.TryGetValue(out double number) && number > 0 && double.IsFinite(number)
            ? number
            : throw Refused($"{key} in {file} is {json[key]?.ToJsonString() ?? "missing"}; it is a positive number");

    /// <summary>k of a TopK dictionary, not above the number of features.</summary>
    public int K(string key, int features) => Whole(key) is var k && k <= features ? k : throw Refused($"k is {k} but the dictionary has only {features} features");
}
