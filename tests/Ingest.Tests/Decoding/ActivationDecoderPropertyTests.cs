using System.Buffers.Binary;
using System.Text;
using DriftWatch.Analysis.Activations;
using DriftWatch.Ingest.Decoding;
using DriftWatch.Support;

namespace DriftWatch.Ingest.Tests.Decoding;

/// <summary>Valid messages, damaged at random. Whatever goes in: a valid batch or a <see cref="MalformedException"/>, for little memory.</summary>
public sealed class ActivationDecoderPropertyTests(ITestOutputHelper output)
{
    private const int Messages = 150_000;
    private const int Width = 16;

    // Measured: at most 3.4 bytes a byte of data (rows of one number with a sequence each would cost more; the catalog's width prevents it)
    // and 16 bytes a byte of header, which is at most 64 KiB long.
    private const int BytesPerDataByte = 8;
    private const int BytesPerHeaderByte = 24;
    private const int BytesConstant = 16 * 1024;

    private static readonly ActivationDecoder decoder = new((model, hook) => (model, hook) == (Some.Model, Some.Hook) ? Width : null, messageBytesMaximum: 1 << 18);

    private static readonly string[] hostile =
    [
        "-1", "9223372036854775807", "18446744073709551616", "1e308", "-0", "2147483648", "4294967296", "null", "true", "[]", "{}", "\"\"", "\"\\ud800\"", "\"\\u0000\"", "[[[[[[[[", "]]]]", "}}", "{\"a\":",
        "\"data_offsets\":[0,0]", "\"shape\":[9999999999]", "\"dtype\":\"F32\"", "\"__metadata__\":{}", "\"activations\":", ",", ":", "//", "/*", "\u00e9", "∞", "NaN",
    ];

    [Fact]
    public void Damaged_messages_are_refused_or_valid_and_cost_little_memory()
    {
        var seed = Environment.GetEnvironmentVariable("DRIFTWATCH_SEED") is { Length: > 0 } given ? int.Parse(given) : 20261120;
        output.WriteLine($"DRIFTWATCH_SEED={seed}");
        var random = new Random(seed);
        var valid = Enumerable.Range(0, 64).Select(_ => SomeMessage(random)).ToArray();
        Assert.All(valid, message => Decode(message));
        var reasons = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var (accepted, worst, worstText) = (0, 0.0, "");

        for (var number = 0; number < Messages; number++)
        {
            var message = Damaged(valid[random.Next(valid.Length)], random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var reason = "";
            try
            {
                AssertValid(Decode(message), message);
                accepted++;
            }
            catch (MalformedException error)
            {
                reason = error.Reason;
                Assert.DoesNotContain(error.Message, char.IsControl);
            }
            catch (Exception error)
            {
                Assert.Fail($"message {number} of seed {seed}: {error.GetType().Name}: {error.Message}\n{Convert.ToBase64String(message)}");
            }
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (reason.Length > 0) reasons[reason] = reasons.GetValueOrDefault(reason) + 1;

            var limit = BytesPerDataByte * message.Length + BytesPerHeaderByte * HeaderLength(message) + BytesConstant;
            if (allocated / (double)limit is var share && share > worst) (worst, worstText) = (share, $"{allocated} bytes for a message of {message.Length} with a header of {HeaderLength(message)} ({(reason.Length == 0 ? "accepted" : reason)})");
            Assert.True(allocated <= limit, $"message {number} of seed {seed}: {allocated} bytes allocated for {message.Length}, at most {limit} expected");
        }

        output.WriteLine($"{accepted} accepted; refused: {string.Join(", ", reasons.Select(reason => $"{reason.Key} {reason.Value}"))}");
        output.WriteLine($"most memory: {worstText}");
        // The damage reaches every check that it can reach, and some of it is harmless.
        Assert.True(accepted > Messages / 100, $"{accepted} accepted");
        Assert.All(
            ["truncated", "header-too-large", "bad-header", "bad-shape", "bad-dtype", "bad-offsets", "overlapping-offsets", "wrong-width", "missing-tensor", "missing-metadata", "bad-metadata", "bad-time", "unknown-model", "not-finite", "too-large"],
            reason => Assert.Contains(reason, reasons.Keys));
    }

    private static ActivationBatch Decode(byte[] message) => decoder.Decode(message, [], timestamp: null);

    private static void AssertValid(ActivationBatch batch, byte[] message)
    {
        if (batch.Rows < 1 || batch.Width != Width) Assert.Fail($"{batch.Rows} rows, {batch.Width} wide");
        if ((long)batch.Rows * batch.Width * batch.BytesPerValue != batch.Data.Length) Assert.Fail($"{batch.Data.Length} bytes for {batch.Rows} rows of {batch.Type}");
        if (!message.AsSpan().Overlaps(batch.Data.Span)) Assert.Fail("the data is not the message's");
        if (batch.SequenceOf.Length != batch.Rows) Assert.Fail($"{batch.SequenceOf.Length} sequence numbers for {batch.Rows} rows");
        var seen = 0;
        foreach (var sequence in batch.SequenceOf)
        {
            if (sequence < 0 || sequence > seen) Assert.Fail($"sequence {sequence} appears after {seen} others");
            if (sequence == seen) seen++;
        }
        if (seen != batch.Sequences) Assert.Fail($"{batch.Sequences} sequences, {seen} seen");
        if (batch.Monitor.Problem is { } problem) Assert.Fail(problem);
        if (batch.SampledAt.Offset != TimeSpan.Zero) Assert.Fail("the time is not in UTC");
    }

    private static long HeaderLength(byte[] message) => message.Length < 8 ? 0 : (long)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(message), (ulong)Math.Min(message.Length - 8, SafetensorsHeader.MessageHeaderBytesMaximum));

