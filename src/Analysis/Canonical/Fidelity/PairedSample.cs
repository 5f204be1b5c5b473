using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Whole paired sequences, drawn evenly from a stream of any length into bounded memory: those with the lowest hashes of their ordinals.</summary>
public sealed class PairedSample(int sourceWidth, int targetWidth)
{
    public const int RowsMaximum = 8192;

    // Rows of both sides together: 128 MiB.
    private const int NumbersMaximum = 32 << 20;

    private readonly PriorityQueue<PairedSequence, ulong> kept = new(Comparer<ulong>.Create((a, b) => b.CompareTo(a)));   // The highest first.

    public int Rows { get; private set; }

    /// <summary>In the order of the stream.</summary>
    public IReadOnlyList<PairedSequence> Sequences => [.. kept.UnorderedItems.Select(item => item.Element).OrderBy(sequence => sequence.Ordinal)];

    internal void Add(FittingPass.Sequence sequence)
    {
        var hash = Hash(sequence.Ordinal);
        if (IsFull && kept.TryPeek(out _, out var highest) && hash > highest) return;
        kept.Enqueue(new(sequence.Ordinal, sequence.SourceNS.ToArray(), sequence.TargetNT.ToArray()), hash);
        Rows += sequence.Rows;
        while (Rows > RowsMost && kept.Count > 1) Rows -= kept.Dequeue().TargetNT.Length / targetWidth;
    }

    private int RowsMost => Math.Min(RowsMaximum, NumbersMaximum / (sourceWidth + targetWidth));
    private bool IsFull => Rows >= RowsMost * 9 / 10;

    public float[] SourceNS() => [.. Sequences.SelectMany(sequence => sequence.SourceNS)];
    public float[] TargetNT() => [.. Sequences.SelectMany(sequence => sequence.TargetNT)];

    private static ulong Hash(long ordinal) => new FastRandom(ordinal, stream: 5).NextBits();
}

/// <summary>The rows of one sequence on both sides.</summary>
public sealed record PairedSequence(long Ordinal, float[] SourceNS, float[] TargetNT);
