using System.Collections.Immutable;
using DriftWatch.Alerts;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Windows;
using DriftWatch.Ingest.Kafka;
using DriftWatch.Ingest.Spool;

namespace DriftWatch.Daemon.Configuration;

/// <summary>The operator's files → settings of this process and the catalog, or every problem with them at once.</summary>
/// <remarks>
/// <c>--config</c> is one YAML file, or a folder of them (a GitOps repository) that are read as one: lists are put together, every other key stands in one file only.
/// Relative paths start at the file that names them.
/// </remarks>
public sealed class ConfigurationFile
{
    private const long BaselineRows = 50_000;
    private const long BaselineCanaryRows = 5_000;
    private const string OwnIsUseless = "names a dictionary of the model's own, which only a transform of kind feature-map uses; others bring activations to the space's. Leave it out, or use a feature-map.";

    private readonly Problems problems = new();
    private readonly List<YamlSection> files = [];

    private ConfigurationFile()
    {
    }

    /// <exception cref="ConfigurationException">All problems.</exception>
    public static (DaemonSettings Settings, Catalog Catalog) Load(string path)
    {
        var file = new ConfigurationFile();
        file.Open(path);
        if (file.problems.All.Count > 0) throw new ConfigurationException(file.problems.All);
        var settings = file.ReadSettings();
        var catalog = file.ReadCatalog(settings);
        foreach (var section in file.files) section.RefuseUnknown();
        return file.problems.All.Count == 0 ? (settings, catalog) : throw new ConfigurationException(file.problems.All);
    }

    private void Open(string path)
    {
        if (Directory.Exists(path))
        {
            var yaml = Directory.EnumerateFiles(path).Where(name => Path.GetExtension(name) is ".yaml" or ".yml").Order(StringComparer.Ordinal).ToArray();
            if (yaml.Length == 0) problems.Add($"{path}: the folder holds no .yaml file.");
            files.AddRange(yaml.Select(name => YamlSection.Load(name, problems)).OfType<YamlSection>());
        }
        else if (File.Exists(path)) files.AddRange(new[] { YamlSection.Load(path, problems) }.OfType<YamlSection>());
        else problems.Add($"{path}: no such file or folder.");
    }

    private IEnumerable<YamlSection> All(string key) => files.SelectMany(file => file.Sections(key)).ToArray();

    /// <summary>The one file that has this key, or the first if none has.</summary>
    private YamlSection FileWith(string key)
    {
        var having = files.Where(file => file.Has(key)).ToArray();
        foreach (var again in having.Skip(1)) again.Problem(key, "stands in another file already. Keep one.");
        return having.FirstOrDefault() ?? files[0];
    }

    /// <summary>Each at its own line: a problem begins with the setting's path, as the operator writes it (windows.rows is …).</summary>
    private static void Add(YamlSection section, IEnumerable<string> found)
    {
        foreach (var problem in found) section.ProblemAt(problem.Split(' ')[0].Split('.').AsSpan(1), problem);
    }

    private DaemonSettings ReadSettings()
    {
        var defaults = new DaemonSettings();
        var settings = defaults with
        {
            Log = StoreAddress(FileWith("log"), "log") ?? "sqlite:" + Path.Combine(FileWith("log").Folder, defaults.Log["sqlite:".Length..]),
            Projections = StoreAddress(FileWith("projections"), "projections"),
            SampleWindows = FileWith("sampleWindows").Number<int>("sampleWindows", "a whole number of windows") ?? defaults.SampleWindows,
            Encoder = FileWith("encoder").Text("encoder") ?? defaults.Encoder,
            Precision = FileWith("precision").Text("precision") ?? defaults.Precision,
            Threads = FileWith("threads").Number<int>("threads", "a whole number") ?? defaults.Threads,
            MessageBytesMaximum = (int)Math.Min(1 << 30, FileWith("messageBytesMaximum").Bytes("messageBytesMaximum") ?? defaults.MessageBytesMaximum),
            Role = FileWith("role").Text("role") ?? defaults.Role,
            ShutdownWithin = FileWith("shutdownWithin").Duration("shutdownWithin") ?? defaults.ShutdownWithin,
            Kafka = ReadKafka(FileWith("kafka").Section("kafka")),
            Spool = ReadSpool(FileWith("spool")),
            Http = HttpReader.Read(FileWith("http").Section("http")),
        };
        foreach (var problem in settings.Problems())
        {
            // A problem begins with the setting's path, as the operator writes it: kafka.bytesInFlight is …
            var setting = problem.Split(' ')[0].Split('.');
            (files.Find(file => file.Has(setting[0])) ?? files[0]).ProblemAt(setting, problem);
        }
        return settings;
    }

