using System.Runtime.Intrinsics.X86;

namespace DriftWatch.Analysis;

/// <summary>Asks for what is worked on next while work goes on with something else: it is read in an order that the processor does not foresee, and comes from memory. An instance asks bit by bit.</summary>
internal unsafe struct Prefetch
{
    private const int Line = 64;

    private readonly long linesOfTurn;
    private readonly byte* end;
    private byte* next;

    /// <param name="turns">Of work, over which the bytes are divided.</param>
    public Prefetch(void* start, long bytes, int turns)
    {
        if (!Sse.IsSupported) return;
        next = (byte*)start;
        end = next + bytes;
        linesOfTurn = bytes / Line / Math.Max(1, turns) + 1;
    }

    public void Go(int turns)
    {
        for (var line = turns * linesOfTurn; line > 0 && next < end; line--, next += Line) Sse.Prefetch1(next);
    }

    /// <summary>What will be read soon. If the collector moves it meanwhile, other lines come.</summary>
    public static void Soon<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        fixed (T* start = values) All(start, (long)values.Length * sizeof(T));
    }

    public static void All(void* start, long bytes)
    {
        if (!Sse.IsSupported) return;
        for (var line = (byte*)((nint)start & -Line); line < (byte*)start + bytes; line += Line) Sse.Prefetch1(line);
    }
}
