using System.Buffers.Binary;
using System.Text.Json;

namespace DriftWatch.Analysis.Activations;

/// <summary>Bytes that are not what they should be; the message says what was found and what to use instead.</summary>
public sealed class MalformedException(string reason, string message) : Exception(message)
{
    /// <summary>A short, fixed word for counting: <c>truncated</c>, <c>bad-dtype</c>, … Never made of input.</summary>
    public string Reason { get; } = reason;
}

/// <summary>One tensor of a safetensors file; offsets count from the end of the header.</summary>
public readonly record struct TensorEntry(string Name, string DType, int[] Shape, long Start, long End)
{
    public long Bytes => End - Start;

    public override string ToString() => $"{Name} {DType} [{string.Join(", ", Shape)}]";
}

/// <summary>
/// The header of a safetensors file: 8 bytes little-endian length, then JSON {name: {dtype, shape, data_offsets}} and <c>__metadata__</c>.
/// Everything is checked against the file's length before a byte of data is touched or any array of its size allocated.
/// </summary>
public sealed class SafetensorsHeader
{
    /// <summary>Bound on the JSON header of a message; weights of large models may use more (see <see cref="WeightsHeaderBytesMaximum"/>).</summary>
    public const int MessageHeaderBytesMaximum = 64 * 1024;
    public const int WeightsHeaderBytesMaximum = 16 * 1024 * 1024;
    private const int TensorsMaximum = 4096;
    private const int RankMaximum = 8;

    // As many as a message has: a dictionary that grows is built twice.
    private readonly Dictionary<string, TensorEntry> tensors = new(3, StringComparer.Ordinal);
    private readonly Dictionary<string, string> metadata = new(7, StringComparer.Ordinal);

    public IReadOnlyDictionary<string, TensorEntry> Tensors => tensors;
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Where the data begins in the file.</summary>
    public int DataStart { get; private init; }

    /// <summary>Length of the JSON header as the first eight bytes say it, checked against what there is.</summary>
    public static int JsonLength(ReadOnlySpan<byte> firstBytes, long fileLength, int headerBytesMaximum)
    {
        if (fileLength < 8 || firstBytes.Length < 8)
            throw new MalformedException("truncated", $"{fileLength} bytes are too few for a safetensors file; it begins with 8 bytes of header length");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(firstBytes);
        if (length > (ulong)headerBytesMaximum)
            throw new MalformedException("header-too-large", $"the safetensors header says {length} bytes; at most {headerBytesMaximum} are accepted");
        if ((long)length > fileLength - 8)
            throw new MalformedException("truncated", $"the safetensors header says {length} bytes but only {fileLength - 8} follow");
        return (int)length;
    }

    /// <summary>Reads the header of a whole file in memory.</summary>
    public static SafetensorsHeader Read(ReadOnlySpan<byte> file, int headerBytesMaximum)
    {
        var length = JsonLength(file, file.Length, headerBytesMaximum);
        return Parse(file.Slice(8, length), file.Length);
    }

