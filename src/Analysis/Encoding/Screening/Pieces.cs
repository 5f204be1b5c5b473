namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Vectors side by side in pieces: the first numbers of each, then the next ones of each.</summary>
/// <remarks>
/// Work on many pairs of vectors goes through the width piece by piece, so that a piece of all of them stays in the second-level cache, is read straight on, and has no neighbours whose
/// distance is a power of two (those would share a few cache lines).
/// </remarks>
internal sealed unsafe class Pieces(int count, int stride)
{
    /// <summary>Numbers of a piece; the last may be shorter.</summary>
    public const int Length = 256;

    private readonly AlignedArray<float> storage = new((long)count * stride);

    public int Count { get; } = count;

    public static int LengthFrom(int from, int stride) => Math.Min(Length, stride - from);

    /// <param name="from">A multiple of <see cref="Length"/>.</param>
    public float* At(int vector, int from) => storage.Start + (long)from * Count + (long)vector * LengthFrom(from, stride);

    public float this[int vector, int i] => At(vector, i / Length * Length)[i % Length];

    public void Write(int vector, ReadOnlySpan<float> values)
    {
        for (var from = 0; from < stride; from += Length) values.Slice(from, LengthFrom(from, stride)).CopyTo(new(At(vector, from), Length));
    }

    public void Read(int vector, Span<float> values)
    {
        for (var from = 0; from < stride; from += Length) new ReadOnlySpan<float>(At(vector, from), LengthFrom(from, stride)).CopyTo(values[from..]);
    }
}
