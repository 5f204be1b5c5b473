using System.Text;
using System.Text.Json.Serialization;

namespace DriftWatch.Alerts.Tests;

/// <summary>Stored names outlive class names. A sample is never edited: a changed event gets a new sample beside the old one, which must still be read.</summary>
public sealed class EventJsonTests
{
    private static readonly string samples = Path.Combine(AppContext.BaseDirectory, "Samples");

    public static TheoryData<string> Samples => [.. Directory.EnumerateFiles(samples, "*.json").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Samples))]
    public void A_stored_event_is_read_and_written_again_to_the_same_bytes(string sample)
    {
        var stored = File.ReadAllBytes(Path.Combine(samples, sample));

        var fact = EventJson.Read(stored);

        Assert.Equal(Encoding.UTF8.GetString(stored), Encoding.UTF8.GetString(EventJson.Write(fact)));
        Assert.StartsWith(EventJson.TypeOf(fact), sample, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_event_type_has_a_sample()
    {
        var types = typeof(AlertEvent).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(AlertEvent))).ToArray();
        var named = typeof(AlertEvent).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), inherit: false).Cast<JsonDerivedTypeAttribute>().ToDictionary(attribute => attribute.DerivedType, attribute => (string)attribute.TypeDiscriminator!);

        Assert.Empty(types.Except(named.Keys));
        Assert.All(types, type => Assert.True(File.Exists(Path.Combine(samples, $"{named[type]}.json")), $"Samples/{named[type]}.json is missing"));
    }

    [Fact]
    public void The_stored_names_are_these() => Assert.Equal(
        ["alert-acknowledged", "alert-muted", "alert-resolved", "baseline-frozen", "catalog-changed", "drift-detected", "drift-ended", "hazard-detected", "hazard-ended", "transform-installed", "window-closed"],
        SampleFacts.All.Select(EventJson.TypeOf).Order(StringComparer.Ordinal));

    [Fact]
    public void What_is_written_today_is_what_the_samples_hold() => Assert.All(SampleFacts.All, fact =>
        Assert.Equal(File.ReadAllText(Path.Combine(samples, $"{EventJson.TypeOf(fact)}.json")), Encoding.UTF8.GetString(EventJson.Write(fact))));

    [Fact]
    public void What_was_added_later_has_samples_of_its_own() => Assert.All(SampleFacts.Later, fact =>
        Assert.Equal(File.ReadAllText(Path.Combine(samples, $"{fact.Key}.json")), Encoding.UTF8.GetString(EventJson.Write(fact.Value))));

    [Fact]
    public void The_type_stands_first_so_that_readers_of_the_stream_can_tell_without_reading_on() =>
        Assert.All(SampleFacts.All, fact => Assert.StartsWith($"{{\"type\":\"{EventJson.TypeOf(fact)}\",", Encoding.UTF8.GetString(EventJson.Write(fact)), StringComparison.Ordinal));
}
