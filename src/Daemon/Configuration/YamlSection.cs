using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace DriftWatch.Daemon.Configuration;

/// <summary>Everything that is wrong with the operator's files, each as <c>file:line: what was found; what to write</c>. All are reported at once.</summary>
public sealed class Problems
{
    private readonly List<string> all = [];

    public IReadOnlyList<string> All => all;

    public void Add(string problem) => all.Add(problem);
}

/// <summary>A mapping of a YAML file that knows where it stands and which of its keys were asked for.</summary>
public sealed partial class YamlSection
{
    private const int SecretBytesMaximum = 64 << 10;

    private readonly Dictionary<string, (YamlScalarNode Key, YamlNode Value)> entries = new(StringComparer.Ordinal);
    private readonly HashSet<string> asked = new(StringComparer.Ordinal);
    private readonly Problems problems;
    private readonly string file;
    private readonly string path;

    private YamlSection(YamlMappingNode node, string file, string path, Problems problems)
    {
        (this.file, this.path, this.problems) = (file, path, problems);
        Line = node.Start.Line;
        foreach (var (key, value) in node.Children)
        {
            if (key is YamlScalarNode { Value: { } name } scalar) entries[name] = (scalar, value);
            else Problem(key, "a key is not a plain name");
        }
    }

    public long Line { get; }

    /// <summary>The folder of the file: relative paths in it start there.</summary>
    public string Folder => Path.GetDirectoryName(Path.GetFullPath(file))!;

    public IEnumerable<string> Keys => entries.Keys;

    /// <summary>The file's top level; null after adding to the problems.</summary>
    public static YamlSection? Load(string file, Problems problems)
    {
        var yaml = new YamlStream();
        try
        {
            using var reader = new StreamReader(file);
            yaml.Load(reader);
        }
        catch (YamlException error)
        {
            problems.Add($"{file}:{error.Start.Line}: not valid YAML: {error.InnerException?.Message ?? error.Message}");
            return null;
        }
        catch (InvalidOperationException)
        {
            // What YamlDotNet throws for some brackets that do not close.
            problems.Add($"{file}:1: not valid YAML: a bracket or brace does not close");
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{file}: cannot be read: {error.Message}");
            return null;
        }
        if (yaml.Documents is [{ RootNode: YamlMappingNode root }]) return new(root, file, "", problems);
        problems.Add($"{file}:1: should be one YAML mapping with keys such as spaces, models, hazards");
        return null;
    }

    public void Problem(string key, string message) => Problem(entries.TryGetValue(key, out var entry) ? entry.Key : null, $"{Full(key)} {message}");

    public void Problem(string message) => problems.Add($"{file}:{Line}: {message}");

    /// <summary>A problem with a setting further down, shown at its line, or at the nearest above it that is written.</summary>
    public void ProblemAt(ReadOnlySpan<string> path, string message)
    {
        if (path.Length > 1 && entries.TryGetValue(path[0], out var entry) && entry.Value is YamlMappingNode) Section(path[0])!.ProblemAt(path[1..], message);
        else Problem(path.Length > 0 && entries.TryGetValue(path[0], out var last) ? last.Key : null, message);
    }

    public bool Has(string key)
    {
        asked.Add(key);
        return entries.ContainsKey(key);
    }

    public string? Text(string key)
    {
        if (!Has(key)) return null;
        if (entries[key].Value is YamlScalarNode { Value: { Length: > 0 } text }) return text;
        Problem(key, "should be a text");
        return null;
    }

    public string Required(string key, string example)
    {
        if (Text(key) is { } text) return text;
        if (!Has(key)) Problem($"{(path.Length == 0 ? "" : path + " ")}lacks {key}. Write, say, '{key}: {example}'.");
        return "";
    }

    public T? Number<T>(string key, string what)
        where T : struct, INumberBase<T>
    {
        if (Text(key) is not { } text) return null;
        if (T.TryParse(text, NumberStyles.Float & ~NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number) && T.IsFinite(number)) return number;
        Problem(key, $"is '{text}'. Use {what}.");
        return null;
    }

