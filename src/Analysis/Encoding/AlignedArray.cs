using System.Runtime.CompilerServices;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Zeros that the collector does not move, from a 64-byte boundary on (a load across two cache lines costs two).</summary>
/// <remarks>Keep the object for as long as its pointer is used.</remarks>
internal sealed unsafe class AlignedArray<T> where T : unmanaged
{
    // In units of 64 bytes, so that a length may pass what an array of bytes can hold.
    private readonly Line[] storage;

    public AlignedArray(long length)
    {
        Length = length;
        storage = GC.AllocateArray<Line>(checked((int)(length * sizeof(T) / 64) + 2), pinned: true);
        Start = (T*)(((nint)Unsafe.AsPointer(ref storage[0]) + 63) & ~(nint)63);
    }

    public long Length { get; }
    public T* Start { get; }
    public Span<T> Span => new(Start, checked((int)Length));

    [InlineArray(64)]
    private struct Line
    {
        private byte first;
    }
}
