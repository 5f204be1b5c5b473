using System.Text.Json;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>The program as a person starts it, on models that read one stream of features.</summary>
public sealed class TransformEvaluateTests : IDisposable
{
    private const int Sequences = 400;

    private readonly TempFolder folder = new();
    private readonly SmallFamily family = new(11);

    public TransformEvaluateTests()
    {
        SaeFolder.Write(folder, "sae", family.Reference.Dictionary());
        SaeFolder.Write(folder, "other-sae", family.Rotated.Dictionary());
        foreach (var (name, model) in new[] { ("reference", family.Reference), ("rotated", family.Rotated), ("unrelated", family.Unrelated) })
            folder.Write($"{name}.safetensors", SafetensorsFile.Of(
                new Dictionary<string, string>(StringComparer.Ordinal) { ["model"] = name, ["hook"] = Some.Hook },
                SomeTensor.F32("activations", [Sequences * SmallFamily.SequenceRows, model.Width], family.Rows(model, 5, Sequences)), SomeTensor.I32("sequence_ids", SmallFamily.SequenceOf(Sequences))));
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_map_is_graded_its_file_keeps_the_grade_and_the_page_needs_nothing_else()
    {
        await Fit("rotated");
        var before = await File.ReadAllBytesAsync(folder.File("rotated-map.safetensors"), TestContext.Current.CancellationToken);

        var looked = await Evaluate("rotated", "--json");
        Assert.Equal(before, await File.ReadAllBytesAsync(folder.File("rotated-map.safetensors"), TestContext.Current.CancellationToken));
        var stored = await Evaluate("rotated", "--write", "--html", folder.File("report.html"));

        Assert.True(looked.ExitCode == 0, looked.Error);
        var report = JsonDocument.Parse(looked.Output).RootElement.GetProperty("report");
        Assert.Equal(("A", true, Sequences / 10), (report.GetProperty("grade").GetString(), report.GetProperty("heldOutOnly").GetBoolean(), report.GetProperty("sequences").GetInt32()));
        Assert.Equal(5, report.GetProperty("controls").GetArrayLength());
        Assert.True(stored.ExitCode == 0, stored.Error);
        Assert.Contains("grade A, score", stored.Output, StringComparison.Ordinal);
        using (var file = File.OpenRead(folder.File("rotated-map.safetensors")))
        {
            var map = TransformFile.Read(file, "map");
            var fidelity = JsonDocument.Parse(map.Card!.Fidelity!).RootElement;
            Assert.Equal('A', map.Grade);
            Assert.Equal(9, fidelity.GetProperty("correlation_deciles").GetArrayLength());
            Assert.All(new[] { "r2", "correlation_median", "matched_share", "svcca", "cka", "fvu_native", "fvu_mapped" }, name => Assert.Equal(JsonValueKind.Number, fidelity.GetProperty(name).ValueKind));
        }
        var page = await File.ReadAllTextAsync(folder.File("report.html"), TestContext.Current.CancellationToken);
        Assert.Contains("<svg", page, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme: dark", page, StringComparison.Ordinal);
        Assert.All(new[] { "<script", "http:", "https:", "src=", "@import", "url(" }, other => Assert.DoesNotContain(other, page, StringComparison.OrdinalIgnoreCase));
        // Grading it again finds the same: the grade is no part of what is judged.
        Assert.Equal(looked.Output.Replace("\"written\":false", "", StringComparison.Ordinal), (await Evaluate("rotated", "--json")).Output.Replace("\"written\":false", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_model_that_shares_nothing_is_F()
    {
        await Fit("unrelated");

        var run = await Evaluate("unrelated");

        Assert.Contains("grade F, score 0.00", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_fit_the_map_is_refused_with_what_to_give()
    {
        await Fit("rotated");
        var map = folder.File("rotated-map.safetensors");
        string[] fitting = ["--source", folder.File("rotated.safetensors"), "--target", folder.File("reference.safetensors"), "--sae", folder.File("sae")];
        var cut = folder.Write("cut.safetensors", (await File.ReadAllBytesAsync(map, TestContext.Current.CancellationToken))[..^9]);

        foreach (var (code, sentence, args) in new (int, string, string[])[]
                 {
                     (2, "no such file. Name the transform file", ["nowhere.safetensors", .. fitting]),
                     (2, "--source-sae is for a feature-map", [map, .. fitting, "--source-sae", folder.File("sae")]),
                     (2, "--html: ", [map, .. fitting, "--html", folder.File("nowhere/report.html")]),
                     (3, "was learned for the dictionary", [map, .. fitting[..^1], folder.File("other-sae")]),
                     (3, "was learned for the model 'rotated'; --source is of 'unrelated'", [map, "--source", folder.File("unrelated.safetensors"), .. fitting[2..]]),
                     (3, "cut.safetensors: ", [cut, .. fitting]),
                 })
        {
            var run = await Program.RunAsync(["transform", "evaluate", .. args]);
            Assert.True(run.ExitCode == code && run.Error.Contains(sentence, StringComparison.Ordinal), $"{code} {sentence}: {run.ExitCode} {run.Error}");
        }
    }

    private async Task Fit(string source)
    {
        var run = await Program.RunAsync(
            "transform", "fit", "--kind", "affine", "--source", folder.File($"{source}.safetensors"), "--target", folder.File("reference.safetensors"), "--target-sae", folder.File("sae"), "--out", folder.File($"{source}-map.safetensors"));
        Assert.True(run.ExitCode == 0, run.Error);
    }

    private Task<Program.Ended> Evaluate(string source, params string[] more) => Program.RunAsync(
        ["transform", "evaluate", folder.File($"{source}-map.safetensors"), "--source", folder.File($"{source}.safetensors"), "--target", folder.File("reference.safetensors"), "--sae", folder.File("sae"), .. more]);
}
