using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>NumPy's <c>.npz</c>: a zip of <c>.npy</c> arrays, F16, F32, F64 or BF16 (which NumPy names V2), in C or Fortran order.</summary>
/// <remarks>An array of Python objects would be a pickle and is refused. Source of the layout: numpy.lib.format, versions 1 to 3.</remarks>
public sealed partial class NpzFile : TensorFile
{
    private const string Extension = ".npy";
    private const int HeaderBytesMaximum = 64 * 1024;
    private const int RankMaximum = 8;

    private readonly Stream stream;
    private readonly ZipEntries zip;
    private readonly Dictionary<string, (StoredTensor Tensor, int HeaderBytes)> arrays = new(StringComparer.Ordinal);

    public NpzFile(Stream stream)
    {
        this.stream = stream;
        zip = new(stream);
        foreach (var entry in zip.ByName.Values)
            if (entry.Name.EndsWith(Extension, StringComparison.Ordinal) && entry.Name.Length > Extension.Length)
                arrays.Add(entry.Name[..^Extension.Length], Describe(entry));
        Stored = arrays.ToDictionary(array => array.Key, array => array.Value.Tensor, StringComparer.Ordinal);
    }

    public override IReadOnlyDictionary<string, StoredTensor> Stored { get; }

    protected override Stream OpenStorage(StoredTensor tensor)
    {
        var content = zip.Open(zip.ByName[tensor.Name + Extension]);
        content.ReadExactly(new byte[arrays[tensor.Name].HeaderBytes]);
        return content;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
    }

    private (StoredTensor, int HeaderBytes) Describe(ZipEntry entry)
    {
        var name = entry.Name[..^Extension.Length];
        using var content = zip.Open(entry);
        var first = new byte[Math.Min(12, entry.Length)];
        content.ReadExactly(first);
        if (first.Length < 12 || first[0] != 0x93 || !first.AsSpan(1).StartsWith("NUMPY"u8))
            throw Refused(name, "does not begin as a .npy array does");
        if (first[6] is < 1 or > 3) throw Refused(name, $"is a .npy of version {first[6]}; 1 to 3 are known");
        var (prefix, length) = first[6] == 1 ? (10, BinaryPrimitives.ReadUInt16LittleEndian(first.AsSpan(8))) : (12, BinaryPrimitives.ReadUInt32LittleEndian(first.AsSpan(8)));
        if (length > HeaderBytesMaximum || length + prefix > entry.Length || length < 12 - prefix) throw Refused(name, $"says that its header has {length} bytes");
        var header = new byte[length];
        first.AsSpan(prefix).CopyTo(header);
        content.ReadExactly(header.AsSpan(12 - prefix));
        return (Describe(name, System.Text.Encoding.Latin1.GetString(header), entry.Length - prefix - length), (int)(prefix + length));
    }

    private static StoredTensor Describe(string name, string header, long bytes)
    {
        if (Header().Match(header) is not { Success: true } match)
            throw Refused(name, $"has the header {SafetensorsHeader.Shown(header.TrimEnd())}, which is not that of a plain array");
        var descr = match.Groups["descr"].Value;
        var (dtype, size) = descr switch
        {
            "<f8" => ("F64", 8),
            "<f4" => ("F32", 4),
            "<f2" => ("F16", 2),
            "<V2" or "|V2" => ("BF16", 2),
            "<i8" => ("I64", 8),
            "<i4" => ("I32", 4),
            _ when descr.Contains('O') => throw Refused(name, "holds Python objects (a pickle), which are never read; save plain arrays"),
            _ => throw Refused(name, $"has the type {SafetensorsHeader.Shown(descr)}; little-endian f8, f4, f2, bfloat16 (V2), i8 and i4 are read"),
        };
        var digits = match.Groups["size"].Captures;
        if (digits.Count > RankMaximum) throw Refused(name, $"has {digits.Count} dimensions; at most {RankMaximum} are accepted");
        var shape = new int[digits.Count];
        var count = 1L;
        for (var i = 0; i < shape.Length; i++)
        {
            if (!int.TryParse(digits[i].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out shape[i]) || (shape[i] != 0 && count > long.MaxValue / 8 / shape[i])) throw Refused(name, "has a shape larger than any file");
            count *= shape[i];
        }
        if (count * size != bytes) throw Refused(name, $"is {dtype} [{string.Join(", ", shape)}], {count * size} bytes, but holds {bytes}");
        var strides = match.Groups["fortran"].Value == "True" ? StoredTensor.ColumnMajor(shape) : StoredTensor.RowMajor(shape);
        return new(name, dtype, shape, strides, 0, count);
    }

    private static MalformedException Refused(string name, string why) => new("npy", $"the array {SafetensorsHeader.Shown(name)} {why}");

    // As numpy writes it: these three keys in this order. A structured type has a list for its descr and does not match.
    [GeneratedRegex(@"^\{'descr': '(?<descr>[^'\\]{1,16})', 'fortran_order': (?<fortran>True|False), 'shape': \((?:(?<size>[0-9]{1,19})(?:, ?|(?=\))))*\), ?\} *\n?\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Header();
}
