using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>The drift of a known-bad model, kept: how its features' rates moved from one version to another.</summary>
/// <param name="Space">Where it was made; for people. What must agree is the dictionary.</param>
/// <param name="Dictionary">Hash of the dictionary whose features these are.</param>
/// <param name="From">The version it moved away from, and <paramref name="To"/> the one it became: <c>model@version/hook</c>.</param>
/// <param name="Drift">The largest entries of the <see cref="DriftVector"/>, by feature.</param>
public sealed record Fingerprint(
    string Space, string Dictionary, string From, string To, long FromSequences, long ToSequences, ImmutableSortedDictionary<int, double> Drift)
{
    /// <summary>The <c>format</c> of the file; other formats get other numbers.</summary>
    private const string Format = "driftwatch-fingerprint/1";

    /// <summary>Fewer entries look like too many things.</summary>
    public const int FeaturesMinimum = 5;

    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>SHA-256 of everything in it: rules name it, and the permutations of a match are drawn from it.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Write()));

    /// <summary>What moved from one summary to the other: the <paramref name="features"/> largest entries.</summary>
    public static Fingerprint Of(string space, string dictionary, string from, WindowSummary then, string to, WindowSummary now, int features)
    {
        var drift = DriftVector.Of(now, then, then.FiringF()).DriftF;
        var largest = Enumerable.Range(0, drift.Length).Where(f => drift[f] != 0).OrderByDescending(f => Math.Abs(drift[f])).ThenBy(f => f).Take(features);
        // Rounded, so that the file shows what is compared.
        return new(space, dictionary, from, to, then.Sequences, now.Sequences, largest.ToImmutableSortedDictionary(f => f, f => Math.Round(drift[f], 4)));
    }

    public byte[] Write() =>
        [.. JsonSerializer.SerializeToUtf8Bytes(new Stored(Format, Space, Dictionary, From, FromSequences, To, ToSequences, Drift), json), (byte)'\n'];

    /// <exception cref="MalformedException">What was found and what to use instead; reason <c>fingerprint</c>.</exception>
    public static Fingerprint Read(Stream file, string path)
    {
        Stored? stored;
        try
        {
            stored = JsonSerializer.Deserialize<Stored>(file, json);
        }
        catch (JsonException error)
        {
            throw Refused(path, $"it is no fingerprint: {error.Message} Make one with 'driftwatch fingerprint'");
        }
        if (stored?.Format != Format) throw Refused(path, $"its format is '{stored?.Format}'; this version reads {Format}");
        if (stored is not { Space: not null, Dictionary.Length: > 0, From: not null, To: not null, Drift: not null }) throw Refused(path, "it lacks space, dictionary, from, to or drift");
        if (stored.Drift.Count < FeaturesMinimum) throw Refused(path, $"its drift names {stored.Drift.Count} features; use {FeaturesMinimum} or more, fewer look like too many things");
        foreach (var (feature, drift) in stored.Drift)
            if (feature < 0 || !double.IsFinite(drift) || drift == 0) throw Refused(path, $"its drift of feature {feature} is {drift}; features count from 0, and a drift is a number other than 0");
        return new(stored.Space, stored.Dictionary, stored.From, stored.To, stored.FromSequences, stored.ToSequences, stored.Drift);
    }

    private static MalformedException Refused(string path, string why) => new("fingerprint", $"{path}: {why}.");

    private sealed record Stored(
        string Format, string Space, string Dictionary, string From, long FromSequences, string To, long ToSequences, ImmutableSortedDictionary<int, double> Drift);
}
