using System.Buffers;
using Confluent.Kafka;

namespace DriftWatch.Ingest.Kafka;

/// <summary>Arrays that message values are copied into, used again and again: a new one for each message is cleared, filled and collected, which takes longer than the message.</summary>
/// <remarks>
/// Lengths are rounded up to one of four steps an octave, so that messages of nearly one size share their arrays. What lies here unused and what is lent out come to the bound together,
/// or to what is lent out where that is more: when other sizes come, arrays of the old ones make room.
/// </remarks>
/// <param name="bytesMaximum">What is lent out at once as a rule, and some.</param>
internal sealed class MessageBuffers(long bytesMaximum) : ArrayPool<byte>
{
    private const int LengthMinimum = 256;

    private readonly Lock gate = new();
    private readonly SortedDictionary<int, Stack<byte[]>> unused = [];
    private long bytes;

    /// <summary>Of all arrays, lent out or not.</summary>
    internal long Bytes => Interlocked.Read(ref bytes);

    public override byte[] Rent(int minimumLength)
    {
        var length = LengthFor(minimumLength);
        lock (gate)
        {
            if (unused.TryGetValue(length, out var same) && same.TryPop(out var array)) return array;
            bytes += length;
            foreach (var others in unused.Values)
                while (bytes > bytesMaximum && others.TryPop(out var other)) bytes -= other.Length;
        }
        // Where the collector does not move them: they live as long as the source.
        return GC.AllocateUninitializedArray<byte>(length, pinned: true);
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        if (clearArray) Array.Clear(array);
        lock (gate)
        {
            if (bytes > bytesMaximum) bytes -= array.Length;
            else if (unused.TryGetValue(array.Length, out var same)) same.Push(array);
            else unused[array.Length] = new([array]);
        }
    }

    private static int LengthFor(int minimum)
    {
        if (minimum <= LengthMinimum) return LengthMinimum;
        var step = 1 << (int.Log2(minimum - 1) - 2);
        return (int)Math.Min(Array.MaxLength, ((long)minimum + step - 1) / step * step);
    }
}

/// <summary>A value straight from the client's memory into a lent array; an empty one, or none, into nothing.</summary>
internal sealed class LentValues(ArrayPool<byte> buffers) : IDeserializer<ArraySegment<byte>>
{
    public ArraySegment<byte> Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context)
    {
        if (data.Length == 0) return ArraySegment<byte>.Empty;
        var array = buffers.Rent(data.Length);
        data.CopyTo(array);
        return new(array, 0, data.Length);
    }
}