    /// <summary>Of a store; a file's path starts at the configuration that names it.</summary>
    private static string? StoreAddress(YamlSection file, string key)
    {
        if (file.Text(key) is not { } address) return null;
        if (address.StartsWith("sqlite:", StringComparison.Ordinal)) return "sqlite:" + Path.Combine(file.Folder, address["sqlite:".Length..]);
        // A password may hold what an address uses itself: it is escaped where a user, a password or an option stands.
        var (user, option) = (address.LastIndexOf('@') + 1, address.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? mark : address.Length);
        return file.Expanded(key, address[..user], Uri.EscapeDataString) + file.Expanded(key, address[user..Math.Max(user, option)]) + file.Expanded(key, address[Math.Max(user, option)..], Uri.EscapeDataString);
    }

    private static KafkaOptions? ReadKafka(YamlSection? kafka)
    {
        if (kafka is null) return null;
        var defaults = new KafkaOptions();
        var options = new KafkaOptions
        {
            Topic = kafka.Text("topic") ?? defaults.Topic,
            RejectedTopic = kafka.Text("rejectedTopic") ?? defaults.RejectedTopic,
            AlertsTopic = kafka.Text("alertsTopic") ?? defaults.AlertsTopic,
            Group = kafka.Text("group") ?? defaults.Group,
            Start = kafka.Text("start") ?? defaults.Start,
            BytesInFlight = kafka.Bytes("bytesInFlight") ?? defaults.BytesInFlight,
            Settings = kafka.Section("settings")?.Texts() ?? [],
        };
        kafka.RefuseUnknown();
        return options;
    }

    private static SpoolOptions ReadSpool(YamlSection file)
    {
        var defaults = new SpoolOptions();
        var spool = file.Section("spool");
        var options = new SpoolOptions
        {
            Path = Path.Combine(file.Folder, spool?.Text("path") ?? defaults.Path),
            BytesMaximum = spool?.Bytes("bytesMaximum") ?? defaults.BytesMaximum,
        };
        spool?.RefuseUnknown();
        return options;
    }

    private Catalog ReadCatalog(DaemonSettings settings)
    {
        var windows = ReadWindows(FileWith("windows"));
        var detection = ReadDetection(FileWith("detection"));
        var spaces = ReadSpaces(settings);
        var hazards = ReadHazards(spaces);
        var models = ReadModels(settings, spaces, hazards, windows, detection);
        return new(Task.Run(() => CatalogContent.Of(spaces.Values, models, windows, detection)), models);
    }

    private WindowOptions ReadWindows(YamlSection file)
    {
        var defaults = new WindowOptions();
        if (file.Section("windows") is not { } section) return defaults;
        var options = new WindowOptions
        {
            Rows = section.Number<int>("rows", "a whole number of rows") ?? defaults.Rows,
            Length = section.Duration("length") ?? defaults.Length,
            SampleSequences = section.Number<int>("sampleSequences", "a whole number") ?? defaults.SampleSequences,
            OutlierNorm = section.Number<double>("outlierNorm", "a factor, as in 10") ?? defaults.OutlierNorm,
        };
        section.RefuseUnknown();
        Add(section, options.Problems());
        return options;
    }

    private static char? ReadGrade(YamlSection section)
    {
        if (section.Text("minimumGrade") is not { } text) return null;
        if (text is [>= 'A' and <= 'F' and var grade]) return grade;
        section.Problem("minimumGrade", $"is '{text}'. Use a grade from A to F; E believes every map that is better than none.");
        return null;
    }

