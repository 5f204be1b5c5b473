using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>A sequence of paired rows through both dictionaries; rows First to First + Rows of both codes.</summary>
/// <param name="Ordinal">Of the sequence in the whole stream, for <see cref="SequenceSplit"/>.</param>
internal readonly record struct PairedSequence(SparseCodes Source, SparseCodes Target, int First, int Rows, long Ordinal);

/// <summary>Paired activations, each side encoded with its own dictionary, sequence by sequence.</summary>
internal sealed class PairedCodes(IPairedActivations pairs, IEncoder source, IEncoder target)
{
    public IEncoder Source => source;
    public IEncoder Target => target;

    /// <summary>The codes are valid until the next sequence is asked for.</summary>
    public IEnumerable<PairedSequence> Sequences()
    {
        var (sourceCodes, targetCodes) = (new SparseCodes(), new SparseCodes());
        float[] sourceNS = [], targetNT = [];
        var ordinal = 0L;
        foreach (var block in pairs.Blocks())
        {
            if (sourceNS.Length < block.Rows * pairs.SourceWidth) sourceNS = new float[block.Rows * pairs.SourceWidth];
            if (targetNT.Length < block.Rows * pairs.TargetWidth) targetNT = new float[block.Rows * pairs.TargetWidth];
            var kept = new List<(int First, int Rows)>(block.Sequences.Count);
            var at = 0;
            foreach (var (first, rows) in block.Sequences)
            {
                var begin = at;
                for (var row = first; row < first + rows; row++)
                {
                    var sourceS = block.SourceNS.AsSpan(row * pairs.SourceWidth, pairs.SourceWidth);
                    var targetT = block.TargetNT.AsSpan(row * pairs.TargetWidth, pairs.TargetWidth);
                    // An all-zero row where a normalisation divides by the norm: left out on both sides, as the daemon does.
                    if (!RowNormalization.Of(sourceS, source.Dictionary).CanEncode || !RowNormalization.Of(targetT, target.Dictionary).CanEncode) continue;
                    sourceS.CopyTo(sourceNS.AsSpan(at * pairs.SourceWidth));
                    targetT.CopyTo(targetNT.AsSpan(at++ * pairs.TargetWidth));
                }
                kept.Add((begin, at - begin));
            }
            source.Encode(sourceNS.AsSpan(0, at * pairs.SourceWidth), sourceCodes);
            target.Encode(targetNT.AsSpan(0, at * pairs.TargetWidth), targetCodes);
            foreach (var (first, rows) in kept)
            {
                if (rows > 0) yield return new(sourceCodes, targetCodes, first, rows, ordinal);
                ordinal++;
            }
        }
    }
}
