using System.Text.Json;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Canonical.Fidelity;

public sealed class TransformEvaluationTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 4)];

    [Theory, MemberData(nameof(Seeds))]
    public void Grades_order_as_the_true_overlap_does(int seed)
    {
        var family = new SomeFamily(seed);
        var (rotated, half, unrelated) = (family.Rotated(), family.Half(), family.Unrelated());
        var (independent, width, dictionary) = family.Independent();

        FidelityReport[] reports =
        [
            family.Evaluate(rotated, SomeFamily.Width, family.Ridge(rotated, SomeFamily.Width)),
            family.Evaluate(independent, width, new FeatureView("map", dictionary, Same), dictionary, family.Reference),
            family.Evaluate(half, SomeFamily.Width, family.Ridge(half, SomeFamily.Width)),
            family.Evaluate(unrelated, SomeFamily.Width, family.Ridge(unrelated, SomeFamily.Width)),
        ];

        Assert.Equal(('A', 'F'), (reports[0].Grade, reports[3].Grade));
        Assert.All(reports.Zip(reports.Skip(1)), pair => Assert.True(pair.First.Grade < pair.Second.Grade, $"{string.Join(", ", reports.Select(report => $"{report.Grade} {report.Score.Value:0.00}"))}"));
    }

    [Fact]
    public void A_map_that_knows_nothing_is_F()
    {
        var family = new SomeFamily(1);
        var rotated = family.Rotated();
        var random = RandomOrthogonal.Matching(rotated, family.ReferenceND, SomeFamily.Width, SomeFamily.Width, new(5, 5));
        var mean = new AffineTransform(new float[SomeFamily.Width * SomeFamily.Width], [.. Means.Of(family.ReferenceND, SomeFamily.Width).Select(x => (float)x)], null, "mean");

        foreach (var map in new ITransform[] { new IdentityTransform(SomeFamily.Width), mean, random })
            Assert.Equal(('F', 0.0), (family.Evaluate(rotated, SomeFamily.Width, map) is var report ? (report.Grade, Math.Round(report.Score.Value, 1)) : default));
    }

    [Fact]
    public void No_map_into_a_random_dictionary_is_better_than_F()
    {
        var family = new SomeFamily(2);
        var random = new CpuEncoder(RandomDictionary.For(family.ReferenceND, SomeFamily.Width, SomeFamily.Features, 4, new(3, 3)), 1);

        var report = family.Evaluate(family.ReferenceND, SomeFamily.Width, new IdentityTransform(SomeFamily.Width), random);

        Assert.Equal((true, 'F'), (report.DictionaryIsNoReference, report.Grade));
        Assert.Equal(1, report.Map.CorrelationMedian.Value, 1e-6);
    }

    [Fact]
    public void A_random_dictionary_of_the_source_is_F_however_its_features_are_matched()
    {
        var family = new SomeFamily(3);
        var (rows, width, _) = family.Independent();
        var random = new CpuEncoder(RandomDictionary.For(rows, width, SomeFamily.Features, 4, new(9, 9)), 1);
        var (native, other) = (new SparseCodes(), new SparseCodes());
        family.Reference.Encode(family.ReferenceND, native);
        random.Encode(rows, other);

        // Matched on the very rows that it is judged by.
        var report = family.Evaluate(rows, width, new FeatureView("map", random, new MatchedDictionary(native, SomeFamily.Features, other, SomeFamily.Features).Map), random, family.Reference);

        Assert.Equal('F', report.Grade);
    }

    [Fact]
    public void The_true_map_is_as_good_as_the_target_itself_and_its_controls_are_not()
    {
        var family = new SomeFamily(4);

        var report = family.Evaluate(family.ReferenceND, SomeFamily.Width, new IdentityTransform(SomeFamily.Width));

        Assert.Equal((1.0, 1.0, 1.0), (report.Score.Value, report.Map.R2.Value, report.Map.SupportF1.Value));
        Assert.Equal(report.FvuNative.Value, report.Map.FvuThrough.Value, 1e-12);
        Assert.True(report.IdentityDoesAsWell);
        Assert.Equal(
            [FidelityControls.Identity, FidelityControls.Mean, FidelityControls.Orthogonal, FidelityControls.Dictionary, FidelityControls.Shuffled], report.Controls.Select(control => control.Name));
        Assert.All(report.Controls.Skip(1), control => Assert.InRange(control.Figures.CorrelationMean.Value, 0, 0.6));
        Assert.InRange(report.Controls[^1].Figures.R2.Value, -1.2, -0.8);   // Two unrelated rows are twice as far apart as a row and the mean.
    }

    [Fact]
    public void The_same_rows_give_the_same_report_however_they_are_cut_into_blocks()
    {
        var family = new SomeFamily(5);
        var half = family.Half();
        var map = family.Ridge(half, SomeFamily.Width);

        var reports = new[] { 1, 7, 1000 }.Select(sequences => JsonSerializer.Serialize(family.Evaluate(half, SomeFamily.Width, map, sequencesOfBlock: sequences))).ToArray();

        Assert.Single(reports.Distinct());
    }

    [Fact]
    public void On_the_data_of_the_fit_only_held_out_sequences_count()
    {
        var family = new SomeFamily(6);
        var rotated = family.Rotated();
        var map = family.Ridge(rotated, SomeFamily.Width);

        Assert.Equal((SomeFamily.Sequences / 10, true), family.Evaluate(rotated, SomeFamily.Width, map) is var held ? ((int)held.Sequences, held.HeldOutOnly) : default);
        Assert.Equal((SomeFamily.Rows, false), family.Evaluate(rotated, SomeFamily.Width, map, otherData: true) is var all ? ((int)all.Rows, all.HeldOutOnly) : default);
    }

    [Fact]
    public void A_feature_map_that_was_learned_from_all_of_the_data_is_judged_by_it_and_that_is_said()
    {
        var paired = new SomeFamily(6).Pairs(new SomeFamily(6).ReferenceND, SomeFamily.Width);
        var card = new TransformCard(FeatureMapFile.Kind) { Data = FittingPass.Over(paired, false, "", null, _ => { }, default).Hash, Sequences = SomeFamily.Sequences };

        var (all, held, other) = (EvaluationData.Survey(paired, card), EvaluationData.Survey(paired, card with { Sequences = SomeFamily.Sequences * 9 / 10 }), EvaluationData.Survey(paired, card with { Data = new('0', 64) }));

        Assert.Equal((true, false, (long)SomeFamily.Sequences), (all.Seen, all.HeldOutOnly, all.Sequences));
        Assert.Equal((false, true, (long)SomeFamily.Sequences / 10), (held.Seen, held.HeldOutOnly, held.Sequences));
        Assert.Equal((false, false), (other.Seen, other.HeldOutOnly));
    }

    [Fact]
    public void Intervals_hold_the_figure_and_narrow_with_more_sequences()
    {
        var family = new SomeFamily(7);
        var half = family.Half();
        var map = family.Ridge(half, SomeFamily.Width);

        var (few, many) = (family.Evaluate(half, SomeFamily.Width, map), family.Evaluate(half, SomeFamily.Width, map, otherData: true));

        foreach (var figure in new Func<FidelityReport, Estimate>[] { report => report.Score, report => report.Map.R2, report => report.Map.CorrelationMean, report => report.Map.SupportF1, report => report.Map.Svcca!, report => report.Map.Cka! })
        {
            Assert.InRange(figure(few).Value, figure(few).Low, figure(few).High);
            Assert.InRange(figure(many).High - figure(many).Low, 1e-6, 0.7 * (figure(few).High - figure(few).Low));
        }
    }

    [Fact]
    public void Data_that_cannot_judge_a_map_is_refused_with_what_to_give()
    {
        var family = new SomeFamily(8);
        int[] nine = [.. Enumerable.Range(0, 90).Select(row => row / 10)];
        var few = new PairedArrays(family.ReferenceND[..(90 * SomeFamily.Width)], SomeFamily.Width, family.ReferenceND[..(90 * SomeFamily.Width)], SomeFamily.Width, nine);
        var (_, width, dictionary) = family.Independent();
        var silent = new CpuEncoder(family.Reference.Dictionary with { ThresholdF = [.. Enumerable.Repeat(1e9f, SomeFamily.Features)] }, 1);
        var identity = new IdentityTransform(SomeFamily.Width);

        Assert.Contains("9 sequences are too few to judge a map by; 10 are needed", Refusal(() => EvaluationData.Survey(few, new("some"))), StringComparison.Ordinal);
        Assert.Contains("1 held-out sequences are too few to judge a map by; 10 are needed, so 100 of the data that the map was fitted on", Refusal(() => EvaluationData.Survey(few, new("some") { Data = FittingPass.Over(few, true, "", null, _ => { }, default).Hash })), StringComparison.Ordinal);
        Assert.Contains("fitted on all 200 sequences of this data, with none held out", Refusal(() => family.Evaluate(family.ReferenceND, SomeFamily.Width, family.Ridge(family.ReferenceND, SomeFamily.Width, holdOut: false))), StringComparison.Ordinal);
        Assert.Contains($"width {SomeFamily.Width} and the reference dictionary {width}", Refusal(() => family.Evaluate(family.ReferenceND, SomeFamily.Width, identity, dictionary)), StringComparison.Ordinal);
        Assert.Contains("no feature of the reference dictionary fires", Refusal(() => family.Evaluate(family.ReferenceND, SomeFamily.Width, identity, silent)), StringComparison.Ordinal);
    }

    private static string Refusal(Action evaluate) => Assert.Throws<MalformedException>(evaluate).Message;

    /// <summary>Feature n is feature n.</summary>
    private static void Same(SparseCodes source, SparseCodes target)
    {
        target.Clear();
        for (var row = 0; row < source.Rows; row++) target.AddRow(source.FeaturesOf(row), source.ValuesOf(row));
    }
}
