using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Do more and more sequences move one way? A direction learned without labels from some windows' unusual sequences, and bet on in the windows after them.</summary>
/// <remarks>
/// Intuition: behaviour that is new has a direction of its own, in which its sequences are farther out than in any score that was thought of before.
/// Every <see cref="Span"/> windows: d = Σ⁻¹(m − m₀), with m and m₀ the mean <see cref="SequenceProfile"/> of the unusual sequences of these windows and of what is usual, and Σ of all usual
/// sequences (<see cref="NoveltyModel"/>). The next windows' scores d·y are compared with those of a sample of usual sequences: exceedances of its order statistics, so the bet is that of
/// <see cref="PolyaUrn"/> again, and the sum of restarted bets a Shiryaev–Roberts e-detector as in <see cref="SequenceTails"/>. What a direction was learned from is never tested on it.
/// With a new direction the bets begin from nothing: the same sample is compared with again, and luck that it had must not be won twice.
/// Usual is the baseline's, or of another version its own first sequences; neither depends on options or alarms, so a replay learns the same directions.
/// </remarks>
internal sealed class LearnedContrast
{
    /// <summary>Windows that a direction is learned from, and the next so many that it is used for.</summary>
    public const int Span = 5;

    private const int P = SequenceProfile.Length;
    private static readonly double[] Levels = [0.01, 0.003, 0.001];
    private static readonly double[] Steps = [0.001, 0.002, 0.005];

    private readonly NoveltyModel novelty;
    private readonly int features;
    private readonly long learning;
    private readonly double most;
    private readonly double[] r = new double[Levels.Length * Steps.Length];
    private readonly double[] a = new double[Levels.Length], b = new double[Levels.Length];
    private readonly int[] bins = new int[Levels.Length];
    private readonly double[] recentSumP = new double[P];
    private UnusualSequences? usual;
    private ProfileSet sample;
    private double[]? direction;
    private long learned;
    private int recentWindows, recentProfiles;

    /// <param name="learning">Sequences of the version's own that are its usual ones; 0: the baseline's are.</param>
    public LearnedContrast(NoveltyModel novelty, WindowSummary baseline, long learning, double most)
    {
        (this.novelty, features, this.learning, this.most) = (novelty, baseline.Features, learning, most);
        (usual, sample) = learning > 0 ? (null, ProfileSet.Empty) : (baseline.Unusual, baseline.ProfileSample);
    }

    /// <summary>A window that comes now is one of those that usual is learned from.</summary>
    public bool IsLearningUsual => learned < learning;

    /// <summary>What this version's unusual sequences were like before; null: not known yet.</summary>
    public UnusualSequences? Usual => IsLearningUsual ? null : usual;

    /// <summary>d·y of each sequence; null: there is no direction yet.</summary>
    public LogHistogram? Scores(ReadOnlySpan<float> profilesNP)
    {
        if (direction is null) return null;
        var scores = new double[profilesNP.Length / P];
        Span<short> steps = stackalloc short[P];
        for (var sequence = 0; sequence < scores.Length; sequence++)
        {
            for (var i = 0; i < P; i++) steps[i] = ProfileSet.StepOf(profilesNP[sequence * P + i]);
            scores[sequence] = Score(steps);
        }
        return LogHistogram.Of(scores);
    }

    /// <summary>The mean of the bets behind a window, and the count that tells most. Changes nothing.</summary>
    public (double MeanR, long Beyond, double Expected) Look(WindowSummary window, double start)
    {
        if (direction is null || window.Score(ScoreNames.Contrast) is not { Total: > 0 } scores) return default;
        var (sum, best, told) = (0.0, 0.0, (Beyond: 0L, Expected: 0.0));
        for (var level = 0; level < Levels.Length; level++)
        {
            var ofLevel = 0.0;
            for (var step = 0; step < Steps.Length; step++) ofLevel += Next(level, step, scores, start);
            if (ofLevel > best) (best, told) = (ofLevel, (scores.CountAbove(bins[level]), scores.Total * a[level] / (a[level] + b[level])));
            sum += ofLevel;
        }
        return (sum / r.Length, told.Beyond, told.Expected);
    }

