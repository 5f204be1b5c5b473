using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>The checksum of zip entries (reflected polynomial 0xEDB88320): eight bytes a step from tables, or 64 by carry-less products where the processor has them.</summary>
/// <remarks>
/// Every weight of a zip goes through here, so it decides how long loading takes. The products fold 64 bytes into the next 64 without changing the remainder (Gopal et al., Fast CRC Computation for
/// Generic Polynomials Using PCLMULQDQ, Intel 2009; its constants for this polynomial); the last 16 go through the tables.
/// </remarks>
internal sealed class Crc32
{
    private static readonly uint[] tables = Tables();
    private static readonly Vector128<ulong> by64Bytes = Vector128.Create(0x154442bd4UL, 0x1c6e41596UL);
    private static readonly Vector128<ulong> by16Bytes = Vector128.Create(0x1751997d0UL, 0x0ccaa009eUL);
    private uint state = uint.MaxValue;

    public uint Value => ~state;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (Pclmulqdq.IsSupported && bytes.Length >= 64)
        {
            var whole = bytes.Length & ~63;
            state = Folded(state, MemoryMarshal.Cast<byte, Vector128<ulong>>(bytes[..whole]));
            bytes = bytes[whole..];
        }
        state = FromTables(state, bytes);
    }

    /// <param name="blocks">Four or a multiple.</param>
    private static uint Folded(uint crc, ReadOnlySpan<Vector128<ulong>> blocks)
    {
        var (a, b, c, d) = (blocks[0] ^ Vector128.CreateScalar((ulong)crc), blocks[1], blocks[2], blocks[3]);
        for (var i = 4; i < blocks.Length; i += 4)
        {
            var next = blocks.Slice(i, 4);
            (a, b, c, d) = (Fold(a, by64Bytes) ^ next[0], Fold(b, by64Bytes) ^ next[1], Fold(c, by64Bytes) ^ next[2], Fold(d, by64Bytes) ^ next[3]);
        }
        var rest = Fold(Fold(Fold(a, by16Bytes) ^ b, by16Bytes) ^ c, by16Bytes) ^ d;
        return FromTables(0, MemoryMarshal.AsBytes(new ReadOnlySpan<Vector128<ulong>>(in rest)));

        static Vector128<ulong> Fold(Vector128<ulong> block, Vector128<ulong> by) => Pclmulqdq.CarrylessMultiply(block, by, 0x00) ^ Pclmulqdq.CarrylessMultiply(block, by, 0x11);
    }

    internal static uint FromTables(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = tables[7 * 256 + (byte)low] ^ tables[6 * 256 + (byte)(low >> 8)] ^ tables[5 * 256 + (byte)(low >> 16)] ^ tables[4 * 256 + (int)(low >> 24)] ^
                  tables[3 * 256 + (byte)high] ^ tables[2 * 256 + (byte)(high >> 8)] ^ tables[256 + (byte)(high >> 16)] ^ tables[(int)(high >> 24)];
        }
        foreach (var b in bytes) crc = tables[(byte)(crc ^ b)] ^ crc >> 8;
        return crc;
    }

    /// <summary>Table t: what a byte does that lies t bytes before the end of a step.</summary>
    private static uint[] Tables()
    {
        var table = new uint[8 * 256];
        for (var b = 0u; b < 256; b++)
        {
            var crc = b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
            table[b] = crc;
        }
        for (var i = 256; i < table.Length; i++) table[i] = table[(byte)table[i - 256]] ^ table[i - 256] >> 8;
        return table;
    }
}