    private DetectionOptions ReadDetection(YamlSection file)
    {
        var defaults = new DetectionOptions();
        if (file.Section("detection") is not { } section) return defaults;
        var runTime = defaults.RunTime;
        if (section.Text("runTime") is { } text && !RunTime.TryParse(text, out runTime)) section.Problem("runTime", $"is '{text}'. Use windows or days, as in '1000 windows' or '90 days'.");
        var options = new DetectionOptions
        {
            RunTime = runTime,
            FalseDiscoveryRate = section.Number<double>("falseDiscoveryRate", "a share, as in 0.01") ?? defaults.FalseDiscoveryRate,
            RateRatio = section.Number<double>("rateRatio", "a factor, as in 1.5") ?? defaults.RateRatio,
            FeaturesShare = section.Number<double>("featuresShare", "a share, as in 0.05") ?? defaults.FeaturesShare,
            AppearanceShare = section.Number<double>("appearanceShare", "a share, as in 0.02") ?? defaults.AppearanceShare,
            SequencesMinimum = section.Number<int>("sequencesMinimum", "a whole number") ?? defaults.SequencesMinimum,
            FvuRatio = section.Number<double>("fvuRatio", "a factor, as in 1.15") ?? defaults.FvuRatio,
            L0Ratio = section.Number<double>("l0Ratio", "a factor, as in 1.1") ?? defaults.L0Ratio,
            MeanShift = section.Number<double>("meanShift", "standard deviations, as in 0.2") ?? defaults.MeanShift,
            CovarianceRatio = section.Number<double>("covarianceRatio", "a factor, as in 1.5") ?? defaults.CovarianceRatio,
            MagnitudeOctaves = section.Number<double>("magnitudeOctaves", "octaves, as in 0.25") ?? defaults.MagnitudeOctaves,
            MapLoss = section.Number<double>("mapLoss", "a share, as in 0.25") ?? defaults.MapLoss,
            MinimumGrade = ReadGrade(section) ?? defaults.MinimumGrade,
            RaiseAfter = section.Number<int>("raiseAfter", "a whole number of windows") ?? defaults.RaiseAfter,
            EndAfter = section.Number<int>("endAfter", "a whole number of windows") ?? defaults.EndAfter,
        };
        section.RefuseUnknown();
        Add(section, options.Problems());
        return options;
    }

    private SortedDictionary<string, CanonicalSpace> ReadSpaces(DaemonSettings settings)
    {
        var spaces = new SortedDictionary<string, CanonicalSpace>(StringComparer.Ordinal);
        foreach (var section in All("spaces"))
        {
            var id = section.Required("id", "my-model/v1");
            var sae = section.Required("sae", "saes/base-batchtopk");
            var hints = ReadHints(section);
            var labels = section.Text("labels");
            section.RefuseUnknown();
            if (spaces.ContainsKey(id)) section.Problem("id", $"is '{id}', which another space has already.");
            if (sae.Length == 0 || id.Length == 0) continue;
            if (ReadEncoder(section, sae, hints, settings) is { } encoder) spaces[id] = new(id, encoder, ReadLabels(section, labels, encoder.Dictionary.Features));
        }
        if (!All("spaces").Any()) files[0].Problem("spaces is missing: name the reference dictionary, as in '- id: my-model/v1' with 'sae: FOLDER'.");
        return spaces;
    }

    private static DictionaryHints ReadHints(YamlSection section) =>
        new(section.Number<float>("inputScale", "a number, √d over the mean norm in training"), section.Number<int>("k", "a whole number"));

