using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Ingest.Decoding;

/// <summary>② The bytes of one message → <see cref="ActivationBatch"/>, or a <see cref="MalformedException"/> with a reason. Nothing else comes out, whatever goes in.</summary>
/// <remarks>
/// The value is one safetensors file (design: §4.1). Headers of the message with the names of metadata override it. The activations stay where they are;
/// what is allocated is the header's few entries and four bytes a row, after rows and width are checked against the bytes and the catalog.
/// </remarks>
public sealed class ActivationDecoder(Func<string, string, int?> widthOf, int messageBytesMaximum)
{
    private const string Activations = "activations";
    private const string SequenceIds = "sequence_ids";
    private static readonly TimeSpan aheadMaximum = TimeSpan.FromHours(1);
    private static readonly UTF8Encoding strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private const int SequencesKept = 4096;
    private Dictionary<long, int>? spare = [];

    // Checked, and its texts kept: nearly every message has the monitor of the one before.
    private Named? named;

    private sealed record Named(MonitorId Monitor);

    /// <param name="timestamp">The broker's, used when the message says no <c>sampled_at</c>, or one more than an hour later; null where there is none.</param>
    public ActivationBatch Decode(ReadOnlyMemory<byte> value, IEnumerable<KeyValuePair<string, byte[]?>> headers, DateTimeOffset? timestamp)
    {
        if (value.Length == 0) throw new MalformedException("empty", "the message has no value; it should be one safetensors file");
        if (value.Length > messageBytesMaximum) throw new MalformedException("too-large", $"the message has {value.Length} bytes; at most {messageBytesMaximum} are accepted (messageBytesMaximum)");
        var file = SafetensorsHeader.Read(value.Span, SafetensorsHeader.MessageHeaderBytesMaximum);
        var metadata = Metadata(file, headers);
        var monitor = MonitorOf(metadata);
        var probe = ProbeOf(metadata);
        var sampledAt = TimeOf(metadata, timestamp);

        var width = widthOf(monitor.Model, monitor.Hook)
            ?? throw new MalformedException("unknown-model", $"the catalog has no model {SafetensorsHeader.Shown(monitor.Model)} at hook {SafetensorsHeader.Shown(monitor.Hook)}. Add it under models, or correct the message's metadata");
        if (!file.Tensors.TryGetValue(Activations, out var activations))
            throw new MalformedException("missing-tensor", $"the message has no tensor '{Activations}'");
        if (activations.Shape is not [var rows, var columns])
            throw new MalformedException("bad-shape", $"{activations} should be [rows, d_model]");
        if (rows == 0) throw new MalformedException("empty", $"'{Activations}' has no rows");
        if (columns != width)
            throw new MalformedException("wrong-width", $"'{Activations}' is {columns} wide; the catalog's dictionary or transform for {SafetensorsHeader.Shown(monitor.Model)} takes {width}");
        var type = activations.DType switch
        {
            "F32" => ActivationType.F32,
            "F16" => ActivationType.F16,
            "BF16" => ActivationType.BF16,
            _ => throw new MalformedException("bad-dtype", $"'{Activations}' is {activations.DType}; use F32, F16 or BF16"),
        };
        CheckOptional(file, rows);
        var data = Slice(value, file, activations);
        if (!AnyFiniteRow(data.Span, type, rows, width)) throw new MalformedException("not-finite", $"every one of the {rows} rows holds NaN or ∞");
        var (sequenceOf, sequences) = Sequences(value, file, rows);
        return new(monitor, probe, sampledAt, type, rows, width, data, sequenceOf, sequences);
    }

    private static IReadOnlyDictionary<string, string> Metadata(SafetensorsHeader file, IEnumerable<KeyValuePair<string, byte[]?>> headers)
    {
        Dictionary<string, string>? metadata = null;
        foreach (var (name, bytes) in headers)
        {
            if (name is not ("model" or "version" or "hook" or "sampled_at" or "probe") || bytes is null) continue;
            metadata ??= new(file.Metadata, StringComparer.Ordinal);
            try
            {
                metadata[name] = strictUtf8.GetString(bytes);
            }
            catch (DecoderFallbackException)
            {
                throw new MalformedException("bad-metadata", $"the message header '{name}' is not valid UTF-8");
            }
        }
        return metadata ?? file.Metadata;
    }

    private MonitorId MonitorOf(IReadOnlyDictionary<string, string> metadata)
    {
        string Required(string name) => metadata.TryGetValue(name, out var text)
            ? text
            : throw new MalformedException("missing-metadata", $"the message names no {name}: put '{name}' into the safetensors __metadata__ or the message headers");
        var monitor = new MonitorId(Required("model"), Required("version"), Required("hook"));
        if (named is { Monitor: var before } && before == monitor) return before;
        if (monitor.Problem is { } problem) throw new MalformedException("bad-metadata", problem);
        named = new(monitor);
        return monitor;
    }

    private static Probe ProbeOf(IReadOnlyDictionary<string, string> metadata) => metadata.GetValueOrDefault("probe") switch
    {
        null or "traffic" => Probe.Traffic,
        "canary" => Probe.Canary,
        var other => throw new MalformedException("bad-metadata", $"probe is {SafetensorsHeader.Shown(other)}; it is traffic or canary"),
    };

