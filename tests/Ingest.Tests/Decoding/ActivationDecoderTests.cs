using System.Text;
using DriftWatch.Analysis.Activations;
using DriftWatch.Ingest.Decoding;
using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests.Decoding;

public sealed class ActivationDecoderTests
{
    private static readonly ActivationDecoder decoder = new((model, hook) => (model, hook) == (Some.Model, Some.Hook) ? Some.Width : null, messageBytesMaximum: 1 << 20);

    public static TheoryData<string> Types => ["F32", "F16", "BF16"];

    [Theory, MemberData(nameof(Types))]
    public void A_message_of_each_type_decodes_to_the_numbers_that_were_sent(string type)
    {
        var values = Some.Values(3 * Some.Width);

        var batch = Decode(SafetensorsFile.Of(Some.Metadata(), Typed(type, [3, Some.Width], values)));

        Assert.Equal((3, Some.Width, type), (batch.Rows, batch.Width, batch.Type.ToString()));
        var rows = new float[values.Length];
        batch.Widen(0, rows);
        Assert.Equal(values, rows);
    }

    [Theory, MemberData(nameof(Types))]
    public void The_activations_are_a_slice_of_the_message_and_not_a_copy(string type)
    {
        var message = SafetensorsFile.Of(Some.Metadata(), SomeTensor.U8("unknown", 1, 2, 3, 4), Typed(type, [3, Some.Width], Some.Values(3 * Some.Width)));

        var data = Decode(message).Data;

        Assert.True(message.AsSpan().Overlaps(data.Span, out var at));
        Assert.Equal(message.Length - data.Length, at);
    }

    [Fact]
    public void What_the_message_says_of_itself_is_in_the_batch()
    {
        var batch = Decode(Some.Message());

        Assert.Equal((Some.Monitor, Probe.Traffic, Some.Time), (batch.Monitor, batch.Probe, batch.SampledAt));
    }

    [Fact]
    public void Without_sequence_ids_the_message_is_one_sequence()
    {
        var batch = Decode(Some.Message(rows: 3));

        Assert.Equal([0, 0, 0], batch.SequenceOf);
        Assert.Equal(1, batch.Sequences);
    }

    [Fact]
    public void Sequence_ids_of_either_width_are_numbered_in_the_order_in_which_they_appear_and_may_be_interleaved()
    {
        var narrow = Decode(SafetensorsFile.Of(Some.Metadata(), Some.Activations(5), SomeTensor.I32("sequence_ids", 7, int.MinValue, 7, -1, int.MinValue)));
        var wide = Decode(SafetensorsFile.Of(Some.Metadata(), SomeTensor.I64("sequence_ids", long.MaxValue, 0, long.MaxValue, -1, 0), Some.Activations(5)));

        Assert.Equal([0, 1, 0, 2, 1], narrow.SequenceOf);
        Assert.Equal([0, 1, 0, 2, 1], wide.SequenceOf);
        Assert.Equal((3, 3), (narrow.Sequences, wide.Sequences));
    }

    [Fact]
    public void Ids_that_differ_only_above_32_bits_are_different_sequences()
    {
        var batch = Decode(SafetensorsFile.Of(Some.Metadata(), Some.Activations(2), SomeTensor.I64("sequence_ids", 1, 1L << 32 | 1)));

        Assert.Equal(2, batch.Sequences);
    }

    [Fact]
    public void Headers_of_the_message_override_its_metadata()
    {
        var message = SafetensorsFile.Of(new Dictionary<string, string> { ["model"] = "forged", ["version"] = "0", ["hook"] = "no", ["sampled_at"] = "no", ["probe"] = "no" }, Some.Activations(1));

        var batch = Decode(message, ("model", Some.Model), ("version", "9"), ("hook", Some.Hook), ("sampled_at", "2026-11-20T13:00:00+02:00"), ("probe", "canary"));

        Assert.Equal((Some.Monitor with { Version = "9" }, Probe.Canary, Some.Time.AddHours(-1)), (batch.Monitor, batch.Probe, batch.SampledAt));
    }

    [Fact]
    public void Other_headers_and_headers_without_a_value_change_nothing()
    {
        var batch = decoder.Decode(Some.Message(), [new("traceparent", [0xff]), new("version", null)], null);

        Assert.Equal(Some.Monitor, batch.Monitor);
    }

    [Fact]
    public void Headers_alone_are_enough()
    {
        var batch = Decode(SafetensorsFile.Of(null, Some.Activations(1)), ("model", Some.Model), ("version", Some.Version), ("hook", Some.Hook), ("sampled_at", "2026-11-20T12:00:00Z"));

        Assert.Equal((Some.Monitor, Some.Time), (batch.Monitor, batch.SampledAt));
    }