    private static IEncoder? ReadEncoder(YamlSection section, string sae, DictionaryHints hints, DaemonSettings settings)
    {
        try
        {
            var dictionary = DictionaryReader.Read(new DirectoryFiles(Path.Combine(section.Folder, sae)), hints);
            if (dictionary.Heads == 1) return settings.EncoderChoice.For(dictionary);
            section.Problem("sae", $"is a crosscoder of {dictionary.Heads} models, and a message holds the activations of one. Name a dictionary of one model.");
            return null;
        }
        catch (Exception error) when (error is MalformedException or IOException or UnauthorizedAccessException or GpuException)
        {
            section.Problem("sae", $"cannot be used: {error.Message}");
            return null;
        }
    }

    private FeatureLabels ReadLabels(YamlSection section, string? labels, int features)
    {
        if (labels is null) return FeatureLabels.None;
        var path = Path.Combine(section.Folder, labels);
        if (!File.Exists(path))
        {
            section.Problem("labels", $"names {path}, which does not exist.");
            return FeatureLabels.None;
        }
        using var csv = new StreamReader(path);
        var (read, found) = FeatureLabels.Read(csv, features);
        foreach (var problem in found) problems.Add($"{path}: {problem}.");
        return read;
    }

    private ImmutableArray<ModelPlan> ReadModels(DaemonSettings settings, SortedDictionary<string, CanonicalSpace> spaces, Dictionary<string, List<HazardRule>> hazards, WindowOptions windows, DetectionOptions detection)
    {
        var plans = new List<(YamlSection Section, ModelPlan Plan)>();
        var sections = All("models").ToArray();
        var hookOf = sections.GroupBy(section => section.Text("model") ?? "", StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Select(section => section.Text("hook") ?? "").ToArray(), StringComparer.Ordinal);
        foreach (var section in sections)
        {
            var model = section.Required("model", "acme/support-bot");
            var hook = section.Required("hook", "blocks.12.hook_resid_post");
            var spaceId = section.Required("space", spaces.Keys.FirstOrDefault() ?? "my-model/v1");
            var mapped = MappedAs(section, sections);
            var transformPath = mapped.Text("transform") ?? "identity";
            var sae = mapped.Text("sae");
            var hints = sae is null ? new() : ReadHints(mapped);
            var baseline = ReadBaseline(section, model, hook, hookOf);
            section.RefuseUnknown();
            if (new MonitorId(model, "1", hook).Problem is { } problem && model.Length > 0 && hook.Length > 0) section.Problem("model", $"cannot be used: {problem}.");
            if (plans.Exists(other => other.Plan.Model == model && other.Plan.Hook == hook)) section.Problem("model", $"is {model} at {hook}, which stands in models twice.");
            if (!spaces.TryGetValue(spaceId, out var space))
            {
                // A space that could not be loaded has its own problem already.
                if (spaceId.Length > 0 && !All("spaces").Any(other => other.Text("id") == spaceId)) section.Problem("space", $"is '{spaceId}', which is not among spaces. Use one of: {string.Join(", ", spaces.Keys)}.");
                continue;
            }
            // A dictionary that could not be loaded has its own problem already.
            var own = sae is null ? null : ReadEncoder(mapped, sae, hints, settings);
            if ((sae is not null && own is null) || ReadTransform(mapped, transformPath, hook, space, own) is not { } transform || baseline is null) continue;
            plans.Add((section, new()
            {
                Model = model,
                Hook = hook,
                Space = space,
                Transform = transform,
                Baseline = baseline,
                // In one order whatever the order in the files, as in the hash: findings are stored in it.
                Hazards = [.. hazards.GetValueOrDefault(spaceId, []).OrderBy(hazard => hazard.Id, StringComparer.Ordinal)],
                Windows = windows,
                Detection = detection,
            }));
        }
        foreach (var (section, plan) in plans)
        {
            if (plans.Find(other => other.Plan.Model == plan.Baseline.From.Model && other.Plan.Hook == plan.Baseline.From.Hook).Plan is not { } from) continue;
            if (from.Space.Id != plan.Space.Id) section.Problem("baseline", $"comes from {plan.Baseline.From}, which is in space {from.Space.Id} and not in {plan.Space.Id}.");
            // What the other model's map does not reach would look new here.
            else if (from.Own is not null && from.Transform.Hash != plan.Transform.Hash)
                section.Problem("baseline", $"comes from {plan.Baseline.From}, which is seen through a feature map: its baseline serves models with the same map only. Use this model's own version, or the reference model's.");
        }
        if (sections.Length == 0) files[0].Problem("models is missing: name what is deployed, as in '- model: acme/support-bot' with hook, space and baseline.");
        return [.. plans.Select(entry => entry.Plan)];
    }

