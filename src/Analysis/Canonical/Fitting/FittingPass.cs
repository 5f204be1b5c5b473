using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>One pass over paired rows that counts and hashes them, and hands on each sequence with its ordinal.</summary>
internal static class FittingPass
{
    /// <param name="Ordinal">In the stream; decides where it belongs (<see cref="SequenceSplit"/>).</param>
    public readonly ref struct Sequence(long ordinal, int rows, bool heldOut, ReadOnlySpan<float> sourceNS, ReadOnlySpan<float> targetNT)
    {
        public long Ordinal { get; } = ordinal;
        public int Rows { get; } = rows;
        public bool HeldOut { get; } = heldOut;
        public ReadOnlySpan<float> SourceNS { get; } = sourceNS;
        public ReadOnlySpan<float> TargetNT { get; } = targetNT;
    }

    public delegate void Taker(Sequence sequence);

    public static FittingData Over(IPairedActivations paired, bool holdOut, string step, IProgress<FitProgress>? progress, Taker take, CancellationToken stopping)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (ordinal, rows, heldOutRows, heldOutSequences) = (0L, 0L, 0L, 0L);
        foreach (var block in paired.Blocks())
        {
            foreach (var (first, count) in block.Sequences)
            {
                stopping.ThrowIfCancellationRequested();
                var sequence = new Sequence(
                    ordinal, count, holdOut && SequenceSplit.IsHeldOut(ordinal),
                    block.SourceNS.AsSpan(first * paired.SourceWidth, count * paired.SourceWidth), block.TargetNT.AsSpan(first * paired.TargetWidth, count * paired.TargetWidth));
                hash.AppendData(BitConverter.GetBytes(count));
                hash.AppendData(MemoryMarshal.AsBytes(sequence.SourceNS));
                hash.AppendData(MemoryMarshal.AsBytes(sequence.TargetNT));
                if (sequence.HeldOut) (heldOutRows, heldOutSequences) = (heldOutRows + count, heldOutSequences + 1);
                else rows += count;
                ordinal++;
                take(sequence);
            }
            progress?.Report(new(step, rows + heldOutRows, 0));
        }
        return new(Convert.ToHexStringLower(hash.GetHashAndReset()), rows, ordinal - heldOutSequences, heldOutRows, heldOutSequences);
    }
}
