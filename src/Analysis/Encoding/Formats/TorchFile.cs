using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>What <c>torch.save</c> writes since PyTorch 1.6 (<c>.pt</c>, <c>.pth</c>): a zip of one pickle and one entry for each storage.</summary>
/// <remarks>
/// The pickle says which tensors there are (<see cref="PickleReader"/>); the numbers are read from the storages, strides and offsets honoured.
/// Tensors in dicts within dicts are named with dots. The form before 1.6, a bare pickle, is refused, and so is TorchScript.
/// </remarks>
public sealed class TorchFile : TensorFile
{
    private const int PickleBytesMaximum = 4 << 20;
    private const int TensorsMaximum = 4096;
    private const int ValuesMaximum = 100_000;
    private const int DepthMaximum = 16;
    private const int NameMaximum = 256;

    /// <summary>A number that is written once and repeated by a stride of 0 can fill memory: more than these only if the storage has as many.</summary>
    private const long RepeatedMaximum = 1 << 20;

    private readonly Stream stream;
    private readonly ZipEntries zip;
    private readonly string folder;
    private readonly Dictionary<string, StoredTensor> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ZipEntry> storages = new(StringComparer.Ordinal);
    private int values;

    public TorchFile(Stream stream)
    {
        this.stream = stream;
        RefuseOtherForms();
        zip = new(stream);
        var pickles = zip.ByName.Values.Where(entry => entry.Name.EndsWith("/data.pkl", StringComparison.Ordinal) && entry.Name.Count(c => c == '/') == 1).ToArray();
        if (pickles is not [var pickle]) throw Refused($"the zip file holds {pickles.Length} data.pkl; torch.save writes one, in one folder");
        folder = pickle.Name[..^"data.pkl".Length];
        if (zip.ByName.ContainsKey(folder + "constants.pkl")) throw Refused("this is a TorchScript program (torch.jit.save). Save the state dict with torch.save, or as safetensors");
        if (zip.ByName.TryGetValue(folder + "byteorder", out var order) && !zip.ReadAll(order, 16).AsSpan().SequenceEqual("little"u8)) throw Refused("its numbers are not little-endian");
        Collect("", PickleReader.Read(zip.ReadAll(pickle, PickleBytesMaximum)), 0);
    }

    public override IReadOnlyDictionary<string, StoredTensor> Stored => tensors;

    protected override Stream OpenStorage(StoredTensor tensor) => zip.Open(storages[tensor.Name]);

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
    }

    private static MalformedException Refused(string why) => new("torch", why);

    private void RefuseOtherForms()
    {
        var first = new byte[16];
        stream.Position = 0;
        var read = stream.ReadAtLeast(first, first.Length, throwOnEndOfStream: false);
        if (ZipEntries.Begins(first.AsSpan(0, read))) return;
        throw Refused(first[0] == 0x80
            ? "this is a bare pickle: the form that torch.save wrote before PyTorch 1.6, or none of PyTorch's. Load it with torch.load(weights_only=True) and save it again with a recent PyTorch, or as safetensors"
            : "this is not what torch.save writes (a zip file)");
    }

    private void Collect(string name, object? value, int depth)
    {
        if (depth > DepthMaximum) throw Refused($"the pickle's values are nested more than {DepthMaximum} deep");
        if (name.Length > NameMaximum) throw Refused($"a key in the pickle has more than {NameMaximum} characters");
        // Counted, because a small pickle can name the same list again and again.
        if (++values > ValuesMaximum) throw Refused($"the pickle holds more than {ValuesMaximum} values");
        switch (value)
        {
            case PickledTensor tensor:
                Add(name.Length == 0 ? "tensor" : name, tensor);
                break;
            case Dictionary<string, object?> dict:
                foreach (var (key, item) in dict) Collect(name.Length == 0 ? key : $"{name}.{key}", item, depth + 1);
                break;
            case List<object?> list:
                for (var i = 0; i < list.Count; i++) Collect($"{name}.{i}", list[i], depth + 1);
                break;
            case object?[] tuple:
                for (var i = 0; i < tuple.Length; i++) Collect($"{name}.{i}", tuple[i], depth + 1);
                break;
        }
    }

    private void Add(string name, PickledTensor pickled)
    {
        var (storage, shown) = (pickled.Storage, SafetensorsHeader.Shown(name));
        var size = storage.DType switch { "F64" or "I64" => 8, "F32" or "I32" => 4, "F16" or "BF16" or "I16" => 2, _ => 1 };
        if (!zip.ByName.TryGetValue($"{folder}data/{storage.Key}", out var entry)) throw Refused($"the numbers of {shown} should be in data/{SafetensorsHeader.Shown(storage.Key)}, which is not in the file");
        if (entry.Deflated) throw Refused($"the numbers of {shown} are compressed, which torch.save never does");
        if (storage.Length != entry.Length / size || entry.Length % size != 0) throw Refused($"the storage of {shown} should have {storage.Length} numbers of {size} bytes but has {entry.Length} bytes");
        if (pickled.Shape.Length != pickled.Strides.Length) throw Refused($"{shown} has {pickled.Shape.Length} dimensions but {pickled.Strides.Length} strides");

        var empty = pickled.Shape.Contains(0);
        var (count, last) = ((UInt128)1, (UInt128)pickled.Offset);
        for (var i = 0; i < pickled.Shape.Length; i++)
        {
            if (pickled.Shape[i] > int.MaxValue) throw Refused($"a dimension of {shown} is {pickled.Shape[i]}; at most {int.MaxValue} is accepted");
            if (empty) continue;
            // 31 bits at a time over 8 dimensions would pass 128, but the count is bounded at every step.
            count *= (ulong)pickled.Shape[i];
            last += (UInt128)(ulong)(pickled.Shape[i] - 1) * (ulong)pickled.Strides[i];
            if (count > (UInt128)Math.Max(storage.Length, RepeatedMaximum)) throw Refused($"{shown} is [{string.Join(", ", pickled.Shape)}] but its storage has only {storage.Length} numbers");
        }
        if (pickled.Offset < 0 || (!empty && last >= (UInt128)storage.Length)) throw Refused($"{shown} reaches behind the {storage.Length} numbers of its storage");
        if (tensors.Count == TensorsMaximum) throw Refused($"the file holds more than {TensorsMaximum} tensors");
        int[] shape = [.. pickled.Shape.Select(length => (int)length)];
        if (!tensors.TryAdd(name, new(name, storage.DType, shape, pickled.Strides, pickled.Offset, storage.Length))) throw Refused($"the tensor {shown} stands twice in the file");
        storages.Add(name, entry);
    }
}
