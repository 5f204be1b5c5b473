using System.Text.Json;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Sinks;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.Sinks;

public sealed class CloudEventTests
{
    public static TheoryData<string> AlertTypes => ["drift-detected", "drift-ended", "hazard-detected", "hazard-ended", "alert-acknowledged", "alert-muted", "alert-resolved"];

    [Theory, MemberData(nameof(AlertTypes))]
    public void An_alert_event_has_the_attributes_of_CloudEvents_1_0(string type)
    {
        var (stored, fact) = Stored(type);

        using var cloudEvent = JsonDocument.Parse(CloudEvent.Write(stored, fact));

        var root = cloudEvent.RootElement;
        Assert.Equal(["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "more", "data"], root.EnumerateObject().Select(member => member.Name));
        Assert.Equal("1.0", root.GetProperty("specversion").GetString());
        Assert.Equal(stored.Id.ToString(), root.GetProperty("id").GetString());
        Assert.Equal($"driftwatch.{type}", root.GetProperty("type").GetString());
        Assert.Equal(Some.Monitor.ToString(), root.GetProperty("subject").GetString());
        Assert.Equal("2026-11-20T12:00:00.0000000Z", root.GetProperty("time").GetString());
        Assert.True(Uri.TryCreate(root.GetProperty("source").GetString(), UriKind.Relative, out _));
        Assert.Equal($"/v1/alerts/{root.GetProperty("data").GetProperty("alert").GetString()}", root.GetProperty("more").GetString());
        Assert.Contains(root.GetProperty("data").GetProperty("alert").GetString(), (string[])["0123456789ab", "ba9876543210"]);
    }

    [Theory, MemberData(nameof(AlertTypes))]
    public void The_data_is_the_stored_event_itself(string type)
    {
        var (stored, fact) = Stored(type);

        using var cloudEvent = JsonDocument.Parse(CloudEvent.Write(stored, fact));

        Assert.Equal(EventJson.Write(fact), EventJson.Write(EventJson.Read(JsonSerializer.SerializeToUtf8Bytes(cloudEvent.RootElement.GetProperty("data")))));
    }

    [Fact]
    public void A_repeat_is_the_same_to_the_byte()
    {
        var (stored, fact) = Stored("drift-detected");

        Assert.Equal(CloudEvent.Write(stored, fact), CloudEvent.Write(stored, fact));
    }

    [Fact]
    public void Windows_baselines_and_catalogs_are_no_alerts() =>
        Assert.All(SampleFacts.All.Where(fact => fact is WindowClosed or BaselineFrozen or CatalogChanged or TransformInstalled), fact => Assert.Throws<ArgumentException>(() => CloudEvent.SubjectOf(fact)));

    private static (StoredEvent, AlertEvent) Stored(string type)
    {
        var fact = SampleFacts.All.Single(fact => EventJson.TypeOf(fact) == type);
        return (new(1, StreamNames.Watch(Some.Monitor, 3), 0, EventId.From(type), type, Some.Time, "driftwatch", null, EventChain.Beginning, EventChain.Beginning, EventJson.Write(fact)), fact);
    }
}
