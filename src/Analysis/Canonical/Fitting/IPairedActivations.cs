namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Rows of the same tokens through two models, sequence by sequence, streamed; the same instance can be enumerated again, with the same rows.</summary>
public interface IPairedActivations
{
    int SourceWidth { get; }
    int TargetWidth { get; }

    /// <summary>Whole sequences, in order; their ordinals (<see cref="SequenceSplit"/>) count on over the blocks. How the stream is cut into blocks means nothing.</summary>
    IEnumerable<PairedBlock> Blocks();
}

/// <summary>Some sequences of paired rows, in memory; finite numbers only.</summary>
/// <param name="SourceNS">Row-major <c>[Rows, source width]</c>; may be longer than its rows.</param>
/// <param name="TargetNT">Row-major <c>[Rows, target width]</c>; row n is the token of row n of the source.</param>
/// <param name="Sequences">First row and number of rows of each sequence, one behind the other.</param>
public sealed record PairedBlock(float[] SourceNS, float[] TargetNT, int Rows, IReadOnlyList<(int First, int Rows)> Sequences);
