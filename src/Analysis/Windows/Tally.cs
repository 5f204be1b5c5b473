namespace DriftWatch.Analysis.Windows;

/// <summary>A whole number, and in how many sequences it came up.</summary>
/// <remarks>Eight bytes: a window of a large dictionary has half a million, which are written, read and compared from memory.</remarks>
public readonly record struct Tally
{
    public const int KeyMaximum = (1 << 64 - SequencesBits) - 1;
    public const long SequencesMaximum = (1L << SequencesBits) - 1;

    private const int SequencesBits = 40;

    private readonly ulong packed;

    public Tally(int key, long sequences)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)key, (uint)KeyMaximum, nameof(key));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)sequences, (ulong)SequencesMaximum, nameof(sequences));
        packed = (ulong)key << SequencesBits | (ulong)sequences;
    }

    public int Key => (int)(packed >> SequencesBits);

    public long Sequences => (long)packed & SequencesMaximum;

    public Tally OneMore() => new(Key, Sequences + 1);

    /// <summary>With the sequences of both; their keys are the same. Saturates.</summary>
    public static Tally operator +(Tally a, Tally b) => new(a.Key, Math.Min(a.Sequences + b.Sequences, SequencesMaximum));

    public void Deconstruct(out int key, out long sequences) => (key, sequences) = (Key, Sequences);
}
