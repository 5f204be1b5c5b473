using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>A model with a dictionary of its own, from paired rows to alerts: what a rule says of the reference's features is seen in a sibling that no linear map leads to.</summary>
public sealed class FeatureMapTests : IDisposable
{
    private const int FitSequences = 1500, Sequences = 1000;

    /// <summary>True features, which are the reference's latents: rare ones that the bad version fires often, and one that is taken out of the map.</summary>
    private const int Rare = 33, AlsoRare = 37, Unmapped = 2;

    private readonly TempFolder folder = new();
    private readonly SmallFamily family = new(7);

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_hazard_that_is_defined_on_the_reference_is_seen_in_a_sibling_behind_a_feature_map()
    {
        Write();
        var log = $"sqlite:{folder.File("events.db")}";

        var run = await Program.RunAsync("analyze", folder.File("messages"), "--config", folder.File("driftwatch.yaml"), "--log", log, "--json");

        Assert.True(run.ExitCode == 0, run.Error);
        var closed = new List<WindowClosed>();
        var alerts = new List<HazardDetected>();
        using (var opened = EventLogAddress.Open(log, TimeProvider.System))
            await foreach (var stored in opened.Log.ReadAllAsync(0, TestContext.Current.CancellationToken))
            {
                if (EventJson.Read(stored.Data) is WindowClosed window) closed.Add(window);
                if (EventJson.Read(stored.Data) is HazardDetected alert) alerts.Add(alert);
            }
        // The rule fires for the bad version of the sibling, and for nobody else.
        Assert.Equal(("sibling", "bad", "rare-together"), Assert.Single(alerts.Select(alert => (alert.Monitor.Model, alert.Monitor.Version, alert.Hazard))));

        var good = closed.Single(window => window.Monitor is { Model: "sibling", Version: "good" }).Findings.ToDictionary(finding => finding.Detector, StringComparer.Ordinal);
        // Canonical features that the map does not reach are not silent: nothing is known of them.
        Assert.Equal(Verdict.Steady, good["silent-feature"].Verdict);
        Assert.Equal(Verdict.Undecided, good["hazard:protective-gone"].Verdict);
        Assert.Contains($"its feature map reaches no feature {Unmapped} (not mapped)", good["hazard:protective-gone"].Because, StringComparison.Ordinal);
        Assert.Equal(Verdict.Undecided, good["hazard:probed"].Verdict);
        Assert.Contains("behind a feature map there are none", good["hazard:probed"].Because, StringComparison.Ordinal);
        // Nor do activations of another width compare.
        foreach (var detector in new[] { "encoder-fit", "activation-mean-shift", "activation-covariance-shift" })
        {
            Assert.Equal(Verdict.Undecided, good[detector].Verdict);
            Assert.Contains("a dictionary of its own", good[detector].Because, StringComparison.Ordinal);
        }
        var summary = DriftWatch.Analysis.Windows.SummaryCodec.Decode(closed.Single(window => window.Monitor is { Model: "sibling", Version: "good" }).Summary);
        Assert.Equal((SmallFamily.Features, family.Independent.Width), (summary.Features, summary.Width));
        Assert.Equal(summary.Sequences, summary.Score("unmapped").Total);
    }