    /// <summary>The model whose map is used: its own, or that of the nearest one that it was fine-tuned from (<c>base</c>) until it has its own.</summary>
    private static YamlSection MappedAs(YamlSection section, YamlSection[] sections)
    {
        var lineage = new List<YamlSection> { section };
        while (lineage[^1].Text("base") is { } name)
        {
            var named = sections.Where(other => other.Text("model") == name).ToArray();
            var found = Array.Find(named, other => other.Text("hook") == section.Text("hook")) ?? named.FirstOrDefault();
            // Each model says what is wrong with its own line.
            if (found is null && lineage.Count == 1) section.Problem("base", $"is '{name}', which is not among models. Use one of: {string.Join(", ", sections.Select(other => other.Text("model")).Where(other => other != section.Text("model")).Distinct(StringComparer.Ordinal))}.");
            if (found == section) section.Problem("base", $"leads back to {section.Text("model")}: {string.Join(" → ", lineage.Select(model => model.Text("model")))} → {name}. Leave one of them out.");
            if (found is null || lineage.Contains(found)) break;
            lineage.Add(found);
        }
        return lineage.Find(model => model.Has("transform")) ?? section;
    }

    private static BaselineSource? ReadBaseline(YamlSection model, string name, string hook, Dictionary<string, string[]> hookOf)
    {
        if (model.Section("baseline") is not { } section)
        {
            if (!model.Has("baseline")) model.Problem($"models: {name} lacks baseline. Write, say, 'baseline: {{ version: base, rows: 50000 }}'.");
            return null;
        }
        var version = section.Text("version");
        var from = section.Text("from");
        var rows = section.Number<long>("rows", "a whole number of rows") ?? BaselineRows;
        var canaryRows = section.Number<long>("canaryRows", "a whole number of rows") ?? BaselineCanaryRows;
        section.RefuseUnknown();
        if (rows < 1000) section.Problem("rows", $"is {rows}. Use 1000 or more; 50000 is a good start.");
        if (canaryRows < 100) section.Problem("canaryRows", $"is {canaryRows}. Use 100 or more.");
        if (version is null == from is null)
        {
            section.Problem("baseline names its version or from, one of the two: '{ version: base, rows: 50000 }' or '{ from: other-model@version }'.");
            return null;
        }
        if (version is not null) return new(new(name, version, hook), rows, canaryRows);
        if (from!.Split('@') is not [{ Length: > 0 } other, { Length: > 0 } otherVersion])
        {
            section.Problem("from", $"is '{from}'. Use other-model@version.");
            return null;
        }
        if (!hookOf.TryGetValue(other, out var hooks))
        {
            section.Problem("from", $"names the model '{other}', which is not among models. Use one of: {string.Join(", ", hookOf.Keys)}.");
            return null;
        }
        // The same hook where the other model has it, else its only one.
        return new(new(other, otherVersion, hooks.Contains(hook, StringComparer.Ordinal) ? hook : hooks[0]), rows, canaryRows);
    }

    /// <param name="own">The model's own dictionary; null where none is named.</param>
    private static ITransform? ReadTransform(YamlSection section, string transform, string hook, CanonicalSpace space, IEncoder? own)
    {
        if (transform == "identity")
        {
            if (own is not null) section.Problem("sae", OwnIsUseless);
            return new IdentityTransform(space.Dictionary.Width);
        }
        var path = Path.Combine(section.Folder, transform);
        try
        {
            using var file = File.OpenRead(path);
            var read = TransformFile.Read(file, path, own);
            if (own is not null && read is not OwnDictionary) section.Problem("sae", OwnIsUseless);
            if (Misfit(read, hook, space) is not { } misfit) return read;
            section.Problem("transform", $"{path} {misfit}.");
        }
        catch (Exception error) when (error is MalformedException or IOException or UnauthorizedAccessException)
        {
            section.Problem("transform", $"cannot be used: {error.Message}");
        }
        return null;
    }