    private static DateTimeOffset TimeOf(IReadOnlyDictionary<string, string> metadata, DateTimeOffset? timestamp)
    {
        if (!metadata.TryGetValue("sampled_at", out var text))
            return timestamp ?? throw new MalformedException("missing-metadata", "the message names no sampled_at and carries no broker timestamp to use instead");
        // RFC 3339 has a date, a T and an offset; the parser alone would take "May" too.
        if (text.Length is >= 20 and <= 40 && text[4] == '-' && text[10] is 'T' or 't' && (text[^1] is 'Z' or 'z' || text[^6] is '+' or '-') &&
            DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var time))
            // A batch is not sampled after the broker has it. Taken at its word, one wrong clock would end closing by time for the whole partition.
            return timestamp is { } received && time - received > aheadMaximum ? received : time;
        throw new MalformedException("bad-time", $"sampled_at is {SafetensorsHeader.Shown(text)}; use RFC 3339, 2026-01-31T12:00:00Z");
    }

    private static void CheckOptional(SafetensorsHeader file, int rows)
    {
        foreach (var tensor in file.Tensors.Values)
        {
            var (one, other) = tensor.Name switch
            {
                SequenceIds or "positions" or "token_ids" => ("I32", "I64"),
                _ when tensor.Name.StartsWith("labels.", StringComparison.Ordinal) => ("U8", "BOOL"),
                _ => ("", ""),
            };
            if (one.Length == 0) continue;
            if (tensor.Shape is not [var length] || length != rows)
                throw new MalformedException("bad-shape", $"{SafetensorsHeader.Shown(tensor.Name)} is [{string.Join(", ", tensor.Shape)}]; it should be [rows], here [{rows}]");
            if (tensor.DType != one && tensor.DType != other)
                throw new MalformedException("bad-dtype", $"{SafetensorsHeader.Shown(tensor.Name)} is {tensor.DType}; use {one} or {other}");
        }
    }

    private static ReadOnlyMemory<byte> Slice(ReadOnlyMemory<byte> value, SafetensorsHeader file, TensorEntry tensor) => value.Slice(file.DataStart + (int)tensor.Start, (int)tensor.Bytes);

    private static bool AnyFiniteRow(ReadOnlySpan<byte> data, ActivationType type, int rows, int width)
    {
        var size = type == ActivationType.F32 ? 4 : 2;
        for (var row = 0; row < rows; row++)
            if (IsFinite(data.Slice(row * width * size, width * size), type)) return true;
        return false;
    }

    private static bool IsFinite(ReadOnlySpan<byte> row, ActivationType type) => type switch
    {
        ActivationType.F32 => IsFinite(MemoryMarshal.Cast<byte, uint>(row), 0x7f80_0000u),
        ActivationType.F16 => IsFinite<ushort>(MemoryMarshal.Cast<byte, ushort>(row), 0x7c00),
        _ => IsFinite<ushort>(MemoryMarshal.Cast<byte, ushort>(row), 0x7f80),
    };

    /// <summary>A number is NaN or ∞ when all its exponent bits are set.</summary>
    private static bool IsFinite<T>(ReadOnlySpan<T> row, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var (at, exponents) = (0, new Vector<T>(exponent));
        for (; at + Vector<T>.Count <= row.Length; at += Vector<T>.Count)
            if (Vector.EqualsAny(new Vector<T>(row[at..]) & exponents, exponents)) return false;
        for (; at < row.Length; at++)
            if ((row[at] & exponent) == exponent) return false;
        return true;
    }

    private (int[] SequenceOf, int Sequences) Sequences(ReadOnlyMemory<byte> value, SafetensorsHeader file, int rows)
    {
        var sequenceOf = new int[rows];
        if (!file.Tensors.TryGetValue(SequenceIds, out var tensor)) return (sequenceOf, 1);
        var ids = Slice(value, file, tensor).Span;
        // The one that is left from the message before, but for a caller that decodes beside another.
        var known = Interlocked.Exchange(ref spare, null) ?? [];
        if (tensor.DType == "I64") Number(MemoryMarshal.Cast<byte, long>(ids), known, sequenceOf);
        else Number(MemoryMarshal.Cast<byte, int>(ids), known, sequenceOf);
        var sequences = known.Count;
        known.Clear();
        // Clearing takes as long as what was ever in it.
        if (sequences <= SequencesKept) spare = known;
        return (sequenceOf, sequences);
    }

    private static void Number<T>(ReadOnlySpan<T> ids, Dictionary<long, int> known, Span<int> sequenceOf)
        where T : struct, IBinaryInteger<T>
    {
        for (var row = 0; row < ids.Length;)
        {
            // Rows of a sequence stand together as a rule.
            var run = ids[row..].IndexOfAnyExcept(ids[row]);
            if (run < 0) run = ids.Length - row;
            var id = long.CreateChecked(ids[row]);
            if (!known.TryGetValue(id, out var sequence)) known[id] = sequence = known.Count;
            sequenceOf.Slice(row, run).Fill(sequence);
            row += run;
        }
    }
}
