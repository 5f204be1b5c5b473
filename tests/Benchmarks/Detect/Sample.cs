using DriftWatch.Analysis;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>A window or a baseline: sequences drawn from the pools, with replacement, and their sums.</summary>
/// <param name="Summaries">One for each dictionary: 0 the SAE, 1 the random one.</param>
/// <param name="Profiles">One for each dictionary: what novelty is scored from (<see cref="ClosedWindow.Profiles"/>), sequences in the order of <paramref name="Quiet"/>, then the triggered ones.</param>
/// <param name="Firings">One for each dictionary, of the same sequences (<see cref="ClosedWindow.Firings"/>).</param>
/// <param name="MeanD">Mean of the sequences' mean activations.</param>
/// <param name="FourierR">Mean of their random Fourier features.</param>
/// <param name="Quiet">Which sequences of the quiet pool.</param>
internal sealed record Sample(WindowSummary[] Summaries, float[][] Profiles, SequenceFirings[] Firings, double[] MeanD, double[] FourierR, int[] Quiet, SequencePool Pool)
{
    private Firing[]? firingF;
    private long[][]? countsFC;

    public WindowSummary Codes => Summaries[0];
    public int Sequences => (int)Codes.Sequences;
    public Firing[] FiringF => firingF ??= Codes.FiringF();

    /// <summary>Per feature in how many sequences it fired 0, 1, 2 … times, up to its largest count.</summary>
    public long[][] CountsFC => countsFC ??= Counts();

    private long[][] Counts()
    {
        var counts = new long[Codes.Features][];
        var all = Codes.FiringCounts;
        var at = 0;
        for (var f = 0; f < counts.Length; f++)
        {
            var end = at;
            while (end < all.Length && all[end].Feature == f) end++;
            counts[f] = new long[end > at ? all[end - 1].Count + 1 : 1];
            counts[f][0] = Sequences;
            for (; at < end; at++)
            {
                counts[f][all[at].Count] = all[at].Sequences;
                counts[f][0] -= all[at].Sequences;
            }
        }
        return counts;
    }
}

/// <summary>Draws samples; one thread's scratch.</summary>
internal sealed class Sampler(SequencePool quiet, SequencePool triggered)
{
    private readonly SummaryFold[] folds =
        [.. quiet.Tables.Select((_, i) => new SummaryFold(i, quiet, triggered))];

    /// <param name="share">Each sequence is a triggered one with this chance.</param>
    public Sample Draw(FastRandom random, int sequences, double share)
    {
        var (calm, hot) = (new List<int>(sequences), new List<int>());
        for (var i = 0; i < sequences; i++)
            if (share > 0 && random.NextDouble() < share) hot.Add(random.Next(triggered.Count));
            else calm.Add(random.Next(quiet.Count));
        var which = (Quiet: calm.ToArray(), Hot: hot.ToArray());
        var (summaries, profiles, firings) = (new WindowSummary[folds.Length], new float[folds.Length][], new SequenceFirings[folds.Length]);
        for (var i = 0; i < folds.Length; i++)
        {
            folds[i].Add(quiet, which.Quiet);
            folds[i].Add(triggered, which.Hot);
            summaries[i] = folds[i].Build();
            profiles[i] = [.. Profiles(quiet.Tables[i], which.Quiet), .. Profiles(triggered.Tables[i], which.Hot)];
            firings[i] = new();
            AddFirings(firings[i], quiet.Tables[i], which.Quiet);
            AddFirings(firings[i], triggered.Tables[i], which.Hot);
        }
        var meanD = new double[quiet.Width];
        var fourierR = new double[quiet.FourierR.Length / quiet.Count];
        AddMeans(quiet, which.Quiet, meanD, fourierR);
        AddMeans(triggered, which.Hot, meanD, fourierR);
        foreach (ref var x in meanD.AsSpan()) x /= sequences;
        foreach (ref var x in fourierR.AsSpan()) x /= sequences;
        return new(summaries, profiles, firings, meanD, fourierR, which.Quiet, quiet);
    }

    private static float[] Profiles(SummaryTable table, int[] which)
    {
        var profiles = new float[which.Length * SequenceProfile.Length];
        for (var i = 0; i < which.Length; i++) table.ProfileOf(which[i]).CopyTo(profiles.AsSpan(i * SequenceProfile.Length));
        return profiles;
    }

    public static void AddFirings(SequenceFirings firings, SummaryTable table, ReadOnlySpan<int> which)
    {
        foreach (var sequence in which)
        {
            foreach (var firing in table.FiringOf(sequence)) firings.Add(firing.Feature, firing.Count);
            firings.End();
        }
    }

    public static void AddMeans(SequencePool pool, ReadOnlySpan<int> which, double[] meanD, double[] fourierR)
    {
        foreach (var sequence in which)
        {
            var mean = pool.MeanOf(sequence);
            for (var i = 0; i < meanD.Length; i++) meanD[i] += mean[i];
            var features = pool.FourierR.AsSpan(sequence * fourierR.Length, fourierR.Length);
            for (var i = 0; i < fourierR.Length; i++) fourierR[i] += features[i];
        }
    }
}