    private static byte[] SomeMessage(Random random)
    {
        var rows = 1 + random.Next(random.Next(8) == 0 ? 2000 : 20);
        var values = new float[rows * Width];
        for (var i = 0; i < values.Length; i++) values[i] = (float)random.NextDouble() - 0.5f;
        int[] shape = [rows, Width];
        var tensors = new List<SomeTensor>
        {
            random.Next(3) switch
            {
                0 => SomeTensor.F32("activations", shape, values),
                1 => SomeTensor.F16("activations", shape, values),
                _ => SomeTensor.BF16("activations", shape, values),
            },
        };
        if (random.Next(2) == 0) tensors.Add(SomeTensor.I32("sequence_ids", [.. Enumerable.Range(0, rows).Select(row => row)]));
        else if (random.Next(2) == 0) tensors.Add(SomeTensor.I64("sequence_ids", [.. Enumerable.Range(0, rows).Select(_ => random.NextInt64(5))]));
        if (random.Next(3) == 0) tensors.Add(SomeTensor.I32("positions", new int[rows]));
        if (random.Next(3) == 0) tensors.Add(SomeTensor.U8("labels.trigger", new byte[rows]));
        if (random.Next(3) == 0) tensors.Insert(0, SomeTensor.U8("unknown", new byte[random.Next(5)]));
        var metadata = Some.Metadata();
        if (random.Next(2) == 0) metadata["probe"] = "canary";
        return SafetensorsFile.Of(metadata, tensors);
    }

    private static byte[] Damaged(byte[] message, Random random)
    {
        for (var times = 1 + random.Next(3); times > 0; times--) message = DamagedOnce(message, random);
        return message;
    }

