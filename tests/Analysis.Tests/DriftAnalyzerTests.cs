using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Tests.Encoding;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Tests;

public sealed class DriftAnalyzerTests
{
    private const int Width = 8;

    [Fact]
    public void A_window_sums_up_what_a_plain_loop_over_its_rows_sums_up()
    {
        var random = new Random(21);
        var sae = SomeAutoencoder.Of(random, AutoencoderKind.JumpReLU, InputNormalization.None, Width, features: 40);
        float[][] sequences = [.. Enumerable.Range(0, 12).Select(_ => SomeAutoencoder.Gaussians(random, (2 + random.Next(6)) * Width, 1))];

        var summary = Analyzed(Some.Plan(sae), sequences);

        var codes = new SparseCodes();
        var rows = sequences.SelectMany(sequence => sequence).ToArray();
        new ReferenceEncoder(sae).Encode(rows, codes);
        var (energy, error, active) = (0.0, 0.0, 0);
        var fired = new int[40];
        var (magnitude, estimateD) = (new double[40], new float[Width]);
        for (var row = 0; row < codes.Rows; row++)
        {
            var rowD = rows.AsSpan(row * Width, Width);
            new Reconstruction(sae).Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
            for (var i = 0; i < Width; i++) (energy, error) = (energy + (double)rowD[i] * rowD[i], error + Math.Pow((double)rowD[i] - estimateD[i], 2));
            active += codes.FeaturesOf(row).Length;
            for (var i = 0; i < codes.FeaturesOf(row).Length; i++)
            {
                fired[codes.FeaturesOf(row)[i]]++;
                magnitude[codes.FeaturesOf(row)[i]] += codes.ValuesOf(row)[i];
            }
        }

        Assert.Equal((codes.Rows, 12L), (summary.Rows, summary.Sequences));
        Assert.Equal(energy, summary.Residual.N.Value, 1e-6);
        Assert.Equal(error, summary.Residual.Y.Value, 1e-6);
        Assert.Equal((double)active / codes.Rows, summary.L0.Ratio, 1e-9);
        Assert.Equal(fired.Select(count => (long)count), summary.FiringF().Select(firing => firing.Rows));
        for (var f = 0; f < 40; f++) Assert.Equal(magnitude[f], summary.FiredOf(f)?.Magnitude.Value ?? 0, 1e-5);
        Assert.Equal(rows.Where((_, i) => i % Width == 3).Sum(x => (double)x), summary.ActivationSumD[3].Value, 1e-6);
        Assert.Equal(12, summary.Score(ScoreNames.Fvu).Total);
        Assert.Equal(12, summary.Score(ScoreNames.Norm).Total);
        Assert.Equal(12, summary.Score(ScoreNames.L0).Total);
    }

    [Fact]
    public void A_transform_comes_before_the_dictionary()
    {
        var random = new Random(22);
        var sae = SomeAutoencoder.Of(random, AutoencoderKind.Standard, InputNormalization.None, Width, features: 30);
        var (a, b) = (SomeAutoencoder.Gaussians(random, 5 * Width, 1), SomeAutoencoder.Gaussians(random, Width, 1));
        var transform = new AffineTransform(a, b, 'B', "hash");
        float[][] sequences = [.. Enumerable.Range(0, 5).Select(_ => SomeAutoencoder.Gaussians(random, 4 * 5, 1))];

        var mapped = Analyzed(Some.Plan(sae) with { Transform = transform }, sequences);

        var expected = Analyzed(Some.Plan(sae), [.. sequences.Select(sequence => transform.Apply(sequence).ToArray())]);
        Assert.Equal(SummaryCodec.Encode(expected), SummaryCodec.Encode(mapped));
    }

    [Fact]
    public void Rows_that_are_left_out_are_counted_and_the_others_are_as_if_alone()
    {
        var random = new Random(23);
        var sae = SomeAutoencoder.Of(random, AutoencoderKind.Standard, InputNormalization.ConstantNormRescale, Width, features: 30);
        var good = SomeAutoencoder.Gaussians(random, 6 * Width, 1);
        float[] with = [.. good[..(3 * Width)], .. new float[Width], .. Enumerable.Repeat(float.NaN, Width), .. Enumerable.Repeat(1e4f, Width), .. good[(3 * Width)..]];

        var summary = Analyzed(Some.Plan(sae), [with]);

        Assert.Equal((6, 1, 1, 1), (summary.Rows, summary.RowsZero, summary.RowsNotFinite, summary.RowsOutlier));
        Assert.Equal(SummaryCodec.Encode(Analyzed(Some.Plan(sae), [good])), SummaryCodec.Encode(summary with { RowsZero = 0, RowsNotFinite = 0, RowsOutlier = 0 }));
    }

    [Fact]
    public void A_message_in_which_no_row_counts_opens_a_window_without_sequences()
    {
        var sae = SomeAutoencoder.Of(new Random(24), AutoencoderKind.Standard, InputNormalization.None, Width, features: 30);

        var summary = Analyzed(Some.Plan(sae), [[.. Enumerable.Repeat(float.NaN, 2 * Width)]]);

        Assert.Equal((0, 0, 2), (summary.Rows, summary.Sequences, summary.RowsNotFinite));
        Assert.Equal(0, summary.Fvu);
    }

