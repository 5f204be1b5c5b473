using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Tests.Activations;

public sealed class SafetensorsHeaderTests
{
    private const string Good = """{"__metadata__":{"model":"a"},"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"y":{"dtype":"U8","shape":[],"data_offsets":[24,25]}}""";

    [Fact]
    public void Tensors_and_metadata_are_read()
    {
        var header = Read(Good, 25);

        Assert.Equal("a", header.Metadata["model"]);
        Assert.Equal(8 + Good.Length, header.DataStart);
        var x = header.Tensors["x"];
        Assert.Equal(("F32", 0L, 24L, 24L), (x.DType, x.Start, x.End, x.Bytes));
        Assert.Equal([2, 3], x.Shape);
        Assert.Equal("x F32 [2, 3]", x.ToString());
        Assert.Equal(2, header.Tensors.Count);
    }

    [Theory]
    [InlineData("{}", 0)]
    [InlineData("{}      ", 0)]
    [InlineData("""{"x":{"shape":[0,5],"data_offsets":[0,0],"dtype":"F16"}}""", 0)]
    [InlineData("""{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]},"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""", 9)]
    public void Odd_but_right_headers_are_read(string json, int data) => Assert.True(Read(json, data).Tensors.Count <= 2);

    [Theory]
    [InlineData("bad-header", "", 0)]
    [InlineData("bad-header", "[]", 0)]
    [InlineData("bad-header", "{", 0)]
    [InlineData("bad-header", "{} x", 0)]
    [InlineData("bad-header", """{"x":1}""", 0)]
    [InlineData("bad-header", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}""", 4)]
    [InlineData("bad-header", """{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-header", """{"x":{"dtype":"F32","shape":[1]}}""", 4)]
    [InlineData("bad-header", """{"x":{"dtype":"F32","shape":"1","data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-header", """{"x":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-header", """{"x":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-header", """{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2)]
    [InlineData("bad-header", """{"__metadata__":[]}""", 0)]
    [InlineData("bad-header", """{"__metadata__":{"a":"1","a":"2"}}""", 0)]
    [InlineData("bad-header", "{\"\\ud800\":{}}", 0)]
    [InlineData("bad-metadata", """{"__metadata__":{"a":1}}""", 0)]
    [InlineData("bad-dtype", """{"x":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-shape", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-shape", """{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-shape", """{"x":{"dtype":"F32","shape":[2147483648],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-shape", """{"x":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-shape", """{"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-shape", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}""", 4)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}""", 4)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6)]
    [InlineData("bad-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5)]
    [InlineData("bad-offsets", "{}", 1)]
    [InlineData("truncated", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3)]
    [InlineData("truncated", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}}""", 4)]
    [InlineData("overlapping-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4)]
    [InlineData("overlapping-offsets", """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6)]
    public void Wrong_headers_are_refused_with_a_fixed_reason(string reason, string json, int data) =>
        Assert.Equal(reason, Assert.Throws<MalformedException>(() => Read(json, data)).Reason);

    [Fact]
    public void A_length_that_is_too_large_or_missing_is_refused_before_anything_is_allocated()
    {
        Assert.Equal("truncated", Refusal([]).Reason);
        Assert.Equal("truncated", Refusal([1, 0, 0, 0, 0, 0, 0]).Reason);
        Assert.Equal("truncated", Refusal([1, 0, 0, 0, 0, 0, 0, 0]).Reason);
        Assert.Equal("header-too-large", Refusal([255, 255, 255, 255, 255, 255, 255, 255]).Reason);
        Assert.Equal("header-too-large", Refusal([0, 0, 0, 0, 0, 0, 0, 128]).Reason);
        Assert.Equal("header-too-large", Refusal([1, 0, 1, 0, 0, 0, 0, 0]).Reason);

        static MalformedException Refusal(byte[] file) => Assert.Throws<MalformedException>(() => SafetensorsHeader.Read(file, SafetensorsHeader.MessageHeaderBytesMaximum));
    }

    [Fact]
    public void More_tensors_than_any_model_has_are_refused()
    {
        string Of(int tensors) => $$"""{{{string.Join(',', Enumerable.Range(0, tensors).Select(i => $$"""
            "{{i}}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}
            """))}}}""";

        Assert.Equal(4096, Parse(Of(4096)).Tensors.Count);
        Assert.Equal("bad-header", Assert.Throws<MalformedException>(() => Parse(Of(4097))).Reason);

        static SafetensorsHeader Parse(string json) => SafetensorsHeader.Parse(System.Text.Encoding.UTF8.GetBytes(json), 8 + json.Length);
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_and_nothing_else()
    {
        Property.Holds(Property.AnySeed, 3000, seed =>
        {
            var random = new Random(seed);
            var file = Some.SafetensorsOf(Good, new byte[25]);
            for (var damage = 1 + random.Next(4); damage > 0; damage--)
                file[random.Next(8 + Good.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)"0123456789[]{},:\""[random.Next(17)];
            if (random.Next(4) == 0) file = file[..random.Next(file.Length)];
            try
            {
                var header = SafetensorsHeader.Read(file, SafetensorsHeader.MessageHeaderBytesMaximum);
                Assert.All(header.Tensors.Values, tensor => Assert.InRange(header.DataStart + tensor.End, header.DataStart, file.Length));
            }
            catch (MalformedException)
            {
            }
        });
    }

    [Fact]
    public void Names_from_outside_are_shown_short_and_clean()
    {
        Assert.Equal("'a?b?'", SafetensorsHeader.Shown("a\nb\ud800"));
        Assert.Equal($"'{new string('x', 60)}…'", SafetensorsHeader.Shown(new string('x', 61)));
    }

    private static SafetensorsHeader Read(string json, int data) =>
        SafetensorsHeader.Read(Some.SafetensorsOf(json, new byte[data]), SafetensorsHeader.MessageHeaderBytesMaximum);
}