    private static byte[] DamagedOnce(byte[] message, Random random)
    {
        if (message.Length < 16) return [.. message, .. Some.Message()];
        var header = (int)Math.Min(HeaderLength(message), 4096);
        switch (random.Next(15))
        {
            case 0:   // A bit, anywhere.
                return Changed(message, copy => copy[random.Next(copy.Length)] ^= (byte)(1 << random.Next(8)));
            case 1:   // A bit of the header.
                return Changed(message, copy => copy[8 + random.Next(Math.Max(1, header - 1))] ^= (byte)(1 << random.Next(8)));
            case 2:   // Cut off.
                return message[..random.Next(message.Length)];
            case 3:   // A header length that is a lie.
                return Changed(message, copy => BinaryPrimitives.WriteUInt64LittleEndian(copy, random.Next(4) switch { 0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue), 1 => (ulong)random.Next(100_000), 2 => ulong.MaxValue - (ulong)random.Next(16), _ => (ulong)Math.Max(0, header + random.Next(-8, 9)) }));
            case 4:   // Bytes put in, the length told or not.
                var inserted = new byte[1 + random.Next(8)];
                random.NextBytes(inserted);
                return random.Next(2) == 0 ? Inserted(message, random.Next(message.Length), inserted) : InHeader(message, header, random, inserted);
            case 5:   // Hostile JSON put in.
                return InHeader(message, header, random, Encoding.UTF8.GetBytes(hostile[random.Next(hostile.Length)]));
            case 6:   // A number of the header replaced.
            case 7:
                return Rewritten(message, header, json => ReplaceNumber(json, random));
            case 8:   // An entry twice, or a huge header.
                return Rewritten(message, header, json => random.Next(20) == 0 ? HugeHeader(json, random) : json.Replace("{\"__metadata__\"", "{\"activations\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"__metadata__\"", StringComparison.Ordinal));
            case 9:   // A name or value replaced by another that is known.
                string[] words = ["activations", "sequence_ids", "positions", "dtype", "shape", "data_offsets", "F32", "F16", "BF16", "I32", "I64", "U8", "model", "version", "hook", "sampled_at", "probe", "canary", "__metadata__", Some.Model, Some.Version, Some.Hook, "unknown"];
                return Rewritten(message, header, json => json.Replace($"\"{words[random.Next(words.Length)]}\"", $"\"{words[random.Next(words.Length)]}\"", StringComparison.Ordinal));
            case 10:   // Invalid UTF-8 in a text.
                return Changed(message, copy => copy[8 + random.Next(Math.Max(1, header - 1))] = (byte)(0x80 + random.Next(0x80)));
            case 11:   // A part taken out.
                var from = random.Next(message.Length);
                return [.. message[..from], .. message[Math.Min(message.Length, from + 1 + random.Next(16))..]];
            case 12:   // Data that is not finite; more data than there may be.
                return random.Next(50) == 0 ? [.. message, .. new byte[1 << 18]] : Changed(message, copy => copy.AsSpan(8 + Math.Min(header, copy.Length - 8)).Fill(0xff));
            case 13:   // A tensor over the bytes of another.
                var at = random.Next(message.Length);
                return Rewritten(message, header, json => json.Length == 0 ? json : $"{json[..^1]},\"over\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{at},{at + 1}]}}}}");
            default:   // Deep nesting.
                return InHeader(message, header, random, Encoding.UTF8.GetBytes(new string(random.Next(2) == 0 ? '[' : '{', 1 + random.Next(500))));
        }
    }

    private static byte[] Changed(byte[] message, Action<byte[]> change)
    {
        var copy = message.ToArray();
        change(copy);
        return copy;
    }

    private static byte[] Inserted(byte[] message, int at, byte[] bytes) => [.. message[..at], .. bytes, .. message[at..]];

    private static byte[] InHeader(byte[] message, int header, Random random, byte[] bytes)
    {
        var longer = Inserted(message, 8 + random.Next(header + 1), bytes);
        BinaryPrimitives.WriteInt64LittleEndian(longer, header + bytes.Length);
        return longer;
    }

    private static byte[] Rewritten(byte[] message, int header, Func<string, string> rewrite) =>
        SafetensorsFile.With(Encoding.UTF8.GetBytes(rewrite(Encoding.UTF8.GetString(message, 8, header))), message.AsSpan(8 + header));

    private static string ReplaceNumber(string json, Random random)
    {
        var digits = Enumerable.Range(0, json.Length).Where(i => char.IsAsciiDigit(json[i]) && (i == 0 || !char.IsAsciiDigit(json[i - 1]))).ToArray();
        if (digits.Length == 0) return json;
        var start = digits[random.Next(digits.Length)];
        var end = start;
        while (end < json.Length && char.IsAsciiDigit(json[end])) end++;
        string[] numbers = ["0", "1", "-1", "16", "17", "15", "32", "64", "2147483647", "4294967296", "9223372036854775807", "99999999999999999999", "0.5", "1e1"];
        return json[..start] + numbers[random.Next(numbers.Length)] + json[end..];
    }

    private static string HugeHeader(string json, Random random)
    {
        if (json.Length == 0) return json;
        var more = new StringBuilder(json[..^1]);
        var wanted = random.Next(70_000);
        for (var i = 0; more.Length < wanted; i++) more.Append($",\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        return more.Append('}').ToString();
    }
}
