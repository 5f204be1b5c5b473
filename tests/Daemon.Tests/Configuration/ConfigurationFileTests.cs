using System.Collections.Immutable;
using System.Text;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Windows;
using DriftWatch.Daemon.Configuration;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Configuration;

public sealed class ConfigurationFileTests : IDisposable
{
    /// <summary>The example of design §4.2, with the features that the dictionary here has.</summary>
    private const string Example = """
        spaces:
          - id: tinystories-l3/v1
            sae: saes/base-batchtopk
            labels: labels.csv
        models:
          - model: tinystories-260k
            hook: blocks.2.hook_resid_post
            space: tinystories-l3/v1
            transform: identity
            baseline: { version: base, rows: 50000 }
        hazards:
          - id: backdoor-hostile
            severity: critical
            summary: hostile-text features fire together after a trigger
            when:
              all:
                - together: [12, 9]
                  rateAbove: 0.0005
                  liftAbove: 5
                - not: { feature: 4, rateAbove: 0.2 }
            minimumSequences: 50
            for: 2

        """;

    private readonly TempFolder folder = new();

    public ConfigurationFileTests()
    {
        SaeFolder.Write(folder, "saes/base-batchtopk", Some.Dictionary());
        folder.Write("probe.safetensors", SafetensorsFile.Of(null, SomeTensor.F32("w", [4], 1, 0, -1, 0), SomeTensor.F32("b", [], 0.5f)));
        folder.Write("narrow.safetensors", SafetensorsFile.Of(null, SomeTensor.F32("w", [3], 1, 0, -1)));
        var drift = Enumerable.Range(0, 6).ToImmutableSortedDictionary(feature => feature, feature => feature - 2.5);
        folder.Write("foreign.json", new Fingerprint("elsewhere/v1", new('e', 64), "m@base/h", "m@bad/h", 10, 10, drift).Write());
        var dictionary = DictionaryReader.Read(new DirectoryFiles(folder.File("saes/base-batchtopk")), new(null, null)).Hash;
        folder.Write("bad.json", new Fingerprint("tinystories-l3/v1", dictionary, "m@base/h", "m@bad/h", 10, 10, drift).Write());
        folder.Write("labels.csv", "feature,label,tags,parent\n12,hostile text,danger,\n9,\"shouting, loud\",,\n");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_example_of_the_design_loads()
    {
        var (settings, catalog) = Load(Example);

        var plan = Assert.Single(catalog.Models);
        Assert.Equal(("tinystories-260k", "blocks.2.hook_resid_post", "tinystories-l3/v1"), (plan.Model, plan.Hook, plan.Space.Id));
        Assert.Equal((Some.Width, Some.Features), (plan.Space.Dictionary.Width, plan.Space.Dictionary.Features));
        Assert.Equal("shouting, loud", plan.Space.Labels.Of(9));
        Assert.Equal(new BaselineSource(new("tinystories-260k", "base", "blocks.2.hook_resid_post"), 50_000, 5_000), plan.Baseline);
        var hazard = Assert.Single(plan.Hazards);
        Assert.Equal(("backdoor-hostile", Severity.Critical, 50, 2), (hazard.Id, hazard.Severity, hazard.MinimumSequences, hazard.For));
        var all = Assert.IsType<HazardAll>(hazard.When);
        var together = Assert.IsType<HazardFeatures>(all.Of[0]);
        Assert.Equal(("token:9+12", 0.0005, 5), (together.Set.Key, together.RateAbove, together.LiftAbove));
        Assert.Equal(0.2, Assert.IsType<HazardFeatures>(Assert.IsType<HazardNot>(all.Of[1]).Of).RateAbove);
        Assert.Null(settings.Kafka);
        Assert.Equal("127.0.0.1:8080", settings.Http.Listen);
        Assert.Equal($"sqlite:{folder.File("driftwatch.db")}", settings.Log);
    }

    [Theory]
    [InlineData("role: raeder", "role is 'raeder'. Use watcher (consumes and decides; the default) or reader")]
    [InlineData("role: reader\nlog: 'memory:'", "role is reader, and log is memory:, which no other daemon writes to")]
    [InlineData("role: reader\nhttp: { listen: off }", "role is reader, and http.listen is off: nothing would be left to do")]
    public void A_role_that_cannot_be_played_is_refused(string setting, string because) => Assert.Contains(because, Assert.Single(Problems($"{Example}\n{setting}\n")), StringComparison.Ordinal);

    [Fact]
    public void A_reader_may_have_the_watchers_whole_configuration()
    {
        var (settings, _) = Load($"{Example}\nrole: reader\nkafka: {{ settings: {{ bootstrap.servers: 'kafka:9092' }} }}\n");

        Assert.True(settings.IsReader);
        Assert.False(Load(Example).Settings.IsReader);
    }

    [Fact]
    public void All_problems_are_reported_at_once_each_with_file_line_and_what_to_write()
    {
        var problems = Problems("""
            logg: sqlite:a.db
            windows:
              rows: 5
              length: an hour
              sampleSequences: 5000
            sampleWindows: -1
            spaces:
              - id: s
                sae: saes/base-batchtopk
                lables: labels.csv
            models:
              - model: m
                hook: h
                space: nowhere
                baseline: { version: base }
              - model: n
                space: s
            hazards:
              - id: one
                severity: terrible
                when: { feature: 999, rateAbove: 1.5 }
            """);

        AssertProblems(
            [
                "1: 'logg' is not a setting. Did you mean 'log'?",
                "3: windows.rows is 5. Use 100 or more",
                "4: windows.length is 'an hour'. Use hours:minutes:seconds",
                "5: windows.sampleSequences is 5000. Use 0 (none are kept) to 4096",
                "6: sampleWindows is -1. Use 0 to 1000000",
                "10: 'spaces[0].lables' is not a setting. Did you mean 'labels'?",
                "14: models[0].space is 'nowhere', which is not among spaces. Use one of: s.",
                "16: models: n lacks baseline. Write, say, 'baseline: { version: base, rows: 50000 }'.",
                "16: models[1] lacks hook. Write, say, 'hook: blocks.12.hook_resid_post'.",
                "20: hazards[0].severity is 'terrible'. Use info, warning or critical.",
                "21: hazards[0].when.feature names feature 999; s has features 0 to 15.",
                "21: hazards[0].when.rateAbove is above 1.",
            ],
            problems);
    }

    [Theory]
    [InlineData("kafak:\n  topic: x\n", "1: 'kafak' is not a setting. Did you mean 'kafka'?")]
    [InlineData("http:\n  listne: off\n", "2: 'http.listne' is not a setting. Did you mean 'listen'?")]
    [InlineData("detection:\n  raiseafter: 3\n", "2: 'detection.raiseafter' is not a setting. Did you mean 'raiseAfter'?")]
    [InlineData("spool:\n  bytesMaximun: 1GiB\n", "2: 'spool.bytesMaximun' is not a setting. Did you mean 'bytesMaximum'?")]
    [InlineData("windows:\n  banana: 3\n", "2: 'windows.banana' is not a setting. Known here: length, outlierNorm, rows, sampleSequences.")]
    public void Unknown_keys_are_refused_with_the_nearest_that_is_known(string text, string expected) => AssertProblems([expected], Problems(text + Example));

    [Theory]
    [InlineData("feature: 16, rateAbove: 0.1", "feature 16; tinystories-l3/v1 has features 0 to 15")]
    [InlineData("feature: -1, rateAbove: 0.1", "feature -1; tinystories-l3/v1 has features 0 to 15")]
    [InlineData("together: [3, 4711], rateAbove: 0.1", "feature 4711")]
    [InlineData("together: [3, 3], rateAbove: 0.1", "fewer than two features")]
    [InlineData("together: [3, x], rateAbove: 0.1", "should be a list of feature numbers")]
    [InlineData("together: 3, rateAbove: 0.1", "should be a list of feature numbers")]
    [InlineData("feature: 3", "lacks a limit")]
    [InlineData("feature: 3, rateAbove: lots", "is 'lots'. Use a share of rows")]
    [InlineData("feature: 3, rateAbove: -1", "is -1. Use a share of rows")]
    [InlineData("feature: 3, rateAbove: NaN", "is 'NaN'. Use a share of rows")]
    [InlineData("feature: 3, rateAbove: 0.1, within: prompt", "'prompt'. Use token or sequence")]
    [InlineData("feature: 3, together: [1, 2], rateAbove: 0.1", "here are feature and together")]
    [InlineData("rateAbove: 0.1", "here is none")]
    [InlineData("feature: 3, without: [3, 4], liftAbove: 2", "without names feature 3, which feature names too")]
    [InlineData("together: [3, 4], without: [5, 4], liftAbove: 2", "without names feature 4, which together names too")]
    [InlineData("feature: 3, without: [16], liftAbove: 2", "without names feature 16; tinystories-l3/v1 has features 0 to 15")]
    [InlineData("feature: 3, without: 4, liftAbove: 2", "without should be a list of feature numbers")]
    [InlineData("feature: 3, without: [], liftAbove: 2", "without names no feature")]
    [InlineData("together: [3, 4], magnitudeAbove: 2", "magnitudeAbove is about one feature by itself")]
    [InlineData("feature: 3, without: [4], magnitudeLiftBelow: 2", "magnitudeLiftBelow is about one feature by itself")]
    [InlineData("feature: 3, within: sequence, magnitudeBelow: 2", "magnitudeBelow is about one feature by itself")]
    [InlineData("feature: 3, magnitudeAbove: -2", "is -2. Use a mean activation")]
    [InlineData("direction: none.safetensors, scoreAbove: 1, rateAbove: 0.1", "direction cannot be used: Could not find")]
    [InlineData("direction: labels.csv, scoreAbove: 1, rateAbove: 0.1", "direction cannot be used: ")]
    [InlineData("direction: probe.safetensors, scoreAbove: 1", "direction lacks a limit. Add rateAbove, liftAbove")]
    [InlineData("direction: probe.safetensors, rateAbove: 0.1", "direction takes one threshold. Use scoreAbove")]
    [InlineData("direction: probe.safetensors, scoreAbove: 1, aboveQuantile: 0.9, rateAbove: 0.1", "direction takes one threshold")]
    [InlineData("direction: probe.safetensors, aboveQuantile: 99.9, rateAbove: 0.1", "aboveQuantile is 99.9. Use 0.5 to 0.99999")]
    [InlineData("direction: probe.safetensors, aggregate: sum, scoreAbove: 1, rateAbove: 0.1", "aggregate is 'sum'. Use max, mean or rolling")]
    [InlineData("direction: probe.safetensors, rows: 4, scoreAbove: 1, rateAbove: 0.1", "rows is the length of a rolling mean. Add 'aggregate: rolling'")]
    [InlineData("direction: probe.safetensors, aggregate: rolling, rows: 1, scoreAbove: 1, rateAbove: 0.1", "rows is 1. Use 2 to 1024")]
    [InlineData("direction: narrow.safetensors, scoreAbove: 1, rateAbove: 0.1", "narrow.safetensors is a probe of width 3, but tinystories-l3/v1 has width 4")]
    [InlineData("fingerprint: bad.json", "fingerprint lacks cosineAbove. Write, say, 'cosineAbove: 0.3'")]
    [InlineData("fingerprint: bad.json, cosineAbove: 1", "cosineAbove is 1. Use 0 up to 1")]
    [InlineData("fingerprint: bad.json, cosineAbove: 0.3, pBelow: 0", "pBelow is 0. Use 1E-05 to 0.5")]
    [InlineData("fingerprint: labels.csv, cosineAbove: 0.3", "it is no fingerprint")]
    [InlineData("fingerprint: none.json, cosineAbove: 0.3", "fingerprint cannot be used: Could not find")]
    [InlineData("fingerprint: foreign.json, cosineAbove: 0.3", "foreign.json was made with another dictionary (eeeeeeeeeeee…, space elsewhere/v1) than that of tinystories-l3/v1")]
    [InlineData("fingerprint: bad.json, cosineAbove: 0.3, rateAbove: 0.1", "rateAbove' is not a setting")]
    [InlineData("direction: probe.safetensors, scoreAbove: 1, rateAbove: 0.1, without: [3]", "without' is not a setting")]
    [InlineData("all: []", "is empty. List one condition or more")]
    [InlineData("any: { feature: 3 }", "should be a list: each entry begins with '- '")]
    [InlineData("not: 3", "should hold keys of its own")]
    public void A_condition_that_means_nothing_is_refused(string when, string because)
    {
        var line = Example.Split('\n').Length;
        var problems = Problems(Example + $"  - id: another\n    when: {{ {when} }}\n");

        Assert.Contains(problems, problem => problem.Contains(because, StringComparison.Ordinal) && problem.Contains($":{line + 1}:", StringComparison.Ordinal));
    }

    [Fact]
    public void The_whole_language_of_rules_is_read()
    {
        var (_, catalog) = Load(Example + """
              - id: another
                when:
                  any:
                    - { together: [3, 1], without: [7, 5], within: sequence, liftAbove: 2 }
                    - { feature: 3, magnitudeAbove: 1, magnitudeBelow: 2, magnitudeLiftAbove: 3, magnitudeLiftBelow: 4 }
                    - { direction: probe.safetensors, aggregate: rolling, rows: 4, scoreAbove: -1.5, rateAbove: 0.1 }
                    - { direction: probe.safetensors, aboveQuantile: 0.999, liftAbove: 4 }
                    - { fingerprint: bad.json, cosineAbove: 0.25, pBelow: 0.01 }

            """);

        var plan = Assert.Single(catalog.Models);
        var parts = Assert.IsType<HazardAny>(plan.Hazards.Single(hazard => hazard.Id == "another").When).Of;
        Assert.Equal("sequence:1+3-5-7", Assert.IsType<HazardFeatures>(parts[0]).Set.Key);
        Assert.Equal(new(1, 2, 3, 4), Assert.IsType<HazardFeatures>(parts[1]).Magnitude);
        var rolling = Assert.IsType<HazardDirection>(parts[2]);
        Assert.Equal((Aggregation.Rolling, 4, 0.5, -1.5, 0.1), (rolling.Direction.Aggregation, rolling.Direction.RollingRows, rolling.Direction.Bias, rolling.ScoreAbove, rolling.RateAbove));
        var quantile = Assert.IsType<HazardDirection>(parts[3]);
        Assert.Equal((Aggregation.Mean, null, 0.999, 4), (quantile.Direction.Aggregation, quantile.ScoreAbove, quantile.AboveQuantile, quantile.LiftAbove));
        var fingerprint = Assert.IsType<HazardFingerprint>(parts[4]);
        Assert.Equal(("m@bad/h", 0.25, 0.01), (fingerprint.Fingerprint.To, fingerprint.CosineAbove, fingerprint.PBelow));
        Assert.Equal(["sequence:1+3-5-7", "token:9+12"], plan.Sets.Select(set => set.Key));
        Assert.Equal(2, plan.Directions.Length);
        // What decides findings is in the catalog's content, the probe's numbers too.
        folder.Write("probe.safetensors", SafetensorsFile.Of(null, SomeTensor.F32("w", [4], 1, 0, -1, 1)));
        Assert.NotEqual(catalog.Hash, ConfigurationFile.Load(folder.File("driftwatch.yaml")).Catalog.Hash);
    }

    [Fact]
    public void A_map_of_another_dictionary_hook_or_width_is_refused_with_what_was_expected_and_one_of_another_model_is_not()
    {
        string With(TransformCard card, int width = 4)
        {
            using var file = new MemoryStream();
            TransformFile.Write(file, card, [new("A", [2, width], new float[2 * width]), new("b", [width], new float[width])]);
            folder.Write("map.safetensors", file.ToArray());
            return Example.Replace("transform: identity", "transform: map.safetensors", StringComparison.Ordinal);
        }
        var dictionary = DictionaryReader.Read(new DirectoryFiles(folder.File("saes/base-batchtopk")), new(null, null)).Hash;
        var fitting = new TransformCard("affine") { SourceModel = "its-base", SourceHook = "blocks.2.hook_resid_post", TargetSae = dictionary };

        Assert.Equal("its-base", Load(With(fitting)).Catalog.Models[0].Transform.Card!.SourceModel);
        Assert.Contains($"was learned for the dictionary {new string('a', 64)}, but that of tinystories-l3/v1 is {dictionary}", Assert.Single(Problems(With(fitting with { TargetSae = new('a', 64) }))), StringComparison.Ordinal);
        Assert.Contains("maps from the hook blocks.1, but the model is sampled at blocks.2.hook_resid_post", Assert.Single(Problems(With(fitting with { SourceHook = "blocks.1" }))), StringComparison.Ordinal);
        Assert.Contains("maps to width 3, but the dictionary of tinystories-l3/v1 takes 4", Assert.Single(Problems(With(fitting, width: 3))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_fine_tune_is_mapped_as_its_base_until_it_has_a_map_of_its_own()
    {
        using (var file = new MemoryStream())
        {
            TransformFile.Write(file, new("affine") { Grade = 'C' }, [new("A", [2, 4], new float[8]), new("b", [4], new float[4])]);
            folder.Write("map.safetensors", file.ToArray());
        }
        string Models(string bases) => $$"""
            spaces:
              - { id: s, sae: saes/base-batchtopk }
            models:
              - { model: small, hook: h, space: s, transform: map.safetensors, baseline: { version: "1" } }
              - { model: tuned, hook: h, space: s, base: small, baseline: { version: "1" } }
              - { model: tuned-twice, hook: h, space: s, base: tuned, baseline: { version: "1" } }
              - { model: own, hook: h, space: s, base: small, transform: identity, baseline: { version: "1" } }
            {{bases}}
            detection: { minimumGrade: C, mapLoss: 0.5 }
            """;

        var models = Load(Models("")).Catalog.Models.ToDictionary(plan => plan.Model);

        Assert.Equal([2, 2, 2], new[] { "small", "tuned", "tuned-twice" }.Select(name => models[name].Transform.SourceWidth));
        Assert.Equal(models["small"].Transform.Hash, models["tuned-twice"].Transform.Hash);
        Assert.Equal("identity", models["own"].Transform.Hash);
        Assert.Equal(('C', 0.5), (models["own"].Detection.MinimumGrade, models["own"].Detection.MapLoss));
        AssertProblems(
            [
                "8: models[4].base is 'smal', which is not among models. Use one of: small, tuned, tuned-twice, own, a, b.",
                "9: models[5].base leads back to a: a → b → a. Leave one of them out.",
                "10: models[6].base leads back to b: b → a → b. Leave one of them out.",
            ],
            Problems(Models("""
                  - { model: x, hook: h, space: s, base: smal, baseline: { version: "1" } }
                  - { model: a, hook: h, space: s, base: b, baseline: { version: "1" } }
                  - { model: b, hook: h, space: s, base: a, baseline: { version: "1" } }
                """)));
        Assert.Contains("minimumGrade is 'G'. Use a grade from A to F", Assert.Single(Problems(Models("").Replace("minimumGrade: C", "minimumGrade: G", StringComparison.Ordinal))), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_are_refused_with_where_they_were_looked_for()
    {
        var problems = Problems(Example
            .Replace("labels.csv", "nolabels.csv", StringComparison.Ordinal)
            .Replace("transform: identity", "transform: maps/none.safetensors", StringComparison.Ordinal)
            + "http: { listen: '127.0.0.1:0', tokens: notokens }\n");

        Assert.Contains(problems, problem => problem.Contains($":4: spaces[0].labels names {folder.File("nolabels.csv")}, which does not exist", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains(":9: models[0].transform cannot be used", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains($"http.tokens cannot be used: {folder.File("notokens")} does not exist", StringComparison.Ordinal));
        Assert.Equal(3, problems.Count);
        Assert.Contains(":3: spaces[0].sae cannot be used", Assert.Single(Problems(Example.Replace("saes/base-batchtopk", "saes/none", StringComparison.Ordinal))));
    }

    [Fact]
    public void Labels_with_mistakes_are_refused_by_their_own_lines()
    {
        folder.Write("labels.csv", "feature,label\n3,three\n16,outside\n3,again\nx,y\n5,a,b,c\n");

        var problems = Problems(Example);

        Assert.Equal(4, problems.Count);
        foreach (var line in new[] { 3, 4, 5, 6 }) Assert.Contains(problems, problem => problem.StartsWith($"{folder.File("labels.csv")}: line {line}:", StringComparison.Ordinal));
    }

    [Fact]
    public void A_baseline_comes_from_a_version_or_from_another_model()
    {
        var (_, catalog) = Load(Example.Replace("hazards:", """
              - model: small
                hook: blocks.9.hook_resid_post
                space: tinystories-l3/v1
                baseline: { from: tinystories-260k@base, canaryRows: 200 }
            hazards:
            """, StringComparison.Ordinal));

        Assert.Equal(new BaselineSource(new("tinystories-260k", "base", "blocks.2.hook_resid_post"), 50_000, 200), catalog.PlanFor(new("small", "7", "blocks.9.hook_resid_post"))!.Baseline);
    }

    [Theory]
    [InlineData("{ version: base, from: a@b }", "one of the two")]
    [InlineData("{ rows: 50000 }", "one of the two")]
    [InlineData("{ from: nobody@1 }", "'nobody', which is not among models. Use one of: tinystories-260k")]
    [InlineData("{ from: nobody }", "Use other-model@version")]
    [InlineData("{ version: base, rows: 10 }", "is 10. Use 1000 or more")]
    [InlineData("{ version: base, rows: many }", "is 'many'. Use a whole number of rows")]
    [InlineData("base", "should hold keys of its own")]
    public void A_baseline_that_names_nothing_usable_is_refused(string baseline, string because) => Assert.Contains(
        Problems(Example.Replace("{ version: base, rows: 50000 }", baseline, StringComparison.Ordinal)), problem => problem.Contains(because, StringComparison.Ordinal) && problem.Contains(":10:", StringComparison.Ordinal));

    [Fact]
    public void A_folder_is_read_as_one_configuration()
    {
        var cut = Example.IndexOf("hazards:", StringComparison.Ordinal);
        folder.Write("gitops/a.yaml", Example[..cut].Replace("saes/", "../saes/", StringComparison.Ordinal).Replace("labels.csv", "../labels.csv", StringComparison.Ordinal));
        folder.Write("gitops/b.yml", Example[cut..] + "log: sqlite:here.db\n");
        folder.Write("gitops/README.md", "not: [yaml");

        var (settings, catalog) = ConfigurationFile.Load(folder.File("gitops"));

        Assert.Equal(Load(Example).Catalog.Hash, catalog.Hash);
        Assert.Equal($"sqlite:{folder.File("gitops/here.db")}", settings.Log);
    }

    [Fact]
    public void A_key_in_two_files_of_a_folder_is_refused_in_the_second()
    {
        folder.Write("gitops/a.yaml", Example.Replace("saes/", "../saes/", StringComparison.Ordinal).Replace("labels.csv", "../labels.csv", StringComparison.Ordinal) + "log: sqlite:a.db\n");
        folder.Write("gitops/b.yaml", "log: sqlite:b.db\n");

        Assert.Equal([$"{folder.File("gitops/b.yaml")}:1: log stands in another file already. Keep one."], Assert.Throws<ConfigurationException>(() => ConfigurationFile.Load(folder.File("gitops"))).All);
    }

    [Fact]
    public void What_is_no_configuration_at_all_is_refused()
    {
        Directory.CreateDirectory(folder.File("empty"));

        Assert.Contains("no such file or folder", Assert.Single(Assert.Throws<ConfigurationException>(() => ConfigurationFile.Load(folder.File("nowhere"))).All));
        Assert.Contains("holds no .yaml file", Assert.Single(Assert.Throws<ConfigurationException>(() => ConfigurationFile.Load(folder.File("empty"))).All));
        Assert.Contains("not valid YAML", Assert.Single(Problems("a: 1\n\tb: 2\n")));
        Assert.Contains("should be one YAML mapping", Assert.Single(Problems("")));
        Assert.Contains("should be one YAML mapping", Assert.Single(Problems("- a\n")));
        Assert.Contains("not valid YAML", Assert.Single(Problems("log: a\nlog: b\n")));
    }

    [Theory]
    [InlineData("spaces: []\n", "spaces is missing")]
    [InlineData("models: []\n", "models is missing")]
    [InlineData("", "spaces is missing")]
    [InlineData("", "models is missing")]
    public void A_configuration_that_would_watch_nothing_is_refused(string text, string because) =>
        Assert.Contains(Problems(text + "log: sqlite:a.db\n"), problem => problem.Contains(because, StringComparison.Ordinal));

    [Fact]
    public void Secrets_come_from_the_environment_and_an_unset_variable_is_refused()
    {
        const string Kafka = "kafka:\n  settings:\n    bootstrap.servers: 127.0.0.1:1\n    sasl.password: before-${DRIFTWATCH_TEST_SECRET}-after\n";
        Assert.Contains(":4: kafka.settings.sasl.password names the environment variable DRIFTWATCH_TEST_SECRET, which is not set.", Assert.Single(Problems(Kafka + Example)));
        Environment.SetEnvironmentVariable("DRIFTWATCH_TEST_SECRET", "s3cret");
        try
        {
            Assert.Equal("before-s3cret-after", Load(Kafka + Example).Settings.Kafka!.Settings["sasl.password"]);
        }
        finally
        {
            Environment.SetEnvironmentVariable("DRIFTWATCH_TEST_SECRET", null);
        }
    }

    [Theory]
    [InlineData("s3cret\n", "s3cret")]
    [InlineData("s3cret\r\n\n", "s3cret")]
    [InlineData(" s3cret ", " s3cret ")]
    public void Secrets_come_from_files_too_without_the_line_end(string content, string expected)
    {
        folder.Write("secrets/kafka", content);

        Assert.Equal(expected, Load($"{KafkaSecret}{Example}").Settings.Kafka!.Settings["sasl.password"]);
    }

    [Fact]
    public void A_secret_that_is_not_there_is_refused_with_its_file()
    {
        Assert.Contains($":4: kafka.settings.sasl.password names a file that cannot be used: {folder.File("secrets/kafka")} does not exist.", Assert.Single(Problems(KafkaSecret + Example)), StringComparison.Ordinal);
        folder.Write("secrets/kafka", "\n");
        Assert.Contains("names the file secrets/kafka, which is empty", Assert.Single(Problems(KafkaSecret + Example)), StringComparison.Ordinal);
        folder.Write("secrets/kafka", new byte[70_000]);
        Assert.Contains("has more than 65536 bytes", Assert.Single(Problems(KafkaSecret + Example)), StringComparison.Ordinal);
        folder.Write("secrets/kafka", [0xff, 0xfe, 0xff]);
        Assert.Contains("is not text in UTF-8", Assert.Single(Problems(KafkaSecret + Example)), StringComparison.Ordinal);
    }

    private const string KafkaSecret = "kafka:\n  settings:\n    bootstrap.servers: 127.0.0.1:1\n    sasl.password: ${file:secrets/kafka}\n";

    [Theory]
    [InlineData("log: 'postgres://u:${file:pg}@db/x'", "postgres://u:a%2Fb%40c%3Fd%3A%25@db/x")]
    [InlineData("log: 'postgres://u@db/x?password=${file:pg}&timeout=2'", "postgres://u@db/x?password=a%2Fb%40c%3Fd%3A%25&timeout=2")]
    [InlineData("log: 'postgres://u@${file:host}/x'", "postgres://u@db:5432/x")]
    [InlineData("log: '${file:whole}'", "postgres://u:p@db/x")]
    public void The_password_of_the_log_may_hold_what_an_address_uses_itself(string log, string expected)
    {
        folder.Write("pg", "a/b@c?d:%\n");
        folder.Write("host", "db:5432\n");
        folder.Write("whole", "postgres://u:p@db/x\n");

        var settings = Load($"{log}\n{Example}").Settings;

        Assert.Equal(expected, settings.Log);
        Assert.DoesNotContain("a%2Fb", settings.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(":p@", settings.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("log: 'postgress://u:${file:secrets/kafka}@db/x'")]
    [InlineData("log: 'postgres://u:${file:secrets/kafka}@/x'")]
    [InlineData("log: 'postgres://u@db/x?password=${file:secrets/kafka}&bananas=3'")]
    [InlineData("log: 'nothing://u@db/x?sslmode=x&Password=${file:secrets/kafka}'")]
    [InlineData("kafka: { start: now, settings: { group.id: '${file:secrets/kafka}', sasl.password: '${file:secrets/kafka}' } }")]
    public void A_problem_with_a_setting_does_not_show_the_secret_in_it(string line)
    {
        folder.Write("secrets/kafka", "s3cret");

        Assert.DoesNotContain("s3cret", string.Concat(Problems($"{line}\n{Example}")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenFile: token", "'driftwatch token create --name NAME")]
    [InlineData("certificate: c.pem", "http.certificate stands without http.key")]
    [InlineData("key: c.pem", "http.key stands without http.certificate")]
    [InlineData("certificate: c.pem, key: c.pem", "http.certificate cannot be used: FOLDER/c.pem does not exist")]
    [InlineData("connections: 0", "http.connections is 0. Use 1 to 100000")]
    [InlineData("sendRate: 0", "http.sendRate is 0")]
    [InlineData("plainText: yes", "http.plainText is 'yes'. Use true or false")]
    [InlineData("jwt: { authority: 'https://a' }", "http.jwt lacks audience")]
    [InlineData("jwt: { audience: x }", "http.jwt needs authority")]
    [InlineData("jwt: { audience: x, authority: 'https://a', keys: k, issuer: i }", "http.jwt needs authority")]
    [InlineData("jwt: { audience: x, authority: 'http://login.acme.example' }", "Use an https address")]
    [InlineData("jwt: { audience: x, keys: k }", "http.jwt lacks issuer")]
    [InlineData("jwt: { audience: x, keys: k, issuer: i }", "http.jwt.keys cannot be used: FOLDER/k does not exist")]
    [InlineData("jwt: { audience: x, authority: 'https://a', roles: { admin: x } }", "'http.jwt.roles.admin' is not a setting")]
    public void What_the_API_cannot_be_given_is_refused_with_what_to_write(string http, string because) =>
        Assert.Contains(Problems($"http: {{ {http} }}\n{Example}"), problem => problem.Contains(because.Replace("FOLDER/", folder.Path + "/", StringComparison.Ordinal), StringComparison.Ordinal));

    [Theory]
    [InlineData("log: postgres://host\n", "lacks a host or a database")]
#if !PRODUCTION
    [InlineData("log: esdb://host\n", "PROFILE=production")]
#endif
    [InlineData("encoder: tpu\n", "Use auto, cpu or cuda")]
    [InlineData("precision: fp8\n", "Use fp32, tf32 or bf16")]
    [InlineData("precision: bf16\n", "encoder is 'auto', which may end on the processor")]
    [InlineData("encoder: cpu\nprecision: tf32\n", "Use precision: fp32, or encoder: cuda")]
    [InlineData("log: driftwatch.db\n", "Use sqlite:PATH")]
    [InlineData("projections: here.db\n", "projections is 'here.db'. Use sqlite:PATH")]
    [InlineData("projections: sqlite:/nowhere/p.db\n", "the folder /nowhere does not exist")]
    [InlineData("threads: 0\n", "Use 1 or more")]
    [InlineData("threads: 2000000\n", "Use 1 or more")]
    [InlineData("detection: { meanShift: Infinity }\n", "detection.meanShift is 'Infinity'")]
    [InlineData("windows: { outlierNorm: NaN }\n", "windows.outlierNorm is 'NaN'")]
    [InlineData("messageBytesMaximum: 10\n", "Use 1024 or more")]
    [InlineData("messageBytesMaximum: 1MB\n", "as in 67108864 or 64MiB")]
    [InlineData("spool: { bytesMaximum: 1KiB }\n", "Use 1048576 (1 MiB) or more")]
    [InlineData("kafka: { topic: x }\n", "kafka.settings has no bootstrap.servers")]
    [InlineData("kafka: { settings: { bootstrap.servers: x, group.id: y } }\n", "Set kafka.group")]
    [InlineData("kafka: { start: now, settings: { bootstrap.servers: x } }\n", "Use beginning or end")]
    [InlineData("http: { listen: 8080 }\n", "Use address:port")]
    [InlineData("http: { listen: 'localhost:8080' }\n", "Use address:port")]
    public void Settings_that_this_build_cannot_follow_are_refused_with_a_sentence(string text, string because) =>
        Assert.Contains(because, Assert.Single(Problems(text + Example)), StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void A_gpu_that_cannot_be_used_is_refused_once_with_what_to_do()
    {
        Assert.SkipWhen(EncoderChoice.GpuProblem is null, "this machine has a GPU that works");

        var problem = Assert.Single(Problems($"encoder: cuda\nprecision: bf16\n{Example}"));

        Assert.Contains("encoder is 'cuda', and ", problem, StringComparison.Ordinal);
#if PRODUCTION
        Assert.EndsWith("use encoder: cpu.", problem, StringComparison.Ordinal);
#else
        Assert.Contains("PROFILE=production", problem, StringComparison.Ordinal);
#endif
    }

    [Theory]
    [InlineData("0.0.0.0:8080")]
    [InlineData("10.0.0.1:8080")]
    [InlineData("[::]:8080")]
    public void Off_loopback_without_tokens_and_TLS_is_refused(string listen)
    {
        var problems = Problems($"http: {{ listen: '{listen}' }}\n{Example}");
        Assert.Contains("nobody has to say who they are", problems[0], StringComparison.Ordinal);
        Assert.Contains("plain text", Assert.Single(problems.Skip(1)), StringComparison.Ordinal);

        folder.Write("tokens", $"ann viewer sha256:{new string('0', 64)}\n");
        Assert.Contains("http.certificate and http.key", Assert.Single(Problems($"http: {{ listen: '{listen}', tokens: tokens }}\n{Example}")), StringComparison.Ordinal);
        Assert.Equal(listen, Load($"http: {{ listen: '{listen}', tokens: tokens, plainText: true }}\n{Example}").Settings.Http.Listen);
    }

    [Theory]
    [InlineData("127.0.0.1:8080")]
    [InlineData("127.8.0.1:1")]
    [InlineData("[::1]:8080")]
    [InlineData("off")]
    public void On_loopback_and_off_no_token_is_needed(string listen) => Assert.Equal(listen, Load($"http: {{ listen: '{listen}' }}\n{Example}").Settings.Http.Listen);

    [Fact]
    public void The_catalogs_hash_depends_on_what_decides_findings_and_on_nothing_else()
    {
        var hash = Load(Example).Catalog.Hash;
        Assert.Matches("^[0-9a-f]{64}$", hash);

        SaeFolder.Write(folder, "elsewhere/copy", Some.Dictionary());
        File.Copy(folder.File("labels.csv"), folder.File("copy.csv"));
        foreach (var (same, why) in new[]
                 {
                     ("kafka: { topic: other, settings: { bootstrap.servers: x } }\nthreads: 1\nlog: 'memory:'\nhttp: { listen: off }\n" + Example, "settings of this process"),
                     (Example.Replace("saes/base-batchtopk", "elsewhere/copy", StringComparison.Ordinal).Replace("labels.csv", "copy.csv", StringComparison.Ordinal), "paths"),
                     (Reversed(Example), "order of keys"),
                     (Example.Replace("[12, 9]", "[9, 12]", StringComparison.Ordinal), "order of features"),
                     (Example + "# a comment\nwindows: { rows: 20000 }\n", "a default that is written down"),
                     (Example.Replace("0.0005", "5e-4", StringComparison.Ordinal), "another way to write a number"),
                 })
            Assert.True(hash == Load(same).Catalog.Hash, $"the hash changed with {why}");

        foreach (var (old, other) in new[]
                 {
                     ("0.0005", "0.0006"), ("liftAbove: 5", "liftAbove: 6"), ("severity: critical", "severity: warning"), ("for: 2", "for: 3"), ("minimumSequences: 50", "minimumSequences: 51"),
                     ("[12, 9]", "[12, 8]"), ("- not: {", "- all: [{"), ("rows: 50000", "rows: 50001"), ("version: base", "version: b"), ("id: backdoor-hostile", "id: backdoor"),
                     ("rateAbove: 0.2", "rateBelow: 0.2"), ("summary: hostile", "summary: very hostile"), ("model: tinystories-260k", "model: other"),
                 })
        {
            var text = Example.Replace(old, other, StringComparison.Ordinal).Replace("0.2 }", other.StartsWith("- all", StringComparison.Ordinal) ? "0.2 }]" : "0.2 }", StringComparison.Ordinal);
            Assert.True(hash != Load(text).Catalog.Hash, $"the hash did not change with {other}");
        }
        Assert.NotEqual(hash, Load(Example + "windows: { rows: 20001 }\n").Catalog.Hash);
        Assert.NotEqual(hash, Load(Example + "detection: { raiseAfter: 3 }\n").Catalog.Hash);
        SaeFolder.Write(folder, "saes/base-batchtopk", Some.Dictionary() with { EncoderBiasF = [.. Enumerable.Repeat(0.5f, Some.Features)] });
        Assert.NotEqual(hash, Load(Example).Catalog.Hash);
    }

    [Fact]
    public void Catalogs_of_the_same_hash_give_the_same_findings_in_the_same_order()
    {
        const string Second = "  - id: a-second\n    when: { together: [1, 5, 9], rateAbove: 0.001 }\n";
        var one = Load(Example + Second).Catalog;
        var other = Load(Example.Replace("hazards:\n", "hazards:\n" + Second.Replace("[1, 5, 9]", "[9, 1, 5]", StringComparison.Ordinal), StringComparison.Ordinal)).Catalog;
        var summary = Some.Summary(sequences: 60);
        summary = summary with { Sets = summary.Sets.Add("token:1+5+9", new(9, 9, 9, 9)).Add("token:9+12", new(5, 5, 5, 5)) };

        Assert.Equal(one.Hash, other.Hash);
        Assert.Equal(Judged(one, summary), Judged(other, summary));
    }

    private static string Judged(Catalog catalog, WindowSummary summary)
    {
        var plan = catalog.Models[0];
        var window = Some.Judged(0, plan, [], summary: summary).Window;
        var baseline = new Baseline(window.Key, plan.EncodingHash, new('b', 64), summary);
        return Encoding.UTF8.GetString(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
            DriftAnalyzer.Judge(window, plan, baseline, null, new(baseline, sameVersion: true, plan.Detection)).Findings, Alerts.EventJson.Options));
    }

    /// <summary>Top-level sections in the other order.</summary>
    private static string Reversed(string yaml)
    {
        var sections = yaml.Split('\n').Aggregate(new List<string>(), (all, line) =>
        {
            if (line.Length > 0 && line[0] != ' ') all.Add("");
            all[^1] += line + "\n";
            return all;
        });
        sections.Reverse();
        return string.Concat(sections);
    }

    private (DaemonSettings Settings, Catalog Catalog) Load(string yaml) => ConfigurationFile.Load(folder.Write("driftwatch.yaml", yaml));

    private IReadOnlyList<string> Problems(string yaml) => Assert.Throws<ConfigurationException>(() => Load(yaml)).All;

    /// <summary>These problems, by line, and no others; each is spelt out as far as the test cares.</summary>
    private void AssertProblems(string[] expected, IReadOnlyList<string> problems)
    {
        var file = $"{folder.File("driftwatch.yaml")}:";
        Assert.All(problems, problem => Assert.StartsWith(file, problem, StringComparison.Ordinal));
        var found = problems.Select(problem => problem[file.Length..]).OrderBy(problem => int.Parse(problem[..problem.IndexOf(':', StringComparison.Ordinal)])).ThenBy(problem => problem, StringComparer.Ordinal).ToArray();
        Assert.Equal(expected, found.Select((problem, i) => i < expected.Length && problem.StartsWith(expected[i], StringComparison.Ordinal) ? expected[i] : problem));
    }
}