    /// <summary>Why a map cannot be used here. Another source model is none: a fine-tune may be mapped as its base is.</summary>
    private static string? Misfit(ITransform transform, string hook, CanonicalSpace space)
    {
        if (transform is OwnDictionary { Map.TargetFeatures: var features } && features != space.Dictionary.Features) return $"maps to {features} features, but the dictionary of {space.Id} has {space.Dictionary.Features}";
        if (transform is OwnDictionary { Card.TargetSae: null }) return "does not say which dictionary's features it maps to (target_sae). Learn it again with 'driftwatch transform fit'";
        if (transform is not OwnDictionary && transform.TargetWidth != space.Dictionary.Width) return $"maps to width {transform.TargetWidth}, but the dictionary of {space.Id} takes {space.Dictionary.Width}";
        if (transform.Card?.TargetSae is { } sae && sae != space.Dictionary.Hash) return $"was learned for the dictionary {sae}, but that of {space.Id} is {space.Dictionary.Hash}. Learn it again with --target-sae and this dictionary";
        if (transform.Card?.SourceHook is { } learned && learned != hook) return $"maps from the hook {learned}, but the model is sampled at {hook}. Use the map of that hook";
        return null;
    }

    private Dictionary<string, List<HazardRule>> ReadHazards(SortedDictionary<string, CanonicalSpace> spaces)
    {
        var rules = new Dictionary<string, List<HazardRule>>(StringComparer.Ordinal);
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var section in All("hazards"))
        {
            var id = section.Required("id", "backdoor-hostile");
            if (!ids.Add(id)) section.Problem("id", $"is '{id}', which another hazard has already.");
            var severity = section.Text("severity") ?? "warning";
            if (!Enum.TryParse<Severity>(severity, ignoreCase: true, out var parsed) || int.TryParse(severity, out _)) section.Problem("severity", $"is '{severity}'. Use info, warning or critical.");
            var summary = section.Text("summary") ?? "";
            var minimumSequences = section.Number<int>("minimumSequences", "a whole number") ?? 50;
            var windowsInARow = section.Number<int>("for", "a whole number of windows") ?? 1;
            if (minimumSequences < 1) section.Problem("minimumSequences", $"is {minimumSequences}. Use 1 or more.");
            if (windowsInARow < 1) section.Problem("for", $"is {windowsInARow}. Use 1 or more windows.");
            var spaceId = section.Text("space");
            if (spaceId is null && spaces.Count > 1) section.Problem($"hazards: {id} lacks space, and there are several. Use one of: {string.Join(", ", spaces.Keys)}.");
            else if (spaceId is not null && spaces.Count > 0 && !spaces.ContainsKey(spaceId)) section.Problem("space", $"is '{spaceId}', which is not among spaces. Use one of: {string.Join(", ", spaces.Keys)}.");
            var space = spaceId is null ? spaces.Values.FirstOrDefault() : spaces.GetValueOrDefault(spaceId);
            var when = section.Section("when") is { } condition ? HazardReader.Read(condition, space) : null;
            if (!section.Has("when")) section.Problem($"hazards: {id} lacks when. Write, say, 'when: {{ feature: 812, rateAbove: 0.001 }}'.");
            section.RefuseUnknown();
            if (when is null || space is null) continue;
            if (!rules.TryGetValue(space.Id, out var ofSpace)) rules[space.Id] = ofSpace = [];
            ofSpace.Add(new(id, parsed, summary, when, minimumSequences, windowsInARow));
        }
        return rules;
    }
}

/// <summary>The operator's files cannot be used; one line per problem.</summary>
public sealed class ConfigurationException(IReadOnlyList<string> problems) : Exception(string.Join('\n', problems))
{
    public IReadOnlyList<string> All { get; } = problems;
}
