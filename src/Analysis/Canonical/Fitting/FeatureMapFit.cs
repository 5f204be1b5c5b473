using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Learns which feature of a model's own dictionary is which canonical feature, from paired rows.</summary>
public static class FeatureMapFit
{
    /// <summary>How far apart the sequences of each shuffled pairing stand: four wrong partners for each sequence, none its neighbour.</summary>
    private static readonly int[] shuffleLags = [3, 7, 13, 29];

    /// <summary>One pass over the rows: pairs one to one.</summary>
    /// <param name="progress">Called with the rows so far.</param>
    public static FeatureMatching Match(IPairedActivations activations, IEncoder source, IEncoder target, Action<long>? progress = null)
    {
        FeaturePairSums New() => new(source.Dictionary.Features, target.Dictionary.Features);
        var (fitted, heldOut, shuffled) = (New(), New(), Array.ConvertAll(shuffleLags, _ => New()));
        var before = new Queue<SparseCodes>();
        var rows = 0L;
        foreach (var sequence in new PairedCodes(activations, source, target).Sequences())
        {
            (SequenceSplit.IsHeldOut(sequence.Ordinal) ? heldOut : fitted).AddSequence(sequence.Source, sequence.First, sequence.Target, sequence.First, sequence.Rows);
            for (var i = 0; i < shuffleLags.Length; i++)
            {
                if (before.Count < shuffleLags[i]) continue;
                // The other sequence's rows are turned by half: a feature of a position must not meet its like at the same position.
                var other = before.ElementAt(before.Count - shuffleLags[i]);
                var length = Math.Min(sequence.Rows, other.Rows);
                shuffled[i].AddSequence(sequence.Source, sequence.First, other, 0, length, length / 2);
            }
            before.Enqueue(sequence.Target.Copy(sequence.First, sequence.Rows));
            if (before.Count > shuffleLags[^1]) before.Dequeue();
            progress?.Invoke(rows += sequence.Rows);
        }
        return FeatureMatching.Of(fitted, heldOut, shuffled);
    }
}
