using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Zeros in pages of 2 MiB where the system gives them to who asks (Linux, transparent_hugepage: madvise, which most distributions have); else in its usual ones.</summary>
internal sealed unsafe partial class HugePages : SafeHandleZeroOrMinusOneIsInvalid
{
    public const int Size = 2 << 20;

    private const int MadviseHugePage = 14;
    private const int ArrayMinimum = 4 * Size;

    private readonly long bytes;

    public HugePages(long bytes) : base(ownsHandle: true)
    {
        this.bytes = bytes;
        SetHandle((nint)NativeMemory.AllocZeroed(checked((nuint)bytes + Size)));
        GC.AddMemoryPressure(bytes);
        // Advice: what it answers changes nothing.
        if (OperatingSystem.IsLinux()) _ = Advise(Start, (nuint)bytes, MadviseHugePage);
    }

    /// <summary>The start of a page.</summary>
    public void* Start => (void*)FirstFrom((nuint)handle);

    /// <summary>An array of the collector's whose numbers are all still to be written, in such pages where it is large: to be given hundreds of MB in pages of 4 KiB takes longer than to fill them.</summary>
    public static float[] Array(int length)
    {
        var array = GC.AllocateUninitializedArray<float>(length);
        if (!OperatingSystem.IsLinux() || (long)length * sizeof(float) < ArrayMinimum) return array;
        fixed (float* numbers = array)
        {
            var start = FirstFrom((nuint)numbers);
            _ = Advise((void*)start, ((nuint)(numbers + length) & ~((nuint)Size - 1)) - start, MadviseHugePage);
        }
        return array;
    }

    private static nuint FirstFrom(nuint address) => (address + Size - 1) & ~((nuint)Size - 1);

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        GC.RemoveMemoryPressure(bytes);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint length, int advice);
}
