using System.Text.Json;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Inspection;
using DriftWatch.Analysis.Tests.Canonical.Fitting;

namespace DriftWatch.Analysis.Tests.Inspection;

/// <summary>Known features: by hand where the numbers can be seen, and the shared family to what SAELens' evaluation said.</summary>
public sealed class TruthTests
{
    /// <summary>Four true features along the axes; the rows below are made of them.</summary>
    private static readonly GroundTruth axes = new(4, 4, [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [], null);

    [Fact]
    public void Scores_are_those_that_can_be_counted_by_hand()
    {
        // Latents 0 and 1 both look along axis 0, latent 2 against axis 2: cosines 1, 0.8, 1.
        var sae = Plain([5, 0, 0, 0, 0.8f, 0.6f, 0, 0, 0, 0, -3, 0], features: 3);
        var (codes, firings) = (Codes([0, 1], [0], [2], []), Codes([0], [0, 2], [], [3]));

        var scores = TruthScores.Of(sae, axes, codes, firings, threads: 2);

        Assert.Equal((1 + 0.6 + 1) / 3, scores.Mcc, 1e-6);   // Latent 1 is matched with axis 1: one true feature goes to one latent.
        Assert.Equal(2.0 / 3, scores.Uniqueness);
        Assert.Equal([0, 0, 2], scores.Latents.Select(latent => latent.Best));
        Assert.Equal((1 + 1 + 0) / 3.0, scores.Firing!.Precision, 1e-12);
        Assert.Equal((1 + 0.5 + 0) / 3, scores.Firing.Recall, 1e-12);
        Assert.Equal((1 + 2.0 / 3 + 0) / 3, scores.Firing.F1, 1e-12);
        Assert.Equal(1, scores.Firing.TrueL0);
    }

    [Fact]
    public void A_latent_that_never_fires_counts_as_nought()
    {
        var scores = TruthScores.Of(Plain([1, 0, 0, 0], features: 1), axes, Codes([], []), Codes([], []), threads: 1);

        Assert.Equal((0, 0, 0), (scores.Firing!.Precision, scores.Firing.Recall, scores.Firing.F1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Firings_that_make_up_the_rows_are_taken_and_others_are_found_from_them(bool theirs)
    {
        var random = new Random(7);
        var directions = Gaussians(random, 40 * 24);
        var bias = Gaussians(random, 24);
        var (said, rows) = (new SparseCodes(), new float[50 * 24]);
        for (var row = 0; row < 50; row++)
        {
            var features = Enumerable.Range(0, 40).Where(_ => random.Next(12) == 0).ToArray();
            said.AddRow(features, [.. features.Select(_ => 2 + (float)random.NextDouble())]);
            for (var i = 0; i < 24; i++)
            {
                rows[row * 24 + i] = bias[i];
                for (var at = 0; at < features.Length; at++) rows[row * 24 + i] += said.ValuesOf(row)[at] * directions[features[at] * 24 + i];
            }
        }
        var all = new InspectedRows(rows, [.. Enumerable.Repeat(true, 50)], 0, 0);
        var other = Codes([.. Enumerable.Range(0, 50).Select(row => new[] { row % 40 })]);

        var (firings, found) = TrueFirings.Of(new(40, 24, directions, bias, theirs ? said : other), all, threads: 2);

        Assert.Equal(!theirs, found);
        for (var row = 0; row < 50; row++) Assert.Equal(said.FeaturesOf(row), firings.FeaturesOf(row));
    }

    /// <summary>With <c>half</c> the file's firings are those of other models: they have to be found.</summary>
    [Theory]
    [InlineData("reference")]
    [InlineData("rotated")]
    [InlineData("independent")]
    [InlineData("half")]
    public void The_shared_family_scores_as_SAELens_said(string model)
    {
        var folder = SharedFamily.Folder("synthetic");
        var sae = SharedFamily.Encoder(folder, model).Dictionary;
        using var activations = new WeightTensors(File.OpenRead(Path.Combine(folder, $"activations-{model}.safetensors")));
        using var tensors = new WeightTensors(File.OpenRead(Path.Combine(folder, "truth.safetensors")));
        Assert.Contains(model, GroundTruth.Models(tensors));
        var truth = GroundTruth.Read(tensors, model);
        var rows = DictionaryHealth.Select(activations.Read(activations.Header.Tensors["activations"]), [], sae);

        var (health, codes) = DictionaryHealth.Measure(sae, rows, [], 2);
        var (firings, found) = TrueFirings.Of(truth, rows, 2);
        var scores = TruthScores.Of(sae, truth, codes, firings, 2);

        using var family = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "family.json")));
        var said = family.RootElement.GetProperty("models").GetProperty(model);
        Assert.Equal(model == "half", found);
        foreach (var (name, value) in new[]
                 {
                     ("mcc", scores.Mcc), ("uniqueness", scores.Uniqueness), ("precision", scores.Firing!.Precision), ("recall", scores.Firing.Recall), ("f1", scores.Firing.F1),
                     ("explained_variance", health.ExplainedVariance!.Value), ("l0", health.L0), ("dead", health.Dead), ("shrinkage", health.Shrinkage!.Value),
                 })
            Assert.True(Math.Abs(said.GetProperty(name).GetDouble() - value) < 1e-5, $"{name} is {value}, SAELens {said.GetProperty(name).GetDouble()}");
    }

    private static SparseAutoencoder Plain(float[] decoderFD, int features) => new()
    {
        Kind = AutoencoderKind.Standard,
        Width = 4,
        Features = features,
        EncoderDF = new float[4 * features],
        DecoderFD = decoderFD,
        EncoderBiasF = new float[features],
        DecoderBiasD = new float[4],
    };

    private static SparseCodes Codes(params int[][] rows)
    {
        var codes = new SparseCodes();
        foreach (var row in rows) codes.AddRow(row, [.. row.Select(_ => 1f)]);
        return codes;
    }

    private static float[] Gaussians(Random random, int count) => Tests.Encoding.SomeAutoencoder.Gaussians(random, count, 0.3);
}