    [Fact]
    public void Without_a_baseline_nothing_is_decided()
    {
        var plan = Some.Plan(Small());

        Assert.Empty(DriftAnalyzer.Judge(Closed(plan, sequences: 100), plan, baseline: null, novelty: null, tails: null).Findings);
    }

    [Fact]
    public void Too_few_sequences_are_undecided_for_every_detector_but_hazards_which_have_their_own_minimum()
    {
        var hazard = new HazardRule("some", Severity.Info, "", new HazardFeatures(Some.Together(1), RateAbove: 0.1, null, null, null), MinimumSequences: 20, For: 1);
        var plan = Some.Plan(Small(), hazard);
        var baseline = Some.Baseline(Closed(plan, sequences: 500).Summary);

        var few = DriftAnalyzer.Judge(Closed(plan, sequences: 49), plan, baseline, null, new(baseline, sameVersion: false, plan.Detection)).Findings;
        var enough = DriftAnalyzer.Judge(Closed(plan, sequences: 50), plan, baseline, null, new(baseline, sameVersion: false, plan.Detection)).Findings;

        Assert.Equal(["firing-rate-shift", "new-feature", "silent-feature", "encoder-fit", "activation-mean-shift", "activation-covariance-shift", "magnitude-shift", "hazard:some", "sequence-tails"], few.Select(finding => finding.Detector));
        Assert.All(few[..^2], finding => Assert.Equal(Verdict.Undecided, finding.Verdict));
        Assert.Contains("detection.sequencesMinimum is 50", few[0].Because, StringComparison.Ordinal);
        Assert.Equal(Verdict.Drift, few[^2].Verdict);
        Assert.All(enough[..5], finding => Assert.Equal(Verdict.Steady, finding.Verdict));
    }

    [Fact]
    public void A_window_of_no_sequences_breaks_no_detector()
    {
        var plan = Some.Plan(Small(), new HazardRule("some", Severity.Info, "", new HazardFeatures(Some.Together(1), 0.1, 2, null, null), MinimumSequences: 1, For: 1)) with
        {
            Detection = new() { SequencesMinimum = 0 },
        };
        var baseline = Some.Baseline(Closed(plan, sequences: 500).Summary);

        var findings = DriftAnalyzer.Judge(Closed(plan, sequences: 0), plan, baseline, null, new(baseline, sameVersion: false, plan.Detection)).Findings;

        Assert.Equal(9, findings.Length);
        Assert.All(findings, finding => Assert.NotEqual(Verdict.Drift, finding.Verdict));
        Assert.All(findings, finding => Assert.True(double.IsFinite(finding.Score) && double.IsFinite(finding.Effect)));
    }

    [Fact]
    public void The_same_sets_of_two_rules_are_counted_once_and_in_one_order()
    {
        static HazardRule Rule(string id, params FeatureSet[] sets) => new(id, Severity.Info, "", new HazardAll([.. sets.Select(set => new HazardFeatures(set, 0.1, null, null, null))]), 1, 1);
        var (a, b) = (Rule("a", Some.Together(9, 2), Some.InOneSequence(3)), Rule("b", Some.Together(2, 9), Some.Together(1, 5)));

        Assert.Equal(["sequence:3", "token:1+5", "token:2+9"], Some.Plan(Small(), a, b).Sets.Select(set => set.Key));
        Assert.Equal(Some.Plan(Small(), a, b).Sets.Select(set => set.Key), Some.Plan(Small(), b, a).Sets.Select(set => set.Key));
    }

    [Fact]
    public void What_windows_compare_by_follows_dictionary_transform_and_left_out_rows()
    {
        var plan = Some.Plan(Small());
        var transform = new AffineTransform(new float[Width * Width], new float[Width], null, "other");
        string[] hashes =
        [
            plan.EncodingHash,
            Some.Plan(Small() with { Hash = "x" }).EncodingHash,
            (Some.Plan(Small()) with { Transform = transform }).EncodingHash,
            (Some.Plan(Small()) with { Windows = new() { OutlierNorm = 11 } }).EncodingHash,
        ];

        Assert.Equal(4, hashes.Distinct().Count());
        Assert.Equal(plan.EncodingHash, (Some.Plan(Small()) with { Windows = new() { Rows = 5 }, Detection = new() { RaiseAfter = 9 } }).EncodingHash);
    }

    private static SparseAutoencoder Small() => SomeAutoencoder.Of(new Random(25), AutoencoderKind.Standard, InputNormalization.None, width: 1, features: 5);

    private static ClosedWindow Closed(ModelPlan plan, int sequences) => new(
        new(Some.Monitor, Probe.Traffic),
        new(0, 1, 1, Some.Noon),
        Some.Noon,
        Some.Noon,
        System.Collections.Immutable.ImmutableSortedDictionary<string, long>.Empty,
        Some.Summary(plan.Space.Dictionary.Features, Some.Sequences(sequences, 4, (1, 2), (2, 1))));

    private static WindowSummary Analyzed(ModelPlan plan, float[][] sequences)
    {
        var analyzer = new DriftAnalyzer(Some.Catalog(plan));
        var windows = new PartitionWindows(new(), PartitionPosition.Beginning, _ => null);
        var batch = Some.Batch(Some.Monitor, Some.Noon, plan.Transform.SourceWidth, sequences);
        Assert.Empty(analyzer.Analyze(windows, batch, 0));
        return Assert.Single(windows.Advance(Some.Noon.AddDays(1), 1)).Summary;
    }
}
