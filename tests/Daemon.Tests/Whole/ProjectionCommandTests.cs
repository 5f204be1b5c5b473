using System.Text.Json;
using DriftWatch.Alerts.Projections;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>The history of features, and projections, as a person asks for them, on the sample in the project.</summary>
public sealed class ProjectionCommandTests(AnalysedSample sample) : IClassFixture<AnalysedSample>
{
    private const string Backdoor = "tinystories-260k@backdoor-50%/blocks.2.hook_resid_post";

    [Fact]
    public async Task A_features_history_is_built_from_the_log_and_is_what_an_export_says()
    {
        var log = sample.Log;
        var exported = (await Program.RunAsync(["audit", "export", "--log", log, "--monitor", Backdoor, "--feature", "90", "--format", "csv"])).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var (names, firing) = (exported[0].Split(','), exported[1..].Select(line => line.Split(',')).ToArray());
        var rows = firing.Select(fields => fields[Array.IndexOf(names, "firingRows")]).ToArray();
        Assert.NotEmpty(rows);

        var csv = await Program.RunAsync(["history", "--log", log, "--monitor", Backdoor, "--feature", "90", "--csv"]);
        var json = await Program.RunAsync(["history", "--log", log, "--monitor", Backdoor, "--feature", "90", "--buckets", "1", "--json"]);
        var text = await Program.RunAsync(["history", "--log", log, "--monitor", Backdoor, "--feature", "90"]);

        Assert.Equal((0, 0, 0), (csv.ExitCode, json.ExitCode, text.ExitCode));
        Assert.Equal(rows, csv.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..].Select(line => line.Split(',')[5]));
        var all = JsonDocument.Parse(json.Output).RootElement;
        Assert.Equal((rows.Length, rows.Sum(long.Parse)), (all.GetProperty("windows").GetInt32(), all.GetProperty("points")[0].GetProperty("firingRows").GetInt64()));
        Assert.Contains($"Feature 90 of {Backdoor}: {rows.Length} windows", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_there_is_refused_with_what_is()
    {
        var log = sample.Log;

        foreach (var (args, says) in new (string[], string)[]
        {
            (["--monitor", "a@1/h", "--feature", "1"], $"holds no windows of a@1/h. It has windows of: "),
            (["--monitor", Backdoor, "--feature", "1", "--probe", "canary"], "It has no canary windows at all."),
            (["--monitor", Backdoor, "--feature", "100000"], "--feature is 100000; "),
            (["--monitor", Backdoor, "--feature", "1", "--from", "x"], "--from is 'x'. Use an event time"),
            (["--monitor", Backdoor, "--feature", "1", "--projections", "x"], "--projections: projections is 'x'. Use sqlite:PATH"),
        })
        {
            var run = await Program.RunAsync(["history", "--log", log, .. args]);
            Assert.Equal(2, run.ExitCode);
            Assert.Contains(says, run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Projections_are_made_anew_and_say_how_far_they_are()
    {
        var log = sample.Log;
        var own = sample.Messages.NewLog();
        Assert.Contains("No projections are kept", (await Program.RunAsync(["projections", "status", "--log", log, "--projections", own])).Output, StringComparison.Ordinal);

        var rebuilt = await Program.RunAsync(["projections", "rebuild", "--log", log, "--projections", own, "--config", sample.Messages.Catalog]);
        var status = JsonDocument.Parse((await Program.RunAsync(["projections", "status", "--log", log, "--projections", own, "--json"])).Output).RootElement;

        Assert.Equal((0, ""), (rebuilt.ExitCode, rebuilt.ExitCode == 0 ? "" : rebuilt.Error));
        var projections = status.GetProperty("projections").EnumerateArray().ToArray();
        Assert.Equal([FeatureHistory.Name, RegisterSnapshots.Name], projections[..2].Select(projection => projection.GetProperty("name").GetString()));
        Assert.StartsWith("watch-", Assert.Single(projections[2..]).GetProperty("name").GetString(), StringComparison.Ordinal);
        Assert.All(projections, projection => Assert.Equal(0, projection.GetProperty("behind").GetInt64()));
    }
}

/// <summary>The sample's messages, and the log of them.</summary>
public sealed class AnalysedSample : IAsyncLifetime
{
    public SampleMessages Messages { get; } = new();

    public string Log { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Log = Messages.NewLog();
        await Program.RunAsync(["analyze", Messages.Folder, "--config", Messages.Catalog, "--log", Log]);
    }

    public ValueTask DisposeAsync()
    {
        Messages.Dispose();
        return default;
    }
}
