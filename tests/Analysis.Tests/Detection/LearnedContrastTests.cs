using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class LearnedContrastTests(ITestOutputHelper output)
{
    private const int P = SequenceProfile.Length;

    [Fact]
    public void Behaviour_with_a_direction_of_its_own_is_found_in_the_windows_after_those_it_was_learned_from()
    {
        var (contrast, random) = (Learned(1), new Random(2));

        for (var window = 0; window < LearnedContrast.Span; window++)
        {
            Assert.Equal(0, contrast.Bet(Window(contrast, random, share: 0.01), 1));
            contrast.Learn(Window(contrast, random, share: 0.01));
        }
        var found = 0.0;
        for (var window = 1; window < LearnedContrast.Span; window++)
        {
            var next = Window(contrast, random, share: 0.01);
            found = contrast.Bet(next, 1);
            contrast.Learn(next);
        }

        output.WriteLine($"evidence {found:0}");
        Assert.True(found > 1e4);
    }

    /// <remarks>E Rₜ ≤ t windows since the direction was learned, whatever the sample's luck; the mean over runs is on the safe side of it.</remarks>
    [Fact]
    public void Without_it_the_bets_do_not_win()
    {
        var evidence = new List<double>();
        for (var run = 0; run < 150; run++)
        {
            var (contrast, random) = (Learned(run), new Random(1000 + run));
            for (var window = 0; window < 4 * LearnedContrast.Span; window++)
            {
                var next = Window(contrast, random, share: 0);
                evidence.Add(contrast.Bet(next, 1));
                contrast.Learn(next);
            }
        }
        output.WriteLine($"mean evidence {evidence.Average():0.00}, largest {evidence.Max():0}");
        Assert.InRange(evidence.Average(), 0.5, LearnedContrast.Span);
    }

    [Fact]
    public void What_is_stored_gives_the_same_bits()
    {
        var (one, other) = (Learned(3), Learned(3));
        var random = new Random(4);
        for (var window = 0; window < 12; window++)
        {
            var next = Window(one, random, share: 0.01);
            var stored = SummaryCodec.Decode(SummaryCodec.Encode(next));
            Assert.Equal(BitConverter.DoubleToInt64Bits(one.Bet(next, 1)), BitConverter.DoubleToInt64Bits(other.Bet(stored, 1)));
            one.Learn(next);
            other.Learn(stored);
        }
    }

    [Fact]
    public void Another_version_is_compared_with_its_own_first_sequences()
    {
        var random = new Random(5);
        var (novelty, baseline) = Baseline(random);
        var contrast = new LearnedContrast(novelty, baseline, learning: 4000, most: 1e9);

        for (var window = 0; window < 4; window++)
        {
            Assert.True(contrast.IsLearningUsual);
            var profiles = Profiles(random, 1000, 0);
            contrast.Learn(novelty.Scored(WindowSummary.Empty(1, 1) with { Sequences = 1000 }, profiles, Firings(1000)) with { ProfileSample = ProfileSet.Of(profiles, 1024) });
        }

        Assert.False(contrast.IsLearningUsual);
        Assert.Equal(80, contrast.Usual!.Sequences);
    }

    private static LearnedContrast Learned(int seed)
    {
        var (novelty, baseline) = Baseline(new Random(seed));
        return new(novelty, baseline, learning: 0, most: 1e9);
    }

    private static (NoveltyModel Novelty, WindowSummary Baseline) Baseline(Random random)
    {
        var novelty = new NoveltyModel(new double[P], [.. Enumerable.Range(0, P * P).Select(i => i % (P + 1) == 0 ? 1.0 : 0.0)]);
        var profiles = Profiles(random, 5000, 0);
        return (novelty, novelty.Scored(WindowSummary.Empty(1, 1) with { Sequences = 5000 }, profiles, Firings(5000)) with { ProfileSample = ProfileSet.Of(profiles, 8192) });
    }

    private static WindowSummary Window(LearnedContrast contrast, Random random, double share)
    {
        var (novelty, _) = Baseline(new Random(0));
        var profiles = Profiles(random, 1000, share);
        var summary = novelty.Scored(WindowSummary.Empty(1, 1) with { Sequences = 1000 }, profiles, Firings(1000));
        return contrast.Scores(profiles) is { } scores ? summary with { Scores = summary.Scores.SetItem(ScoreNames.Contrast, scores) } : summary;
    }

    private static SequenceFirings Firings(int sequences)
    {
        var firings = new SequenceFirings();
        for (var i = 0; i < sequences; i++) firings.End();
        return firings;
    }

    /// <summary>Normal, and a share of them six standard deviations out along one diagonal.</summary>
    private static float[] Profiles(Random random, int sequences, double share)
    {
        var profiles = new float[sequences * P];
        for (var sequence = 0; sequence < sequences; sequence++)
        {
            var odd = random.NextDouble() < share ? 6 / MathF.Sqrt(3) : 0;
            for (var i = 0; i < P; i++) profiles[sequence * P + i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())) + (i < 3 ? odd : 0);
        }
        return profiles;
    }
}