    [Theory]
    [InlineData("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.0000000Z")]
    [InlineData("2026-11-20t12:00:00z", "2026-11-20T12:00:00.0000000Z")]
    [InlineData("2026-11-20T12:00:00.123456+00:00", "2026-11-20T12:00:00.1234560Z")]
    [InlineData("2026-11-20T12:00:00.123456789Z", "2026-11-20T12:00:00.1234568Z")]
    [InlineData("2026-11-20T12:00:00-05:30", "2026-11-20T17:30:00.0000000Z")]
    public void Times_are_read_as_RFC_3339_writes_them(string sampledAt, string expected)
    {
        var batch = Decode(Some.Message(), ("sampled_at", sampledAt));

        Assert.Equal(expected, batch.SampledAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"));
    }

    [Fact]
    public void The_brokers_time_counts_only_when_the_message_says_none()
    {
        var metadata = Some.Metadata();
        metadata.Remove("sampled_at");
        var silent = SafetensorsFile.Of(metadata, Some.Activations(1));

        Assert.Equal(Some.Time.AddDays(1), decoder.Decode(silent, [], Some.Time.AddDays(1)).SampledAt);
        Assert.Equal(Some.Time, decoder.Decode(Some.Message(), [], Some.Time.AddDays(1)).SampledAt);
    }

    [Fact]
    public void Optional_tensors_are_accepted_and_unknown_ones_ignored()
    {
        var message = SafetensorsFile.Of(
            Some.Metadata(), Some.Activations(2), SomeTensor.I32("positions", 0, 1), SomeTensor.I64("token_ids", 5, 6), SomeTensor.U8("labels.trigger", 0, 1),
            new("labels.other", "BOOL", [2], [1, 0]), SomeTensor.F32("anything", [1], 1));

        Assert.Equal(2, Decode(message).Rows);
    }

    [Fact]
    public void One_finite_row_is_enough()
    {
        var values = Enumerable.Repeat(float.NaN, 2 * Some.Width).ToArray();
        Array.Clear(values, Some.Width, Some.Width);

        Assert.Equal(2, Decode(SafetensorsFile.Of(Some.Metadata(), SomeTensor.F32("activations", [2, Some.Width], values))).Rows);
    }

    [Theory, MemberData(nameof(Types))]
    public void A_message_without_a_finite_row_is_refused_whatever_its_type(string type)
    {
        var values = Enumerable.Repeat(0f, 2 * Some.Width).ToArray();
        (values[0], values[Some.Width + 1]) = (float.NaN, float.NegativeInfinity);

        AssertRefused("not-finite", ["2 rows", "NaN"], SafetensorsFile.Of(Some.Metadata(), Typed(type, [2, Some.Width], values)));
    }

    [Theory]
    [InlineData("F16", 65504f)]
    [InlineData("BF16", 3.3895314e38f)]
    [InlineData("F32", float.MaxValue)]
    public void The_largest_finite_number_of_a_type_is_finite(string type, float value)
    {
        var values = Enumerable.Repeat(value, Some.Width).ToArray();

        Assert.Equal(1, Decode(SafetensorsFile.Of(Some.Metadata(), Typed(type, [1, Some.Width], values))).Rows);
    }

    [Fact]
    public void An_empty_value_is_refused() => AssertRefused("empty", ["safetensors"], []);

    [Fact]
    public void No_rows_are_refused() => AssertRefused("empty", ["no rows"], SafetensorsFile.Of(Some.Metadata(), SomeTensor.F32("activations", [0, Some.Width])));

    [Fact]
    public void A_message_over_the_bound_is_refused_with_both_numbers_and_the_setting()
    {
        var strict = new ActivationDecoder((_, _) => Some.Width, messageBytesMaximum: 1024);

        var refused = Assert.Throws<MalformedException>(() => strict.Decode(new byte[1025], [], null));

        Assert.Equal("too-large", refused.Reason);
        Assert.Contains("1025 bytes", refused.Message);
        Assert.Contains("1024", refused.Message);
        Assert.Contains("messageBytesMaximum", refused.Message);
    }

    [Fact]
    public void Every_truncation_of_a_message_is_refused()
    {
        var message = Some.Message();

        for (var length = 0; length < message.Length; length++)
        {
            var refused = Assert.Throws<MalformedException>(() => Decode(message[..length]));
            Assert.Equal(length == 0 ? "empty" : "truncated", refused.Reason);
        }
    }

    [Fact]
    public void Bytes_behind_the_last_tensor_are_refused() => AssertRefused("bad-offsets", ["1 bytes", "no tensor"], [.. Some.Message(), 0]);

    [Theory]
    [InlineData(64 * 1024 + 1, "header-too-large")]
    [InlineData(ulong.MaxValue, "header-too-large")]
    [InlineData(1UL << 63, "header-too-large")]
    [InlineData(64 * 1024, "truncated")]
    public void A_header_length_that_is_too_large_or_a_lie_is_refused_before_anything_is_allocated(ulong length, string reason)
    {
        var message = (byte[])[.. SafetensorsFile.LengthOf(length), .. Some.Message()[8..]];
        Assert.Throws<MalformedException>(() => Decode(message));   // Once before measuring: the first call compiles.

        var before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.Throws<MalformedException>(() => decoder.Decode(message, [], null));
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(reason, refused.Reason);
        Assert.Contains(length.ToString(), refused.Message);
        Assert.True(allocated < 16 * 1024, $"{allocated} bytes were allocated");
    }

    [Fact]
    public void The_largest_header_that_is_allowed_is_read()
    {
        var message = Some.Message();
        var header = SafetensorsFile.HeaderOf(message).PadRight(SafetensorsHeader.MessageHeaderBytesMaximum);

        Assert.Equal(3, Decode(SafetensorsFile.With(header, SafetensorsFile.DataOf(message))).Rows);
    }

    [Fact]
    public void A_shape_whose_product_overflows_is_refused() =>
        AssertRefused("bad-shape", ["larger than any file"], WithTensor("""{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,48]}"""));

    [Fact]
    public void A_dimension_beyond_what_arrays_hold_is_refused() =>
        AssertRefused("bad-shape", ["4294967296"], WithTensor("""{"dtype":"F32","shape":[4294967296,4],"data_offsets":[0,48]}"""));

    [Fact]
    public void A_shape_that_does_not_fit_its_bytes_is_refused_with_both_numbers() =>
        AssertRefused("bad-shape", ["[4, 4]", "64", "48"], WithTensor("""{"dtype":"F32","shape":[4,4],"data_offsets":[0,48]}"""));

    [Theory]
    [InlineData("[12]")]
    [InlineData("[]")]
    [InlineData("[1,3,4]")]
    public void Activations_that_are_no_matrix_are_refused(string shape)
    {
        var data = new byte[shape == "[]" ? 4 : 48];
        var message = SafetensorsFile.With($$$"""{"__metadata__":{{{MetadataJson}}},"activations":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,{{{data.Length}}}]}}""", data);

        AssertRefused("bad-shape", ["[rows, d_model]"], message);
    }

    [Fact]
    public void Tensors_that_share_bytes_are_refused() => AssertRefused(
        "overlapping-offsets", ["'positions'"],
        SafetensorsFile.With($$$"""{"__metadata__":{{{MetadataJson}}},"activations":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]},"positions":{"dtype":"I32","shape":[3],"data_offsets":[40,52]}}""", new byte[52]));

    [Theory]
    [InlineData("[48,0]", "bad-offsets")]
    [InlineData("[-48,0]", "bad-offsets")]
    [InlineData("[0,48.5]", "bad-offsets")]
    [InlineData("[0,1e2]", "bad-offsets")]
    [InlineData("[0,9223372036854775808]", "bad-offsets")]
    [InlineData("[0,9223372036854775807]", "truncated")]
    [InlineData("[0,49]", "truncated")]
    [InlineData("[0]", "bad-offsets")]
    [InlineData("[]", "bad-offsets")]
    [InlineData("[0,24,48]", "bad-shape")]
    [InlineData("[4,52]", "truncated")]
    [InlineData("\"0,48\"", "bad-header")]
    [InlineData("[\"0\",\"48\"]", "bad-header")]
    public void Offsets_that_are_no_range_of_the_data_are_refused(string offsets, string reason) =>
        AssertRefused(reason, [], WithTensor($$$"""{"dtype":"F32","shape":[3,4],"data_offsets":{{{offsets}}}}"""));

    [Theory]
    [InlineData("F64", 8, "F32, F16 or BF16")]
    [InlineData("I32", 4, "F32, F16 or BF16")]
    [InlineData("F8_E4M3", 1, "F32, F16 or BF16")]
    [InlineData("float32", 4, "safetensors does not name")]
    public void Activations_of_another_type_are_refused_with_the_types_that_are_accepted(string dtype, int size, string use) =>
        AssertRefused("bad-dtype", [dtype, use], SafetensorsFile.Of(Some.Metadata(), new SomeTensor("activations", dtype, [2, Some.Width], new byte[2 * Some.Width * size])));

    [Theory]
    [InlineData("sequence_ids", "F32", "I32 or I64")]
    [InlineData("positions", "U8", "I32 or I64")]
    [InlineData("token_ids", "I16", "I32 or I64")]
    [InlineData("labels.trigger", "I32", "U8 or BOOL")]
    public void Optional_tensors_of_another_type_are_refused(string name, string dtype, string use)
    {
        var size = dtype switch { "U8" => 1, "I16" => 2, _ => 4 };

        AssertRefused("bad-dtype", [$"'{name}'", dtype, use], SafetensorsFile.Of(Some.Metadata(), Some.Activations(2), new SomeTensor(name, dtype, [2], new byte[2 * size])));
    }

    [Theory]
    [InlineData("sequence_ids")]
    [InlineData("positions")]
    [InlineData("token_ids")]
    public void Optional_tensors_for_another_number_of_rows_are_refused(string name)
    {
        AssertRefused("bad-shape", [$"'{name}'", "[3]", "[2]"], SafetensorsFile.Of(Some.Metadata(), Some.Activations(2), SomeTensor.I32(name, 1, 2, 3)));
        AssertRefused("bad-shape", [$"'{name}'", "[2, 1]", "[2]"], SafetensorsFile.Of(Some.Metadata(), Some.Activations(2), SomeTensor.I32(name, 1, 2) with { Shape = [2, 1] }));
    }

    [Fact]
    public void Another_width_than_the_catalogs_is_refused_with_both() => AssertRefused("wrong-width", ["5 wide", "takes 4", Some.Model], SafetensorsFile.Of(Some.Metadata(), Some.Activations(2, width: 5)));

    [Theory]
    [InlineData("unknown", Some.Hook)]
    [InlineData(Some.Model, "blocks.3.hook_resid_post")]
    public void A_model_or_hook_that_is_not_in_the_catalog_is_refused(string model, string hook) =>
        AssertRefused("unknown-model", [model, hook, "Add it under models"], Some.Message(monitor: new(model, "1", hook)));

    [Fact]
    public void Missing_activations_are_refused() => AssertRefused("missing-tensor", ["'activations'"], SafetensorsFile.Of(Some.Metadata(), SomeTensor.F32("activation", [1, Some.Width], 1, 2, 3, 4)));

    [Theory]
    [InlineData("model")]
    [InlineData("version")]
    [InlineData("hook")]
    [InlineData("sampled_at")]
    public void Missing_metadata_is_refused_by_its_name(string name)
    {
        var metadata = Some.Metadata();
        metadata.Remove(name);

        AssertRefused("missing-metadata", [name], SafetensorsFile.Of(metadata, Some.Activations(1)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("May")]
    [InlineData("2026-11-20")]
    [InlineData("2026-11-20 12:00:00Z")]
    [InlineData("2026-11-20T12:00:00")]
    [InlineData("2026-11-20T12:00Z")]
    [InlineData("2026-13-20T12:00:00Z")]
    [InlineData("2026-11-31T12:00:00Z")]
    [InlineData("2026-11-20T25:00:00Z")]
    [InlineData("0001-01-01T00:00:00+14:00")]
    [InlineData("1763640000")]
    public void A_time_that_is_not_RFC_3339_is_refused(string sampledAt) => AssertRefused("bad-time", ["sampled_at", "RFC 3339"], Some.Message(), ("sampled_at", sampledAt));

    [Theory]
    [InlineData("Traffic")]
    [InlineData("")]
    [InlineData("shadow")]
    public void Another_probe_than_traffic_or_canary_is_refused(string probe) => AssertRefused("bad-metadata", ["probe", $"'{probe}'", "traffic or canary"], Some.Message(), ("probe", probe));

    [Theory]
    [InlineData("model", "acme@bot", "'@'")]
    [InlineData("version", "1/2", "'/'")]
    [InlineData("model", "", "empty")]
    [InlineData("version", "", "empty")]
    [InlineData("hook", "", "empty")]
    [InlineData("model", "a\nb", "control character")]
    [InlineData("hook", "a\u0000b", "control character")]
    [InlineData("version", "a\u0085b", "control character")]
    [InlineData("version", "\ufffd", "not valid UTF-8")]
    public void Names_that_cannot_be_part_of_a_monitor_are_refused(string name, string value, string because) => AssertRefused("bad-metadata", [name, because], Some.Message(), (name, value));

    [Fact]
    public void Names_beyond_the_bound_are_refused_by_their_length() => AssertRefused("bad-metadata", ["201 characters", "200"], Some.Message(), ("version", new('v', 201)));

    [Fact]
    public void A_model_may_hold_slashes_and_a_version_an_at_sign()
    {
        var batch = Decode(Some.Message(), ("version", "a@b"));

        Assert.True(MonitorId.TryParse(batch.Monitor.ToString(), out var read));
        Assert.Equal(batch.Monitor, read);
    }

    [Fact]
    public void A_header_of_the_message_that_is_not_UTF_8_is_refused()
    {
        var refused = Assert.Throws<MalformedException>(() => decoder.Decode(Some.Message(), [new("model", [0xc3, 0x28])], null));

        Assert.Equal("bad-metadata", refused.Reason);
        Assert.Contains("'model' is not valid UTF-8", refused.Message);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}{}")]
    [InlineData("{\"activations\":[]}")]
    [InlineData("{\"activations\":{\"dtype\":\"F32\",\"shape\":[0,4]}}")]
    [InlineData("{\"activations\":{\"dtype\":32,\"shape\":[0,4],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"activations\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"activations\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0],\"more\":1}}")]
    [InlineData("{\"activations\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0]},\"activations\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}")]
    [InlineData("{\"__metadata__\":[]}")]
    [InlineData("{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[[[[[[1]]]]]],\"data_offsets\":[0,0]}}")]
    [InlineData("/**/{}")]
    public void A_header_that_is_not_what_safetensors_writes_is_refused(string json) => AssertRefused("bad-header", [], SafetensorsFile.With(json, []));

    [Fact]
    public void Metadata_that_is_not_text_is_refused() => AssertRefused("bad-metadata", ["not a string"], SafetensorsFile.With("""{"__metadata__":{"model":1}}""", []));

    [Fact]
    public void A_header_that_is_not_UTF_8_is_refused() => AssertRefused("bad-header", [], SafetensorsFile.With([.. "{\""u8, 0xff, 0xfe, .. "\":{}}"u8], []));

    [Fact]
    public void More_tensors_than_any_message_needs_are_refused()
    {
        const string small = """{"dtype":"U8","shape":[0],"data_offsets":[0,0]}""";
        // 4,097 entries do not fit into the header that a message may have, so the weights' own bound is shown to hold.
        var json = "{" + string.Join(',', Enumerable.Range(0, 4097).Select(i => $"\"{i}\":{small}")) + "}";
        var refused = Assert.Throws<MalformedException>(() => SafetensorsHeader.Parse(Encoding.UTF8.GetBytes(json), 8 + json.Length));

        Assert.Equal("bad-header", refused.Reason);
        Assert.Contains("4096", refused.Message);
    }

    [Theory]
    [InlineData("model", "evil@\n\u001b[31mmodel")]
    [InlineData("model", "unknown \u202e\u001b[2J")]
    [InlineData("probe", "\r\nINFO forged log line")]
    [InlineData("sampled_at", "2026-11-20T12:00:00\u0000\u0007\n")]
    public void No_control_character_of_the_message_reaches_the_explanation(string name, string value)
    {
        var refused = Assert.Throws<MalformedException>(() => Decode(Some.Message(), (name, value)));

        Assert.DoesNotContain(refused.Message, char.IsControl);
    }

    private static string MetadataJson => System.Text.Json.JsonSerializer.Serialize(Some.Metadata());

    /// <summary>A message of 48 bytes of data whose tensor says of itself what the test wants.</summary>
    private static byte[] WithTensor(string entry) => SafetensorsFile.With($$$"""{"__metadata__":{{{MetadataJson}}},"activations":{{{entry}}}}""", new byte[48]);

    private static SomeTensor Typed(string type, int[] shape, float[] values) => type switch
    {
        "F32" => SomeTensor.F32("activations", shape, values),
        "F16" => SomeTensor.F16("activations", shape, values),
        _ => SomeTensor.BF16("activations", shape, values),
    };

    private static ActivationBatch Decode(byte[] message, params (string Name, string Value)[] headers) =>
        decoder.Decode(message, headers.Select(header => KeyValuePair.Create(header.Name, (byte[]?)Encoding.UTF8.GetBytes(header.Value))), timestamp: null);

    private static void AssertRefused(string reason, string[] says, byte[] message, params (string Name, string Value)[] headers)
    {
        var refused = Assert.Throws<MalformedException>(() => Decode(message, headers));
        Assert.Equal(reason, refused.Reason);
        Assert.All(says, text => Assert.Contains(text, refused.Message, StringComparison.Ordinal));
    }
}
