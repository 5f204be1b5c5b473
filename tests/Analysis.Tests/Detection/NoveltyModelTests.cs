using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests.Detection;

public sealed class NoveltyModelTests
{
    private const int Width = 24;

    [Fact]
    public void Sequences_like_those_it_was_fitted_to_are_as_far_away_as_there_are_dimensions()
    {
        var (summary, _) = Draw(new Random(1), sequences: 4000, shift: 0);
        var (_, later) = Draw(new Random(2), sequences: 2000, shift: 0);
        var model = NoveltyModel.Fit(summary)!;

        var mean = Scores(model, later).Average();

        Assert.InRange(mean, 0.9 * SequenceProfile.Length, 1.1 * SequenceProfile.Length);
    }

    [Fact]
    public void A_sequence_of_another_kind_is_farther_away_than_nearly_all()
    {
        var (summary, _) = Draw(new Random(1), sequences: 4000, shift: 0);
        var (_, usual) = Draw(new Random(2), sequences: 2000, shift: 0);
        var (_, other) = Draw(new Random(3), sequences: 100, shift: 1.5f);
        var model = NoveltyModel.Fit(summary)!;

        var limit = Scores(model, usual).Order().ElementAt(1980);

        Assert.InRange(Scores(model, other).Count(score => score > limit), 90, 100);
        var histogram = model.Scored(WindowSummary.Empty(1, 1), other, new()).Score(ScoreNames.Novelty);
        Assert.Equal(100, histogram.CountAbove(LogHistogram.BinOf(limit)) + histogram.CountBelow(LogHistogram.BinOf(limit) + 1));
    }

    [Fact]
    public void A_stored_model_scores_as_before()
    {
        var (summary, profiles) = Draw(new Random(4), sequences: 500, shift: 0);
        var model = NoveltyModel.Fit(summary)!;

        Assert.Equal(Scores(model, profiles), Scores(NoveltyModel.FromBytes(model.ToBytes()), profiles));
    }

    [Fact]
    public void A_stored_model_of_another_length_is_refused() =>
        Assert.Equal("novelty", Assert.Throws<MalformedException>(() => NoveltyModel.FromBytes(new byte[100])).Reason);

    [Fact]
    public void Too_few_sequences_and_windows_without_profiles_have_no_model()
    {
        var (few, _) = Draw(new Random(5), sequences: 10 * SequenceProfile.Length - 1, shift: 0);

        Assert.Null(NoveltyModel.Fit(few));
        Assert.Null(NoveltyModel.Fit(few with { Sequences = 100_000, ProfileSum = [] }));
    }

    [Fact]
    public void Rows_that_never_vary_break_nothing()
    {
        var builder = new SummaryBuilder(1, Width, [], []);
        var codes = new Analysis.Encoding.SparseCodes();
        codes.AddRow([], []);
        for (var s = 0; s < 300; s++) builder.AddSequence(new float[Width], codes, 0, 0, 0);

        var model = NoveltyModel.Fit(builder.Build())!;

        Assert.All(Scores(model, builder.Profiles()), score => Assert.InRange(score, 0, 1));
    }

    private static IEnumerable<double> Scores(NoveltyModel model, float[] profiles) =>
        Enumerable.Range(0, profiles.Length / SequenceProfile.Length).Select(i => model.Score(profiles.AsSpan(i * SequenceProfile.Length, SequenceProfile.Length)));

    /// <param name="shift">Added to every row's first half.</param>
    private static (WindowSummary Summary, float[] Profiles) Draw(Random random, int sequences, float shift)
    {
        var builder = new SummaryBuilder(30, Width, [], []);
        var codes = new Analysis.Encoding.SparseCodes();
        for (var s = 0; s < sequences; s++)
        {
            var rowsND = SomeAutoencoder.Gaussians(random, 8 * Width, 1);
            for (var i = 0; i < rowsND.Length; i++) rowsND[i] += i % Width < Width / 2 ? shift : 0;
            codes.Clear();
            for (var row = 0; row < 8; row++) codes.AddRow([.. Enumerable.Range(0, 30).Where(_ => random.Next(4) == 0)], new float[30].AsSpan(0, 0));
            builder.AddSequence(rowsND, codes, 0, Analysis.Encoding.Energy.Of(rowsND), 10 + 5 * random.NextDouble());
        }
        return (builder.Build(), builder.Profiles());
    }
}