    [Fact]
    public async Task A_sibling_is_compared_with_the_reference_in_canonical_features()
    {
        Write();
        var log = $"sqlite:{folder.File("events.db")}";
        await Program.RunAsync("analyze", folder.File("messages"), "--config", folder.File("driftwatch.yaml"), "--log", log, "--json");

        var (good, bad) = (await ComparedAsync("reference@base", "sibling@good"), await ComparedAsync("reference@base", "sibling@bad"));
        var changed = await ComparedAsync("sibling@good", "sibling@bad");

        // Of the sibling's two versions, what was made to differ differs most, and next what lies close to it in so few dimensions.
        Assert.Equal([Rare, AlsoRare], Features(changed, "fires-more").Take(2).Select(feature => feature.GetProperty("feature").GetInt32()).Order());
        // What neither side's map reaches fires on neither.
        Assert.Empty(Features(changed, "not-mapped"));
        Assert.Equal(good.GetProperty("notMapped").GetInt32(), changed.GetProperty("notMapped").GetInt32());
        foreach (var report in new[] { good, bad })
        {
            var unseen = Features(report, "not-mapped").Single(feature => feature.GetProperty("feature").GetInt32() == Unmapped);
            Assert.Equal(("b", 0d), (unseen.GetProperty("notReachedBy").GetString(), unseen.GetProperty("rateB").GetDouble()));
            Assert.True(unseen.GetProperty("rateA").GetDouble() > 0.05);
            Assert.Empty(Features(report, "silent"));
            var transform = report.GetProperty("b").GetProperty("transform");
            Assert.Equal(("feature-map", "C"), (transform.GetProperty("kind").GetString(), transform.GetProperty("grade").GetString()));
            Assert.Equal(SmallFamily.Features, transform.GetProperty("reached").GetInt32() + report.GetProperty("notMapped").GetInt32());
            Assert.Contains(report.GetProperty("notes").EnumerateArray(), note => note.GetString()!.StartsWith("A side has a dictionary of its own", StringComparison.Ordinal));
        }

        var paired = await Program.RunAsync("compare", "reference@base", "sibling@good", "--config", folder.File("driftwatch.yaml"), "--log", log, "--paired-a", folder.Path, "--paired-b", folder.Path);
        Assert.Equal((2, true), (paired.ExitCode, paired.Error.Contains("sibling has a dictionary of its own: its canonical features are made of others", StringComparison.Ordinal)));

        async Task<System.Text.Json.JsonElement> ComparedAsync(string a, string b)
        {
            var run = await Program.RunAsync("compare", a, b, "--config", folder.File("driftwatch.yaml"), "--log", log, "--json");
            Assert.True(run.ExitCode == 0, run.Error);
            return System.Text.Json.JsonDocument.Parse(run.Output).RootElement;
        }

        static System.Text.Json.JsonElement[] Features(System.Text.Json.JsonElement report, string change) =>
            [.. report.GetProperty("differences").EnumerateArray().Single(difference => difference.GetProperty("change").GetString() == change).GetProperty("features").EnumerateArray()];
    }

    [Fact]
    public void A_feature_map_needs_the_dictionary_that_it_was_learned_with_and_others_need_none()
    {
        Write();
        var yaml = File.ReadAllText(folder.File("driftwatch.yaml"));

        Assert.NotNull(Assert.Single(ConfigurationFile.Load(folder.File("driftwatch.yaml")).Catalog.Models, plan => plan.Own is not null));
        Refused(yaml.Replace("sae: saes/independent", "", StringComparison.Ordinal), "it maps features of the model's own dictionary, and none is named. Name it with sae");
        Refused(yaml.Replace("sae: saes/independent", "sae: saes/reference", StringComparison.Ordinal), "Use the dictionary that the map was learned with");
        Refused(yaml.Replace("sae: saes/independent", "sae: saes/nowhere", StringComparison.Ordinal), "models[1].sae cannot be used");
        Refused(yaml.Replace("transform: map.safetensors", "transform: identity", StringComparison.Ordinal), "models[1].sae names a dictionary of the model's own, which only a transform of kind feature-map uses");
        Refused(yaml.Replace("- id: family/v1\n    sae: saes/reference", "- id: family/v1\n    sae: saes/independent", StringComparison.Ordinal), "was learned for the dictionary");
        Refused(yaml.Replace("baseline: { version: base, rows: 8000 }", "baseline: { from: sibling@base }", StringComparison.Ordinal), "its baseline serves models with the same map only");
    }

    [Fact]
    public async Task The_command_learns_the_map_and_says_what_it_did_not_match()
    {
        Write();
        Message("source", "sibling", "fit", family.Independent, 1);
        Message("target", "reference", "fit", family.Reference, 1);
        string[] args = ["transform", "fit", "--kind", "feature-map", "--source", folder.File("messages/source.safetensors"), "--target", folder.File("messages/target.safetensors"), "--out", folder.File("learned.safetensors"), "--json"];

        var run = await Program.RunAsync([.. args, "--source-sae", folder.File("saes/independent"), "--target-sae", folder.File("saes/reference")]);

        Assert.True(run.ExitCode == 0, run.Error);
        var said = System.Text.Json.JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(SmallFamily.Features, said.GetProperty("pairs").GetInt32() + said.GetProperty("target").GetProperty("unmatched").GetArrayLength());
        Assert.InRange(said.GetProperty("fidelity").GetProperty("correlation_median").GetDouble(), 0.6, 1);
        // As it was written it is loaded.
        File.Move(folder.File("learned.safetensors"), folder.File("map.safetensors"), overwrite: true);
        var own = ConfigurationFile.Load(folder.File("driftwatch.yaml")).Catalog.Models.Single(plan => plan.Own is not null).Own!;
        Assert.Equal(said.GetProperty("hash").GetString(), own.Hash);
        Assert.Equal(said.GetProperty("pairs").GetInt32(), own.Map.Entries.Count(entry => family.Independent.LatentF[entry.Target] == entry.Source));
        Assert.Equal(("sibling", "reference"), (own.Card.SourceModel, own.Card.TargetModel));

        var without = await Program.RunAsync([.. args, "--source-sae", folder.File("saes/independent")]);
        Assert.Equal(2, without.ExitCode);
        Assert.Contains("--target-sae is missing: a feature-map pairs the features of two dictionaries", without.Error, StringComparison.Ordinal);
        var swapped = await Program.RunAsync([.. args, "--source-sae", folder.File("saes/reference"), "--target-sae", folder.File("saes/independent")]);
        Assert.Equal(3, swapped.ExitCode);
        Assert.Contains("the dictionary of --target-sae takes 32", swapped.Error, StringComparison.Ordinal);
    }

