using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>The two forms of YAML that releases of transcoders use for a name or a size: <c>key: value</c>, and as Weights &amp; Biases writes it, <c>value:</c> below the key.</summary>
/// <remarks>Whatever else the file holds is passed over: sizes that decide numbers are those of the tensors, and these only have to agree.</remarks>
internal sealed class FlatYaml
{
    private const int BytesMaximum = 1 << 20;
    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    /// <summary>Null: the file does not say.</summary>
    public string? this[string key] => values.GetValueOrDefault(key);

    public static FlatYaml Read(IWeightFiles files, string name)
    {
        using var stream = files.Open(name);
        if (stream.Length > BytesMaximum) throw new MalformedException("yaml", $"{name} has {stream.Length} bytes; at most {BytesMaximum} are read");
        using var reader = new StreamReader(stream);
        var yaml = new FlatYaml();
        var above = "";
        while (reader.ReadLine() is { } line)
        {
            if (line.Split(':', 2) is not [var key, var value] || key.TrimStart().StartsWith('#')) continue;
            if (!char.IsWhiteSpace(line[0])) above = key;
            else if (key.Trim() != "value") continue;
            if (value.Trim() is { Length: > 0 } text) yaml.values.TryAdd(above, text.Trim('"', '\''));
        }
        return yaml;
    }
}