    /// <param name="json">The header alone.</param>
    /// <param name="fileLength">Length of the whole file, header included.</param>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength)
    {
        var header = new SafetensorsHeader { DataStart = 8 + json.Length };
        var dataLength = fileLength - header.DataStart;
        if (json.Length == 0 || json[0] != '{') throw new MalformedException("bad-header", "the safetensors header does not begin with '{'");
        var describes = false;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 4 });
            Expect(ref reader, JsonTokenType.StartObject, "the header");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                if (name == "__metadata__")
                {
                    if (describes) throw new MalformedException("bad-header", "__metadata__ stands twice in the header");
                    describes = true;
                    header.ReadMetadata(ref reader);
                }
                else header.ReadTensor(name, ref reader, dataLength);
            }
            if (reader.TokenType != JsonTokenType.EndObject) throw new MalformedException("bad-header", "the safetensors header is not one JSON object");
            // Spaces may pad the header to an alignment; anything else behind the object is refused by the reader.
            while (reader.Read()) { }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException: a string in the header is not valid UTF-8 or UTF-16.
            throw new MalformedException("bad-header", "the safetensors header is not valid JSON");
        }
        header.RefuseOverlaps(dataLength);
        return header;
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (!reader.Read() || reader.TokenType != type) throw new MalformedException("bad-header", $"{what} of the safetensors file is not a {type}");
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "__metadata__");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
                throw new MalformedException("bad-metadata", "a value in __metadata__ is not a string; safetensors allows only strings there");
            if (!metadata.TryAdd(key, reader.GetString()!)) throw new MalformedException("bad-header", "a key stands twice in __metadata__");
        }
    }

    private void ReadTensor(string name, ref Utf8JsonReader reader, long dataLength)
    {
        string? dtype = null;
        int[]? shape = null;
        (long Start, long End)? offsets = null;
        Span<long> numbers = stackalloc long[RankMaximum];
        Expect(ref reader, JsonTokenType.StartObject, "a tensor's entry");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.ValueTextEquals("dtype"u8) ? Key.DType : reader.ValueTextEquals("shape"u8) ? Key.Shape : reader.ValueTextEquals("data_offsets"u8) ? Key.Offsets : Key.Other;
            reader.Read();
            switch (key)
            {
                case Key.DType when reader.TokenType == JsonTokenType.String && dtype is null:
                    dtype = DTypeIn(ref reader);
                    break;
                case Key.Shape when shape is null:
                    shape = ShapeOf(name, numbers[..ReadNumbers(ref reader, numbers)]);
                    break;
                case Key.Offsets when offsets is null:
                    if (ReadNumbers(ref reader, numbers[..2]) != 2) throw new MalformedException("bad-offsets", $"data_offsets of {Shown(name)} is not a pair");
                    offsets = (numbers[0], numbers[1]);
                    break;
                default:
                    throw new MalformedException("bad-header", $"the entry of {Shown(name)} holds an unknown, repeated or mistyped key; it has dtype, shape and data_offsets");
            }
        }
        if (dtype is null || shape is null || offsets is not var (start, end))
            throw new MalformedException("bad-header", $"the entry of {Shown(name)} lacks dtype, shape or data_offsets");
        if (start > end || end > dataLength)
            throw new MalformedException(end > dataLength ? "truncated" : "bad-offsets", $"data_offsets of {Shown(name)} are [{start}, {end}] but {dataLength} bytes of data follow the header");

        var bytes = SizeOf(dtype, name);
        foreach (var size in shape)
        {
            // Checked step by step: the product of a shape may pass 2^63.
            if (size != 0 && bytes > long.MaxValue / size) throw new MalformedException("bad-shape", $"the shape of {Shown(name)} is larger than any file");
            bytes *= size;
        }
        if (bytes != end - start) throw new MalformedException("bad-shape", $"{Shown(name)} is {Shown(dtype)} [{string.Join(", ", shape)}], {bytes} bytes, but its data_offsets span {end - start}");
        if (tensors.Count == TensorsMaximum) throw new MalformedException("bad-header", $"the file holds more than {TensorsMaximum} tensors");
        if (!tensors.TryAdd(name, new(name, dtype, shape, start, end))) throw new MalformedException("bad-header", $"the tensor {Shown(name)} stands twice in the header");
    }

    private enum Key : byte
    {
        Other,
        DType,
        Shape,
        Offsets,
    }

    private static string DTypeIn(ref Utf8JsonReader reader) => reader.ValueTextEquals("F16"u8) ? "F16" : reader.ValueTextEquals("BF16"u8) ? "BF16" : reader.ValueTextEquals("F32"u8) ? "F32" : reader.ValueTextEquals("I32"u8) ? "I32" : reader.GetString()!;

    private static int[] ShapeOf(string name, ReadOnlySpan<long> sizes)
    {
        var shape = new int[sizes.Length];
        for (var i = 0; i < shape.Length; i++)
            shape[i] = sizes[i] <= int.MaxValue ? (int)sizes[i] : throw new MalformedException("bad-shape", $"a dimension of {Shown(name)} is {sizes[i]}; at most {int.MaxValue} is accepted");
        return shape;
    }

    private static int ReadNumbers(ref Utf8JsonReader reader, scoped Span<long> numbers)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new MalformedException("bad-header", "shape or data_offsets is not a list");
        var count = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            if (count == numbers.Length) throw new MalformedException("bad-shape", $"a shape or data_offsets has more than {numbers.Length} numbers");
            if (!reader.TryGetInt64(out var number) || number < 0) throw new MalformedException("bad-offsets", "a shape or offset is not a whole number of 0 or more");
            numbers[count++] = number;
        }
        if (reader.TokenType != JsonTokenType.EndArray) throw new MalformedException("bad-header", "shape or data_offsets holds something that is not a number");
        return count;
    }

    private void RefuseOverlaps(long dataLength)
    {
        var end = 0L;
        // Most writers name them in the order in which they lie: then there is nothing to sort.
        var inOrder = true;
        foreach (var tensor in tensors.Values)
        {
            inOrder &= tensor.Start == end;
            end = tensor.End;
        }
        if (inOrder && end == dataLength) return;
        end = 0;
        foreach (var tensor in tensors.Values.OrderBy(tensor => tensor.Start).ThenBy(tensor => tensor.End))
        {
            if (tensor.Start < end) throw new MalformedException("overlapping-offsets", $"the tensor {Shown(tensor.Name)} overlaps the one before it");
            if (tensor.Start > end) throw new MalformedException("bad-offsets", $"{tensor.Start - end} bytes before the tensor {Shown(tensor.Name)} belong to no tensor");
            end = tensor.End;
        }
        if (end != dataLength) throw new MalformedException("bad-offsets", $"{dataLength - end} bytes at the end of the file belong to no tensor");
    }

    private static long SizeOf(string dtype, string name) => dtype switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "U8" or "I8" or "BOOL" or "F8_E4M3" or "F8_E5M2" => 1,
        _ => throw new MalformedException("bad-dtype", $"{Shown(name)} has dtype {Shown(dtype)}, which safetensors does not name"),
    };

    /// <summary>Names from the file, short enough and clean enough for a log line.</summary>
    public static string Shown(string text)
    {
        var clean = new string([.. text.Take(60).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);
        return $"'{clean}{(text.Length > 60 ? "…" : "")}'";
    }
}