    private void Refused(string yaml, string mentions) =>
        Assert.Contains(Assert.Throws<ConfigurationException>(() => ConfigurationFile.Load(folder.Write("driftwatch.yaml", yaml))).All, problem => problem.Contains(mentions, StringComparison.Ordinal));

    private void Write()
    {
        var (reference, sibling) = (Saved("reference", family.Reference), Saved("independent", family.Independent));
        var pairs = new InMemory(family.Rows(family.Independent, 1, FitSequences), family.Independent.Width, family.Rows(family.Reference, 1, FitSequences), family.Reference.Width);
        var learned = FeatureMapFit.Learn(pairs, new CpuEncoder(sibling, 1), new CpuEncoder(reference, 1));
        FeatureMapEntry[] entries = [.. learned.Map.Entries.Where(entry => entry.Target != Unmapped)];
        using (var file = File.Create(folder.File("map.safetensors")))
            FeatureMapFile.Write(file, learned.Card(sibling, reference) with { Grade = 'C' }, new(sibling.Features, reference.Features, entries, new float[reference.Features]));
        folder.Write("probe.safetensors", SafetensorsFile.Of(null, SomeTensor.F32("w", [family.Reference.Width], family.Reference.DirectionFD[..family.Reference.Width])));
        Message("0", "reference", "base", family.Reference, 2);
        Message("1", "sibling", "good", family.Independent, 3);
        Message("2", "sibling", "bad", family.Independent, 4, (Rare, 0.15), (AlsoRare, 0.15));
        folder.Write("driftwatch.yaml", $$"""
            spaces:
              - id: family/v1
                sae: saes/reference
            models:
              - model: reference
                hook: {{Some.Hook}}
                space: family/v1
                baseline: { version: base, rows: 8000 }
              - model: sibling
                hook: {{Some.Hook}}
                space: family/v1
                transform: map.safetensors
                sae: saes/independent
                baseline: { from: reference@base, rows: 8000 }
            hazards:
              - id: rare-together
                severity: critical
                when: { together: [{{Rare}}, {{AlsoRare}}], within: sequence, rateAbove: 0.3, liftAbove: 3 }
              - id: protective-gone
                when: { feature: {{Unmapped}}, liftBelow: 0.3 }
              - id: probed
                when: { direction: probe.safetensors, scoreAbove: 1, rateAbove: 0.9 }
            windows: { rows: 8000 }

            """);
    }

    private SparseAutoencoder Saved(string name, SomeModel model)
    {
        SaeFolder.Write(folder, $"saes/{name}", model.Dictionary());
        return DictionaryReader.Read(new DirectoryFiles(folder.File($"saes/{name}")), new());
    }

    private void Message(string file, string model, string version, SomeModel rows, int seed, params (int, double)[] rates) => folder.Write($"messages/{file}.safetensors", SafetensorsFile.Of(
        Some.Metadata(new(model, version, Some.Hook)),
        SomeTensor.F32("activations", [Sequences * SmallFamily.SequenceRows, rows.Width], family.Rows(rows, seed, Sequences, rates)),
        SomeTensor.I32("sequence_ids", SmallFamily.SequenceOf(Sequences))));

    private sealed class InMemory(float[] sourceNS, int sourceWidth, float[] targetNT, int targetWidth) : IPairedActivations
    {
        public int SourceWidth => sourceWidth;
        public int TargetWidth => targetWidth;

        public IEnumerable<PairedBlock> Blocks() =>
            [new(sourceNS, targetNT, FitSequences * SmallFamily.SequenceRows, [.. Enumerable.Range(0, FitSequences).Select(sequence => (sequence * SmallFamily.SequenceRows, SmallFamily.SequenceRows))])];
    }
}
