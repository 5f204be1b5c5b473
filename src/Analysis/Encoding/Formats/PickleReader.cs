using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>A storage that a pickle refers to: an entry of the archive.</summary>
internal sealed record PickledStorage(string DType, string Key, long Length);

/// <summary>A view of a storage.</summary>
internal sealed record PickledTensor(PickledStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>The part of pickle that <c>torch.save</c> writes for tensors in dicts, lists and tuples, and nothing else: protocol 2, its default, and 3 to 5, for which it can be asked.</summary>
/// <remarks>
/// A pickle is a program that names functions to call. Here it can name a tensor's rebuilding, OrderedDict and the storage types, which are
/// data to this reader; any other name or instruction is refused before anything is done with it. Nothing is ever looked up or executed.
/// </remarks>
internal ref struct PickleReader
{
    private const int NameBytesMaximum = 256;
    private const int RankMaximum = 8;
    private const int MarksMaximum = 64;

    private enum Callable { RebuildTensor, RebuildParameter, OrderedDict }

    private sealed record StorageType(string DType);

    private readonly ReadOnlySpan<byte> bytes;
    private int at;
    private readonly List<object?> stack = [];
    private readonly List<int> marks = [];
    private readonly Dictionary<uint, object?> memo = [];

    private PickleReader(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    /// <returns>A <c>Dictionary&lt;string, object?&gt;</c>, <c>List&lt;object?&gt;</c>, <c>object?[]</c> (tuple), string, long, double, bool, null or <see cref="PickledTensor"/>.</returns>
    public static object? Read(ReadOnlySpan<byte> pickle)
    {
        var reader = new PickleReader(pickle);
        return reader.Run();
    }

    private object? Run()
    {
        if (Byte() != 0x80 || Byte() is not (>= 2 and <= 5)) throw Refused($"it is not of protocol 2 to 5, which torch.save writes{(bytes[0] == 0x80 ? $", but of {bytes[1]}" : "")}");
        while (true)
        {
            var start = at;
            switch (Byte())
            {
                case (byte)'.':
                    if (at != bytes.Length || stack.Count != 1 || marks.Count != 0) throw Refused("it does not end where its value does");
                    return stack[0];
                case (byte)'(':
                    if (marks.Count == MarksMaximum) throw Refused($"its values are nested more than {MarksMaximum} deep");
                    marks.Add(stack.Count);
                    break;
                case (byte)'}': stack.Add(new Dictionary<string, object?>(StringComparer.Ordinal)); break;
                case (byte)']': stack.Add(new List<object?>()); break;
                case (byte)')': stack.Add(Array.Empty<object?>()); break;
                case (byte)'t': stack.Add(AfterMark()); break;
                case 0x85: stack.Add(Last(1)); break;
                case 0x86: stack.Add(Last(2)); break;
                case 0x87: stack.Add(Last(3)); break;
                case (byte)'N': stack.Add(null); break;
                case 0x88: stack.Add(true); break;
                case 0x89: stack.Add(false); break;
                case (byte)'K': stack.Add((long)Byte()); break;
                case (byte)'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case (byte)'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case 0x8A: stack.Add(LongInteger()); break;
                case (byte)'G': stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case (byte)'X': stack.Add(Text(Index())); break;
                case (byte)'q': memo[Byte()] = Top(); break;
                case (byte)'r': memo[Index()] = Top(); break;
                case (byte)'h': stack.Add(Remembered(Byte())); break;
                case (byte)'j': stack.Add(Remembered(Index())); break;
                case (byte)'c': stack.Add(Named(Line(), Line())); break;
                case (byte)'Q': stack.Add(Storage(Pop())); break;
                case (byte)'R': Call(); break;
                case (byte)'b': Build(); break;
                case (byte)'s': Set(Last(2)); break;
                case (byte)'u': Set(AfterMark()); break;
                case (byte)'a': Append(Last(1)); break;
                case (byte)'e': Append(AfterMark()); break;
                // Protocol 4.
                case 0x95: Frame(); break;
                case 0x8C: stack.Add(Text(Byte())); break;
                case 0x94: memo[(uint)memo.Count] = Top(); break;
                case 0x93: stack.Add(Last(2) is [string module, string name] ? Named(module, name) : throw Refused("it names something that is not a name")); break;
                case (byte)'i':
                    throw ForeignName(Line(), Line());
                case var code:
                    throw Refused($"the instruction 0x{code:x2} at byte {start} is not one that torch.save writes for tensors");
            }
        }
    }

    private static MalformedException Refused(string why) => new("pickle", $"the pickle is damaged or not a state dict: {why}");

    private static MalformedException ForeignName(string module, string name) => new("pickle",
        $"the pickle names {SafetensorsHeader.Shown($"{module}.{name}")}, which is no part of a tensor. A pickle that names functions can run them where it is opened with Python; DriftWatch never does. Take weights from a source that you trust, as safetensors if there is a choice");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > bytes.Length - at) throw Refused("it ends in the middle of a value");
        at += count;
        return bytes.Slice(at - count, count);
    }

    private byte Byte() => Take(1)[0];

    private uint Index() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    private string Text(uint length)
    {
        if (length > bytes.Length - at) throw Refused("it ends in the middle of a text");
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Take((int)length));
        }
        catch (ArgumentException)
        {
            throw Refused("a text in it is not UTF-8");
        }
    }

    /// <summary>Where the writer's buffer began: nothing follows from it but that it must be there whole.</summary>
    private void Frame()
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) > (ulong)(bytes.Length - at)) throw Refused("it ends in the middle of a frame");
    }

    private string Line()
    {
        var rest = bytes[at..];
        var length = rest[..Math.Min(rest.Length, NameBytesMaximum)].IndexOf((byte)'\n');
        if (length < 0) throw Refused("a name in it does not end");
        at += length + 1;
        return System.Text.Encoding.Latin1.GetString(rest[..length]);
    }

    private long LongInteger()
    {
        var length = Byte();
        if (length > 9) throw Refused("a whole number in it has more than 64 bits");
        var value = new BigInteger(Take(length));
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : throw Refused("a whole number in it has more than 64 bits");
    }

    /// <summary>What lies on top may not be below the innermost mark.</summary>
    private readonly int Floor => marks.Count == 0 ? 0 : marks[^1];

    private object? Top() => stack.Count > Floor ? stack[^1] : throw Refused("it takes a value where there is none");

    private object? Pop() => Last(1)[0];

    private object?[] Last(int count)
    {
        if (stack.Count - Floor < count) throw Refused("it takes a value where there is none");
        return Cut(stack.Count - count);
    }

    private object?[] AfterMark()
    {
        if (marks.Count == 0) throw Refused("it closes what it did not open");
        var from = marks[^1];
        marks.RemoveAt(marks.Count - 1);
        return Cut(from);
    }

    private object?[] Cut(int from)
    {
        var values = stack[from..].ToArray();
        stack.RemoveRange(from, stack.Count - from);
        return values;
    }

    private object? Remembered(uint index) => memo.TryGetValue(index, out var value) ? value : throw Refused("it recalls a value that it never stored");

    private static object Named(string module, string name) => (module, name) switch
    {
        ("torch._utils", "_rebuild_tensor_v2") => Callable.RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Callable.RebuildParameter,
        ("collections", "OrderedDict") => Callable.OrderedDict,
        ("torch", "DoubleStorage") => new StorageType("F64"),
        ("torch", "FloatStorage") => new StorageType("F32"),
        ("torch", "HalfStorage") => new StorageType("F16"),
        ("torch", "BFloat16Storage") => new StorageType("BF16"),
        ("torch", "LongStorage") => new StorageType("I64"),
        ("torch", "IntStorage") => new StorageType("I32"),
        ("torch", "ShortStorage") => new StorageType("I16"),
        ("torch", "CharStorage") => new StorageType("I8"),
        ("torch", "ByteStorage") => new StorageType("U8"),
        ("torch", "BoolStorage") => new StorageType("BOOL"),
        _ => throw ForeignName(module, name),
    };

    /// <summary>('storage', type, key, location, count): the location (cpu, cuda:0) does not matter here.</summary>
    private static PickledStorage Storage(object? id) =>
        id is object?[] and ["storage", StorageType type, string key, string, long count] && count >= 0
            ? new(type.DType, key, count)
            : throw Refused("it refers to something that is not a storage");

    private void Call()
    {
        var arguments = Pop() as object?[] ?? throw Refused("it calls without arguments");
        stack.Add((Pop(), arguments) switch
        {
            (Callable.OrderedDict, []) => new Dictionary<string, object?>(StringComparer.Ordinal),
            (Callable.RebuildParameter, [PickledTensor tensor, bool, Dictionary<string, object?>]) => tensor,
            (Callable.RebuildTensor, [PickledStorage storage, long offset, object?[] shape, object?[] strides, bool, Dictionary<string, object?>, ..]) when arguments.Length <= 7 =>
                new PickledTensor(storage, offset, Sizes(shape), Sizes(strides)),
            _ => throw Refused("it calls something that is not a tensor's rebuilding, or with other arguments than torch.save gives"),
        });
    }

    private static long[] Sizes(object?[] sizes) =>
        sizes.Length <= RankMaximum && sizes.All(size => size is >= 0L) ? [.. sizes.Select(size => (long)size!)] : throw Refused($"a shape or its strides in it are not up to {RankMaximum} whole numbers of 0 or more");

    /// <summary>A module's state dict carries versions of its parts as attributes; they do not matter here.</summary>
    private void Build()
    {
        if (Pop() is not Dictionary<string, object?> || Top() is not Dictionary<string, object?>) throw Refused("it sets attributes of something that is not a state dict");
    }

    private void Set(object?[] items)
    {
        if (Top() is not Dictionary<string, object?> dict || items.Length % 2 != 0) throw Refused("it sets items of something that is not a dict");
        for (var i = 0; i < items.Length; i += 2)
        {
            if (items[i] is not string key) throw Refused("a key in it is not a text");
            if (!dict.TryAdd(key, items[i + 1])) throw Refused($"the key {SafetensorsHeader.Shown(key)} stands twice in it");
        }
    }

    private void Append(object?[] items)
    {
        if (Top() is not List<object?> list) throw Refused("it appends to something that is not a list");
        list.AddRange(items);
    }
}
