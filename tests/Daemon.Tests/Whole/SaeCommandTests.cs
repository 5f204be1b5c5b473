using System.Text.Json;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary><c>driftwatch sae …</c> as a person uses it.</summary>
public sealed class SaeCommandTests
{
    private static readonly string sample = Path.Combine(SampleMessages.Sample, "sae");

    [Fact]
    public async Task A_converted_dictionary_encodes_to_the_same_bytes()
    {
        using var folder = new TempFolder();
        var (input, converted) = (Path.Combine(SampleMessages.Sample, "base.safetensors"), Path.Combine(folder.Path, "converted"));

        Assert.Equal(0, (await Program.RunAsync(["sae", "convert", sample, converted])).ExitCode);
        await Program.RunAsync(["sae", "encode", sample, input, Path.Combine(folder.Path, "a")]);
        await Program.RunAsync(["sae", "encode", converted, input, Path.Combine(folder.Path, "b")]);

        Assert.Equal(File.ReadAllBytes(Path.Combine(folder.Path, "a")), File.ReadAllBytes(Path.Combine(folder.Path, "b")));
        var again = await Program.RunAsync(["sae", "convert", sample, converted]);
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("not empty", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_that_cannot_be_encoded_is_zero_counted_and_spreads_to_no_other()
    {
        using var folder = new TempFolder();
        folder.Write("sae/cfg.json", """{"architecture":"standard","d_in":2,"d_sae":3,"normalize_activations":"constant_norm_rescale"}""");
        folder.Write("sae/sae_weights.safetensors", SafetensorsFile.Of(
            null,
            SomeTensor.F32("W_enc", [2, 3], 1, 0, 1, 0, 1, 1), SomeTensor.F32("W_dec", [3, 2], 1, 0, 0, 1, 1, 1), SomeTensor.F32("b_enc", [3], 0, 0, 0), SomeTensor.F32("b_dec", [2], 0, 0)));
        folder.Write("in", SafetensorsFile.Of(null, SomeTensor.F32("x", [5, 2], 3, 4, 0, 0, float.NaN, 1, 1e30f, 0, 5, 12)));

        var run = await Program.RunAsync(["sae", "encode", Path.Combine(folder.Path, "sae"), Path.Combine(folder.Path, "in"), Path.Combine(folder.Path, "out"), "--json"]);

        Assert.Equal(3, JsonDocument.Parse(run.Output).RootElement.GetProperty("rowsLeftOut").GetInt32());
        Assert.Contains("3 of 5 rows cannot be encoded", run.Error, StringComparison.Ordinal);
        using var written = new WeightTensors(File.OpenRead(Path.Combine(folder.Path, "out")));
        var features = written.Read("features", 5, 3);
        Assert.All(features[3..12], value => Assert.Equal(0, value));
        Assert.All(written.Read("reconstruction", 5, 2)[2..8], value => Assert.Equal(0, value));
        Assert.Equal(3 * MathF.Sqrt(2) / 5, features[0], 1e-6f);
        Assert.Equal(5 * MathF.Sqrt(2) / 13, features[12], 1e-6f);
    }

    /// <summary>The same dictionary with decoder rows of other lengths: features differ by these, strengths do not.</summary>
    [Fact]
    public async Task Strengths_compare_across_dictionaries_whatever_the_length_of_their_decoder_rows()
    {
        using var folder = new TempFolder();
        foreach (var (name, length) in new[] { ("unit", 1f), ("long", 4f) })
        {
            folder.Write($"{name}/cfg.json", """{"architecture":"standard","d_in":2,"d_sae":2}""");
            folder.Write($"{name}/sae_weights.safetensors", SafetensorsFile.Of(
                null, SomeTensor.F32("W_enc", [2, 2], 1 / length, 0, 0, 1 / length), SomeTensor.F32("W_dec", [2, 2], length, 0, 0, length), SomeTensor.F32("b_enc", [2], 0, 0), SomeTensor.F32("b_dec", [2], 0, 0)));
        }
        folder.Write("in", SafetensorsFile.Of(null, SomeTensor.F32("x", [2, 2], 3, 4, 0, 5)));

        var (features, strengths) = (new List<float[]>(), new List<float[]>());
        foreach (var name in new[] { "unit", "long" })
        {
            Assert.Equal(0, (await Program.RunAsync(["sae", "encode", Path.Combine(folder.Path, name), Path.Combine(folder.Path, "in"), Path.Combine(folder.Path, $"{name}.out"), "--strengths"])).ExitCode);
            using var written = new WeightTensors(File.OpenRead(Path.Combine(folder.Path, $"{name}.out")));
            features.Add(written.Read("features", 2, 2));
            strengths.Add(written.Read("strengths", 2, 2));
        }

        Assert.Equal([3f, 4, 0, 5], strengths[0]);
        Assert.Equal(strengths[0], strengths[1]);
        Assert.Equal([0.75f, 1, 0, 1.25f], features[1]);
    }

    [Fact]
    public async Task Inspecting_says_it_in_words_and_in_plots()
    {
        using var folder = new TempFolder();
        var page = Path.Combine(folder.Path, "page.html");

        var run = await Program.RunAsync(["sae", "inspect", sample, "--activations", Path.Combine(SampleMessages.Sample, "base.safetensors"), "--html", page]);

        Assert.Contains("SAELens, architecture jumprelu: 1024 features", run.Output, StringComparison.Ordinal);
        Assert.Contains("most active", run.Output, StringComparison.Ordinal);
        var html = File.ReadAllText(page);
        Assert.Contains("Firing rates", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html.Replace("http://www.w3.org", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    /// <summary>A crosscoder of two models whose differences are known.</summary>
    [Fact]
    public async Task Two_models_through_a_crosscoder_and_what_only_looks_like_the_fine_tunes_own()
    {
        using var folder = new TempFolder();
        SomeModels.Write(folder, seed: 1, rows: 1_000);
        var page = folder.File("page.html");
        string[] diff = ["sae", "diff", folder.File("crosscoder"), "--activations-a", folder.File("a.safetensors"), "--activations-b", folder.File("b.safetensors")];

        var run = await Program.RunAsync([.. diff, "--json"]);
        var text = await Program.RunAsync([.. diff, "--html", page, "--top", "2"]);
        var swapped = await Program.RunAsync(["sae", "diff", folder.File("crosscoder"), "--activations-a", folder.File("a.safetensors"), "--activations-b", Path.Combine(SampleMessages.Sample, "base.safetensors")]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var report = JsonDocument.Parse(run.Output).RootElement;
        var only = report.GetProperty("bOnly");
        Assert.Equal(
            [(SomeModels.Gained, "specific"), (SomeModels.Decoupled, "latent-decoupling"), (SomeModels.Shrunk, "complete-shrinkage"), (SomeModels.Rare, "unknown")],
            only.GetProperty("latents").EnumerateArray().Select(latent => (latent.GetProperty("latent").GetInt32(), latent.GetProperty("origin").GetString())));
        Assert.Equal((4, 1, 1, 1, 1), (Count(only, "count"), Count(only, "specific"), Count(only, "completeShrinkage"), Count(only, "latentDecoupling"), Count(only, "unknown")));
        var lost = report.GetProperty("aOnly").GetProperty("latents")[0];
        Assert.Equal((SomeModels.Lost, "specific"), (lost.GetProperty("latent").GetInt32(), lost.GetProperty("origin").GetString()));
        // β on both sides, A's first whoever has it.
        Assert.InRange(lost.GetProperty("betaError").GetProperty("a").GetDouble(), 0.9, 1.1);
        Assert.InRange(lost.GetProperty("betaError").GetProperty("b").GetDouble(), -0.1, 0.1);
        Assert.Equal((1, 1, 1_000), (Count(report, "shared"), Count(report, "dead"), Count(report, "rows")));
        Assert.Contains("B's own 1; A leaves it over (complete shrinkage) 1; A has it in other latents (latent decoupling) 1", text.Output, StringComparison.Ordinal);
        Assert.Contains("; the first 2", text.Output, StringComparison.Ordinal);
        var html = await File.ReadAllTextAsync(page, TestContext.Current.CancellationToken);
        Assert.Contains("Relative decoder norm", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
        Assert.Equal(3, swapped.ExitCode);

        static int Count(JsonElement of, string name) => of.GetProperty(name).GetInt32();
    }

    [Theory]
    [InlineData("--truth-model says which model", "--truth-model", "x")]
    [InlineData("--target belongs to rows", "--target", "x")]
    [InlineData("no such file", "--truth", "nowhere")]
    public async Task A_wrong_use_is_explained(string mentions, params string[] options)
    {
        var run = await Program.RunAsync(["sae", "inspect", sample, .. options]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(mentions, run.Error, StringComparison.Ordinal);
    }
}