    /// <summary>Bytes, with KiB, MiB or GiB if wanted.</summary>
    public long? Bytes(string key)
    {
        if (Text(key) is not { } text) return null;
        var match = BytesPattern().Match(text);
        if (match.Success && long.TryParse(match.Groups["number"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 1L << 32)
            return number << (match.Groups["unit"].Value switch { "KiB" => 10, "MiB" => 20, "GiB" => 30, _ => 0 });
        Problem(key, $"is '{text}'. Use bytes, as in 67108864 or 64MiB.");
        return null;
    }

    public TimeSpan? Duration(string key)
    {
        if (Text(key) is not { } text) return null;
        if (TimeSpan.TryParseExact(text, ["c", @"h\:mm\:ss"], CultureInfo.InvariantCulture, out var duration)) return duration;
        Problem(key, $"is '{text}'. Use hours:minutes:seconds, as in 01:00:00.");
        return null;
    }

    public YamlSection? Section(string key)
    {
        if (!Has(key)) return null;
        if (entries[key].Value is YamlMappingNode node) return new(node, file, Full(key), problems);
        Problem(key, "should hold keys of its own, indented below it");
        return null;
    }

    public IReadOnlyList<YamlSection> Sections(string key)
    {
        if (!Has(key)) return [];
        if (entries[key].Value is not YamlSequenceNode list)
        {
            Problem(key, "should be a list: each entry begins with '- '");
            return [];
        }
        var sections = new List<YamlSection>();
        foreach (var child in list)
        {
            if (child is YamlMappingNode node) sections.Add(new(node, file, $"{Full(key)}[{sections.Count}]", problems));
            else Problem(child, $"an entry of {Full(key)} should hold keys, as in '- id: …'");
        }
        return sections;
    }

    /// <summary>Whole numbers in a list; null where they are not.</summary>
    public IReadOnlyList<int>? WholeNumbers(string key)
    {
        if (!Has(key)) return null;
        if (entries[key].Value is YamlSequenceNode list)
        {
            var numbers = list.Select(child => child is YamlScalarNode scalar && int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1).ToArray();
            if (!numbers.Contains(-1)) return numbers;
        }
        Problem(key, "should be a list of feature numbers, as in [812, 90]");
        return null;
    }

    /// <summary>True or false; null where it is not said.</summary>
    public bool? Flag(string key)
    {
        if (Text(key) is not { } text) return null;
        if (text is "true" or "false") return text == "true";
        Problem(key, $"is '{text}'. Use true or false.");
        return null;
    }

    /// <summary>All keys with their texts, for settings that are passed on, with what they refer to.</summary>
    public Dictionary<string, string> Texts()
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var key in entries.Keys)
            if (Text(key) is { } text) texts[key] = Expanded(key, text);
        return texts;
    }

    /// <summary>A text that may refer to secrets, so that none need be in the file: <c>${NAME}</c> stands for an environment variable, <c>${file:PATH}</c> for what a file holds.</summary>
    /// <remarks>What comes back is secret: no message may show it.</remarks>
    /// <param name="escape">Makes a value fit where it stands, as in an address.</param>
    public string Expanded(string key, string text, Func<string, string>? escape = null) => ReferencePattern().Replace(text, match =>
    {
        var value = match.Groups["file"] is { Success: true, Value: var path } ? FileSecret(key, path) : VariableSecret(key, match.Groups["name"].Value);
        return escape is null ? value : escape(value);
    });

    private string VariableSecret(string key, string name)
    {
        if (Environment.GetEnvironmentVariable(name) is { } value) return value;
        Problem(key, $"names the environment variable {name}, which is not set.");
        return "";
    }

    private string FileSecret(string key, string path)
    {
        try
        {
            // As long as any key or certificate, and not a log that was named by mistake.
            if (SmallFile.ReadText(Path.Combine(Folder, path), SecretBytesMaximum) is { Length: > 0 } secret) return secret;
            Problem(key, $"names the file {path}, which is empty. Write the secret into it.");
        }
        catch (IOException error)
        {
            Problem(key, $"names a file that cannot be used: {error.Message}.");
        }
        return "";
    }

    /// <summary>Reports the keys that nobody asked for. Call it after the last read.</summary>
    public void RefuseUnknown()
    {
        foreach (var (key, (node, _)) in entries)
        {
            if (asked.Contains(key)) continue;
            var near = asked.MinBy(known => Distance(known, key));
            var meant = near is not null && Distance(near, key) <= Math.Max(2, key.Length / 3) ? $" Did you mean '{near}'?" : "";
            Problem(node, $"'{Full(key)}' is not a setting.{meant} Known here: {string.Join(", ", asked.Order(StringComparer.Ordinal))}.");
        }
    }

    private string Full(string key) => path.Length == 0 ? key : $"{path}.{key}";

    private void Problem(YamlNode? node, string message) => problems.Add($"{file}:{node?.Start.Line ?? Line}: {message}");

    /// <summary>Levenshtein.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[b.Length];
    }

    [GeneratedRegex(@"^(?<number>\d{1,18})\s*(?<unit>KiB|MiB|GiB)?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex BytesPattern();

    [GeneratedRegex(@"\$\{((?<name>[A-Za-z_][A-Za-z0-9_]*)|file:(?<file>[^}]+))\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ReferencePattern();
}
