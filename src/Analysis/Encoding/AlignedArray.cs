using System.Runtime.CompilerServices;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Zeros that the collector does not move, from a 64-byte boundary on (a load across two cache lines costs two).</summary>
/// <remarks>
/// Keep the object for as long as its pointer is used.
/// Large ones lie outside the collector's heap, which has pages of 4 KiB: weights are read here and there, and finding their pages took a twentieth of the time of encoding.
/// </remarks>
internal sealed unsafe class AlignedArray<T> where T : unmanaged
{
    private readonly object storage;

    public AlignedArray(long length)
    {
        Length = length;
        var bytes = checked(length * sizeof(T));
        if (bytes >= HugePages.Size)
        {
            var pages = new HugePages(bytes);
            storage = pages;
            Start = (T*)pages.Start;
        }
        else
        {
            var array = GC.AllocateArray<byte>((int)bytes + 64, pinned: true);
            storage = array;
            Start = (T*)(((nint)Unsafe.AsPointer(ref array[0]) + 63) & ~(nint)63);
        }
    }

    public long Length { get; }
    public T* Start { get; }
    public Span<T> Span => new(Start, checked((int)Length));
}
