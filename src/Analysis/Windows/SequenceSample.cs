using System.Collections.Immutable;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Windows;

/// <summary>Takes a bounded random sample of a window's sequences: which features fired in each of their rows. Codes only; no activation, no token, no text.</summary>
/// <remarks>Kept are the sequences whose numbers in the window have the smallest hashes, so the same offsets give the same sample.</remarks>
/// <param name="most">Sequences kept.</param>
/// <param name="seed">Another for each window: prompts that come round in a fixed order must not be kept again and again.</param>
public sealed class SequenceSampler(int most, long seed)
{
    private readonly SortedList<(ulong Hash, long Sequence), int[][]> kept = [];
    private long offered;

    public void Offer(SparseCodes codes, int firstRow, int rows)
    {
        var key = (SplitMix64.Mix((ulong)seed * SplitMix64.Step + (ulong)offered), offered++);
        if (kept.Count == most && (most == 0 || key.CompareTo(kept.GetKeyAtIndex(most - 1)) > 0)) return;
        if (kept.Count == most) kept.RemoveAt(most - 1);
        kept.Add(key, [.. Enumerable.Range(firstRow, rows).Select(row => codes.FeaturesOf(row).ToArray())]);
    }

    public byte[]? Build() => kept.Count == 0 ? null : new SequenceSample([.. kept.OrderBy(entry => entry.Key.Sequence).Select(entry => entry.Value)]).Encode();
}

/// <summary>Some sequences of a window: for each, row by row, the features that fired, ascending.</summary>
public sealed record SequenceSample(ImmutableArray<int[][]> Sequences)
{
    private const byte Version = 1;

    /// <summary>Sums of these sequences, with the sets counted: a window of its own, and a small one.</summary>
    public WindowSummary Counted(int features, int width, IEnumerable<FeatureSet> sets)
    {
        var (rows, lengthSquared) = (0L, 0L);
        var counted = sets.ToImmutableSortedDictionary(set => set.Key, set => (Counter: new SetCounter(set), Firing: new Firing[1]), StringComparer.Ordinal);
        foreach (var sequence in Sequences)
        {
            rows += sequence.Length;
            lengthSquared += (long)sequence.Length * sequence.Length;
            foreach (var (counter, firing) in counted.Values)
            {
                counter.Begin();
                foreach (var row in sequence) counter.Row(row);
                firing[0] += counter.End(sequence.Length);
            }
        }
        return WindowSummary.Empty(features, width) with
        {
            Rows = rows,
            Sequences = Sequences.Length,
            LengthSquared = lengthSquared,
            Sets = counted.ToImmutableSortedDictionary(entry => entry.Key, entry => entry.Value.Firing[0], StringComparer.Ordinal),
        };
    }

    public byte[] Encode()
    {
        var raw = new VarintWriter();
        raw.Write(Sequences.Length);
        foreach (var sequence in Sequences)
        {
            raw.Write(sequence.Length);
            foreach (var row in sequence)
            {
                raw.Write(row.Length);
                var previous = 0;
                foreach (var feature in row)
                {
                    raw.Write(feature - previous);
                    previous = feature;
                }
            }
        }
        return raw.Pack(Version);
    }

    /// <exception cref="MalformedException">The bytes are no sample; reason <c>sample</c>.</exception>
    public static SequenceSample Decode(ReadOnlySpan<byte> bytes)
    {
        var raw = VarintReader.Unpack(bytes, Version, "sample", "sample of sequences");
        var sequences = new List<int[][]>();
        for (var left = raw.ReadInt(); left > 0; left--)
        {
            var sequence = new List<int[]>();
            for (var rows = raw.ReadInt(); rows > 0; rows--)
            {
                var active = raw.ReadInt();
                var row = new List<int>(raw.AtMost(active));
                for (var feature = 0; active > 0; active--) row.Add(feature = raw.ReadAbove(feature, orEqual: row.Count == 0));
                sequence.Add([.. row]);
            }
            sequences.Add([.. sequence]);
        }
        raw.End();
        return new([.. sequences]);
    }
}
