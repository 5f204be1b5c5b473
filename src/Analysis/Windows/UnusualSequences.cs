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
public sealed class SequenceFirings
{
    /// <summary>8 MiB: some 5,000 sequences of 200 different features. Later ones are in all counts and cannot be among the unusual ones.</summary>
    private const int FiringsMaximum = 1 << 20;

    private readonly List<int> starts = [0];
    private readonly List<(int Feature, int Count)> firings = [];
    private bool full;

    public int Count => starts.Count - 1;

    public ReadOnlySpan<(int Feature, int Count)> this[int sequence] => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(firings)[starts[sequence]..starts[sequence + 1]];

    /// <summary>Adds the next sequence, once its firings are added; the first that does not fit is the last.</summary>
    public void End()
    {
        if (full) return;
        full = firings.Count > FiringsMaximum;
        if (full) firings.RemoveRange(starts[^1], firings.Count - starts[^1]);
        else starts.Add(firings.Count);
    }

    public void Add(int feature, int count)
    {
        if (!full) firings.Add((feature, count));
    }
}
