using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fitting;

namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>Which of the paired sequences count, and samples of them: what is to be known before they are read through.</summary>
/// <param name="Sequences">Sequences that count.</param>
/// <param name="Rows">Their rows.</param>
/// <param name="Evaluated">Drawn from the sequences that count: for figures that need all rows at once (SVCCA, CKA).</param>
/// <param name="Calibration">Drawn from those that do not, or from those that count where there are no others: what the controls' means, scales and thresholds are taken from. The controls are then a little better than they should be, never worse.</param>
public sealed record EvaluationData(IPairedActivations Paired, bool HeldOutOnly, long Sequences, long Rows, PairedSample Evaluated, PairedSample Calibration)
{
    /// <summary>Fewer sequences say nothing about the next one, and no interval.</summary>
    public const int SequencesMinimum = 10;

    private const int ChunkRows = 4096;

    /// <summary>The map was learned from the very sequences that count.</summary>
    public bool Seen { get; private init; }

    /// <param name="card">Of the map: if it was fitted on this very data, only the sequences count that were held out then.</param>
    /// <exception cref="MalformedException">Too few sequences, or none that the map has not seen; reason <c>too-few</c>.</exception>
    public static EvaluationData Survey(IPairedActivations paired, TransformCard card, Action<long>? progress = null, CancellationToken stopping = default)
    {
        PairedSample New() => new(paired.SourceWidth, paired.TargetWidth);
        var (every, heldOut, others) = (New(), New(), New());
        var found = FittingPass.Over(paired, holdOut: true, "", null, sequence =>
        {
            every.Add(sequence);
            (sequence.HeldOut ? heldOut : others).Add(sequence);
            progress?.Invoke(sequence.Rows);
        }, stopping);
        var fittedOnIt = card.Data == found.Hash;
        var seen = fittedOnIt && card.Sequences > found.Sequences;
        // A feature-map has one number for a pair, chosen by all sequences: on these its figures are a little too good, which is said. A map of activations may have learned them by heart.
        if (seen && card.Kind != FeatureMapFile.Kind)
            throw new MalformedException("too-few", $"the map was fitted on all {card.Sequences} sequences of this data, with none held out. Judge it by other data, or fit it with some held out.");
        // A chain's parts were learned beside other models, maybe from these same prompts: only what all of them held out is certain to be new.
        var heldOutOnly = (fittedOnIt && !seen) || card.Kind == ChainFile.Kind;
        var sequences = heldOutOnly ? found.HeldOutSequences : found.Sequences + found.HeldOutSequences;
        if (sequences < SequencesMinimum)
            throw new MalformedException("too-few", $"{sequences} {(heldOutOnly ? "held-out " : "")}sequences are too few to judge a map by; {SequencesMinimum} are needed{(heldOutOnly ? $", so {SequencesMinimum * SequenceSplit.HeldOutOneIn} of the data that the map was fitted on, or {SequencesMinimum} of other data" : "")}. One prompt is one sequence: without sequence_ids a file is one.");
        return heldOutOnly
            ? new(paired, true, sequences, found.HeldOutRows, heldOut, others)
            : new(paired, false, sequences, found.Rows + found.HeldOutRows, every, every) { Seen = seen };
    }

    /// <summary>The sequences that count, some thousand rows at a time.</summary>
    internal IEnumerable<EvaluatedChunk> Chunks()
    {
        var (source, target, sequences) = (new List<float>(), new List<float>(), new List<(long, int, int)>());
        foreach (var (ordinal, block, first, rows) in SequencesOf(Paired))
        {
            if (HeldOutOnly && !SequenceSplit.IsHeldOut(ordinal)) continue;
            sequences.Add((ordinal, target.Count / Paired.TargetWidth, rows));
            source.AddRange(block.SourceNS.AsSpan(first * Paired.SourceWidth, rows * Paired.SourceWidth));
            target.AddRange(block.TargetNT.AsSpan(first * Paired.TargetWidth, rows * Paired.TargetWidth));
            if (target.Count / Paired.TargetWidth < ChunkRows) continue;
            yield return new([.. source], [.. target], sequences);
            (source, target, sequences) = ([], [], []);
        }
        if (sequences.Count > 0) yield return new([.. source], [.. target], sequences);
    }

    private static IEnumerable<(long Ordinal, PairedBlock Block, int First, int Rows)> SequencesOf(IPairedActivations paired)
    {
        var ordinal = 0L;
        foreach (var block in paired.Blocks())
            foreach (var (first, rows) in block.Sequences) yield return (ordinal++, block, first, rows);
    }
}

/// <summary>Whole sequences that count: their ordinals, first rows and numbers of rows.</summary>
internal sealed record EvaluatedChunk(float[] SourceNS, float[] TargetNT, IReadOnlyList<(long Ordinal, int First, int Rows)> Sequences);
