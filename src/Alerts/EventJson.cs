using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts;

/// <summary>Facts as JSON: what is stored, sent and shown.</summary>
/// <remarks>
/// <para>Old versions are read tolerantly and no event is ever rewritten: a member that was added later has a default that means "not known then", one that this build does not know is passed over, and the bytes inside (summaries, samples) carry a version of their own and read all before it.
/// So there is no step that lifts old events to new ones, and hashes hold for ever. Such a step would belong here, before deserializing: a function from the stored JSON of one type to the next shape, chosen by what it lacks. It is needed only if a member must change its meaning; giving it another name is better.</para>
/// <para>Every shape that was ever stored has a sample in tests/Alerts.Tests/Samples, and every format of the bytes inside one in tests/Analysis.Tests/Golden.</para>
/// </remarks>
public static class EventJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        // Labels and ids stay readable; the result is never put into a page unescaped.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new MonitorIdConverter(), new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        NumberHandling = JsonNumberHandling.Strict,
    };

    public static byte[] Write(AlertEvent fact) => JsonSerializer.SerializeToUtf8Bytes(fact, Options);

    public static AlertEvent Read(ReadOnlySpan<byte> data) =>
        JsonSerializer.Deserialize<AlertEvent>(data, Options) ?? throw new JsonException("an event's data is null");

    /// <summary>The stored name of a fact's type.</summary>
    public static string TypeOf(AlertEvent fact) => names[fact.GetType()];

    public static string NameOf<T>()
        where T : AlertEvent => names[typeof(T)];

    private static readonly Dictionary<Type, string> names = typeof(AlertEvent)
        .GetCustomAttributes(typeof(JsonDerivedTypeAttribute), inherit: false)
        .Cast<JsonDerivedTypeAttribute>()
        .ToDictionary(attribute => attribute.DerivedType, attribute => (string)attribute.TypeDiscriminator!);

    private sealed class MonitorIdConverter : JsonConverter<MonitorId>
    {
        public override MonitorId Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            MonitorId.TryParse(reader.GetString() ?? "", out var monitor) ? monitor : throw new JsonException($"'{reader.GetString()}' is not model@version/hook");

        public override void Write(Utf8JsonWriter writer, MonitorId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
