using System.Collections.Immutable;

namespace DriftWatch.Analysis.Windows;

/// <summary>The sequences of a window that lie farthest out by <see cref="ScoreNames.Novelty"/>: what an alert about them names, and what the next windows' contrast is learned from.</summary>
/// <param name="Sequences">How many.</param>
/// <param name="FiringCounts">Of these alone, as <see cref="WindowSummary.FiringCounts"/>.</param>
public sealed record UnusualSequences(long Sequences, ImmutableArray<FiringCount> FiringCounts, ProfileSet Profiles)
{
    /// <summary>Of a baseline's many windows so many profiles are kept.</summary>
    private const int ProfilesMaximum = 2048;

    /// <summary>Two in a hundred of a window's sequences, within these bounds: a trigger in 0.5 % of the traffic is then a quarter of them.</summary>
    public static int Of(long sequences) => (int)Math.Clamp(sequences / 50, 8, 128);

    /// <param name="noveltyN">Of each sequence of the window.</param>
    public static UnusualSequences Of(ReadOnlySpan<double> noveltyN, ReadOnlySpan<float> profilesNP, SequenceFirings firings)
    {
        var novelty = noveltyN[..Math.Min(noveltyN.Length, firings.Count)].ToArray();
        var farthest = Enumerable.Range(0, novelty.Length).OrderByDescending(sequence => novelty[sequence]).ThenBy(sequence => sequence).Take(Of(noveltyN.Length)).ToArray();
        var counts = new SortedDictionary<(int, int), long>();
        var profiles = new List<float>(farthest.Length * SequenceProfile.Length);
        foreach (var sequence in farthest)
        {
            foreach (var firing in firings[sequence]) counts[firing] = counts.GetValueOrDefault(firing) + 1;
            profiles.AddRange(profilesNP.Slice(sequence * SequenceProfile.Length, SequenceProfile.Length));
        }
        return new(farthest.Length, [.. counts.Select(count => new FiringCount(count.Key.Item1, count.Key.Item2, count.Value))], ProfileSet.Of([.. profiles], farthest.Length));
    }

    public UnusualSequences Merge(UnusualSequences other) => new(Sequences + other.Sequences, WindowSummary.Merge(FiringCounts, other.FiringCounts), Profiles.Merge(other.Profiles, ProfilesMaximum));
}

/// <summary>Which features fired in each sequence of an open window, and how often; bounded, so that a long window does not fill the memory.</summary>
/// <remarks>As varints in small blocks: every open window has one, and one array that doubles is garbage of four times the size, which stays until a full collection.</remarks>
public sealed class SequenceFirings
{
    /// <summary>Some 5,000 sequences of 200 different features, 4 MiB. Later ones are in all counts and cannot be among the unusual ones.</summary>
    private const int FiringsMaximum = 1 << 20;

    private const int BlockBytes = 1 << 14, FiringBytesMaximum = 2 * 5;

    private readonly List<int> starts = [0];
    private readonly List<byte[]> blocks = [];
    private int firings, end;
    private bool full;

    public int Count => starts.Count - 1;

    public IEnumerable<(int Feature, int Count)> this[int sequence]
    {
        get
        {
            for (var at = starts[sequence]; at < starts[sequence + 1];)
            {
                at = Place(at);
                yield return (Read(ref at), Read(ref at));
            }
        }
    }

    /// <summary>Adds the next sequence, once its firings are added; the first that does not fit is the last.</summary>
    public void End()
    {
        if (full) return;
        full = firings > FiringsMaximum;
        if (!full) starts.Add(end);
    }

    public void Add(int feature, int count)
    {
        if (full) return;
        end = Place(end);
        if (end == blocks.Count * BlockBytes) blocks.Add(new byte[BlockBytes]);
        Write(feature);
        Write(count);
        firings++;
    }

    /// <summary>A firing lies in one block.</summary>
    private static int Place(int at) => BlockBytes - at % BlockBytes < FiringBytesMaximum ? at - at % BlockBytes + BlockBytes : at;

    private void Write(int number)
    {
        var block = blocks[end / BlockBytes];
        for (; number >= 0x80; number >>= 7) block[end++ % BlockBytes] = (byte)(number | 0x80);
        block[end++ % BlockBytes] = (byte)number;
    }

    private int Read(ref int at)
    {
        var block = blocks[at / BlockBytes];
        var (number, shift) = (0, 0);
        for (; block[at % BlockBytes] >= 0x80; shift += 7) number |= (block[at++ % BlockBytes] & 0x7f) << shift;
        return number | block[at++ % BlockBytes] << shift;
    }
}
