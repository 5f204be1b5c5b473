using System.Buffers;

namespace DriftWatch.Ingest.Tests.Kafka;

/// <summary>Whoever looks into an array that was given back reads 0xEE; to give one back twice, or one that was never lent, is an error.</summary>
internal sealed class SpoilingPool : ArrayPool<byte>
{
    private readonly HashSet<byte[]> lent = new(ReferenceEqualityComparer.Instance);

    public int Lent
    {
        get
        {
            lock (lent) return lent.Count;
        }
    }

    public override byte[] Rent(int minimumLength)
    {
        var array = new byte[minimumLength];
        lock (lent) lent.Add(array);
        return array;
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        lock (lent)
            if (!lent.Remove(array)) throw new InvalidOperationException("given back, and not lent");
        array.AsSpan().Fill(0xee);
    }
}
