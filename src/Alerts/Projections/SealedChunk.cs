using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.Projections;

/// <summary>A chunk as it is stored: form, SHA-256 over its place and its bytes, then the bytes, packed where that pays.</summary>
/// <remarks>A fact's hash proves something to an auditor; this one only tells damaged bytes, and bytes of another chunk, from good ones, so that they are made anew and not believed.</remarks>
internal static class SealedChunk
{
    private const byte Plain = 1, Packed = 2;
    private const int Head = 1 + SHA256.HashSizeInBytes;

    /// <summary>Small chunks are columns of varints, which hardly shrink.</summary>
    private const int PackedFrom = 16 << 10;
    private const int BytesMaximum = 1 << 30;

    public static byte[] Seal(string projection, string key, byte[] data)
    {
        using var chunk = new MemoryStream(Head + data.Length / (data.Length < PackedFrom ? 1 : 4));
        chunk.WriteByte(data.Length < PackedFrom ? Plain : Packed);
        chunk.Write(HashOf(projection, key, data));
        if (data.Length < PackedFrom) chunk.Write(data);
        else
            using (var brotli = new BrotliStream(chunk, CompressionLevel.Fastest, leaveOpen: true)) brotli.Write(data);
        return chunk.ToArray();
    }

    /// <exception cref="MalformedException">Damaged; reason <c>projection</c>.</exception>
    public static byte[] Open(string projection, string key, byte[] chunk)
    {
        if (chunk.Length < Head || chunk[0] is not (Plain or Packed)) throw Damaged(projection, key);
        var data = chunk[0] == Plain ? chunk[Head..] : Unpacked(chunk) ?? throw Damaged(projection, key);
        return HashOf(projection, key, data).AsSpan().SequenceEqual(chunk.AsSpan(1, SHA256.HashSizeInBytes)) ? data : throw Damaged(projection, key);
    }

    public static MalformedException Damaged(string projection, string key) => new("projection", $"the chunk {key} of projection {projection} is damaged");

    private static byte[]? Unpacked(byte[] chunk)
    {
        using var brotli = new BrotliStream(new MemoryStream(chunk, Head, chunk.Length - Head), CompressionMode.Decompress);
        using var data = new MemoryStream();
        var buffer = new byte[1 << 16];
        try
        {
            for (int read; (read = brotli.Read(buffer)) > 0;)
            {
                if (data.Length + read > BytesMaximum) return null;
                data.Write(buffer, 0, read);
            }
        }
        catch (InvalidOperationException)
        {
            return null;
        }
        return data.ToArray();
    }

    private static byte[] HashOf(string projection, string key, byte[] data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{projection}\0{key}\0"));
        hash.AppendData(data);
        return hash.GetHashAndReset();
    }
}