    public double Bet(WindowSummary window, double start)
    {
        var mean = Look(window, start).MeanR;
        if (direction is not null && window.Score(ScoreNames.Contrast) is { Total: > 0 } scores)
            for (var level = 0; level < Levels.Length; level++)
                for (var step = 0; step < Steps.Length; step++) r[level * Steps.Length + step] = Next(level, step, scores, start);
        return mean;
    }

    public void Begin() => Array.Clear(r);

    /// <summary>Takes the window in, after its bet.</summary>
    public void Learn(WindowSummary window)
    {
        if (IsLearningUsual)
        {
            learned += window.Sequences;
            usual = usual is null ? window.Unusual : window.Unusual is null ? usual : usual.Merge(window.Unusual);
            sample = sample.Merge(window.ProfileSample, WindowSummary.MergedSampleMaximum);
            return;
        }
        if (direction is not null && window.Score(ScoreNames.Contrast) is { Total: > 0 } scores)
            for (var level = 0; level < Levels.Length; level++)
            {
                a[level] += scores.CountAbove(bins[level]);
                b[level] += scores.Total - scores.CountAbove(bins[level]);
            }
        if (window.Unusual is { } unusual)
        {
            AddTo(recentSumP, unusual.Profiles);
            recentProfiles += unusual.Profiles.Count;
        }
        if (++recentWindows == Span) Turn();
    }

    public void Save(VarintWriter raw)
    {
        raw.Write(r);
        raw.Write(a);
        raw.Write(b);
        foreach (var bin in bins) raw.Write(bin);
        raw.Write(recentSumP);
        raw.Write(direction is null ? 0 : 1);
        if (direction is not null) raw.Write(direction);
        raw.Write(learned);
        raw.Write(recentWindows);
        raw.Write(recentProfiles);
        // Otherwise usual is the baseline's.
        if (learning == 0) return;
        raw.Write(usual is null ? 0 : 1);
        if (usual is not null) SummaryCodec.Write(raw, usual);
        raw.Write(sample);
    }

    public void Load(VarintReader raw)
    {
        raw.ReadDoubles(r);
        raw.ReadDoubles(a);
        raw.ReadDoubles(b);
        for (var level = 0; level < bins.Length; level++) bins[level] = raw.ReadSigned();
        raw.ReadDoubles(recentSumP);
        direction = raw.ReadInt() == 0 ? null : new double[P];
        raw.ReadDoubles(direction);
        (learned, recentWindows, recentProfiles) = (raw.ReadLong(), raw.ReadInt(), raw.ReadInt());
        if (learning == 0) return;
        usual = raw.ReadInt() == 0 ? null : SummaryCodec.ReadUnusual(raw, features);
        sample = raw.ReadProfiles();
    }

    /// <summary>A new direction, from the windows since the last one.</summary>
    private void Turn()
    {
        if (recentProfiles > 0 && usual is { Profiles.Count: > 0 } && sample.Count > 0)
        {
            var usualSumP = new double[P];
            AddTo(usualSumP, usual.Profiles);
            direction = novelty.Towards(Array.ConvertAll(usualSumP, sum => sum / usual.Profiles.Count), Array.ConvertAll(recentSumP, sum => sum / recentProfiles));
            var scores = new double[sample.Count];
            for (var i = 0; i < scores.Length; i++) scores[i] = Score(sample[i]);
            var usualScores = LogHistogram.Of(scores);
            for (var level = 0; level < Levels.Length; level++)
            {
                bins[level] = usualScores.QuantileBin(1 - Levels[level]);
                (a[level], b[level]) = (usualScores.CountAbove(bins[level]) + 1, usualScores.Total - usualScores.CountAbove(bins[level]));
            }
        }
        Begin();
        Array.Clear(recentSumP);
        (recentWindows, recentProfiles) = (0, 0);
    }

    private double Next(int level, int step, LogHistogram scores, double start) =>
        Math.Min(most, (r[level * Steps.Length + step] + start) * Math.Exp(PolyaUrn.LogEValue(a[level], b[level], scores.Total, scores.CountAbove(bins[level]), Steps[step])));

    private double Score(ReadOnlySpan<short> stepsP)
    {
        var score = 0.0;
        for (var i = 0; i < P; i++) score += direction![i] * stepsP[i];
        return score;
    }

    private static void AddTo(double[] sumP, ProfileSet profiles)
    {
        for (var at = 0; at < profiles.Count; at++)
            for (var i = 0; i < P; i++) sumP[i] += profiles[at][i];
    }
}
