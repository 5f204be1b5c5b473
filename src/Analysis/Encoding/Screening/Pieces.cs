namespace DriftWatch.Analysis.Encoding.Screening;

/// <summary>Vectors side by side in pieces: the first numbers of each, then the next ones of each.</summary>
/// <param name="storage">Of many such, this one from <paramref name="start"/> on.</param>
/// <param name="pieceLength">Numbers of a piece; the last may be shorter.</param>
/// <remarks>
/// Work on many pairs of vectors goes through the width piece by piece, so that a piece of all of them is read straight on and, of whole numbers, stays in the second-level cache.
/// </remarks>
internal sealed unsafe class Pieces<T>(AlignedArray<T> storage, long start, int count, int stride, int pieceLength) where T : unmanaged
{
    public Pieces(int count, int stride, int pieceLength) : this(new((long)count * stride), 0, count, stride, pieceLength)
    {
    }

    public int Count { get; } = count;

    /// <summary>Of each vector.</summary>
    public int PiecesOfEach => (stride + pieceLength - 1) / pieceLength;

    public int LengthFrom(int from) => Math.Min(pieceLength, stride - from);

    /// <param name="from">A multiple of the piece's length.</param>
    public T* At(int vector, int from) => storage.Start + start + (long)from * Count + (long)vector * LengthFrom(from);

    public T this[int vector, int i] => At(vector, i / pieceLength * pieceLength)[i % pieceLength];

    public void Write(int vector, ReadOnlySpan<T> values)
    {
        for (var from = 0; from < stride; from += pieceLength) values.Slice(from, LengthFrom(from)).CopyTo(new(At(vector, from), pieceLength));
    }

    public void Read(int vector, Span<T> values)
    {
        for (var from = 0; from < stride; from += pieceLength) new ReadOnlySpan<T>(At(vector, from), LengthFrom(from)).CopyTo(values[from..]);
    }
}

/// <summary>Numbers of a piece: as measured, shorter ones cost more by their ends than they gain by the caches, and powers of 2 more by vectors that take each other's place in them.</summary>
internal static class PieceLength
{
    public const int Exact = 768, Rounded = 768;
}
