using System.Text.Json;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Daemon.Tests.Whole;

/// <summary>The program as a person starts it, on the sample in the project.</summary>
public sealed class CommandTests : IClassFixture<SampleMessages>
{
    private readonly SampleMessages sample;

    public CommandTests(SampleMessages sample) => this.sample = sample;

    [Fact]
    public async Task Analysing_the_same_files_twice_gives_the_same_log_to_the_byte()
    {
        var (first, second) = (sample.NewLog(), sample.NewLog());

        foreach (var log in new[] { first, second })
            Assert.Equal(0, (await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log, "--json"])).ExitCode);

        Assert.Equal(await Content(first), await Content(second));
    }

    [Fact]
    public async Task Analysing_finds_the_backdoor_and_nothing_else()
    {
        var run = await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", sample.NewLog(), "--json"]);

        var report = JsonDocument.Parse(run.Output).RootElement;
        var alerts = report.GetProperty("alerts").EnumerateArray().Select(alert => (Monitor: alert.GetProperty("monitor").GetString(), Kind: alert.GetProperty("kind").GetString())).ToArray();
        Assert.Contains(("tinystories-260k@backdoor-50%/blocks.2.hook_resid_post", "hazard"), alerts);
        Assert.Contains(("tinystories-260k@backdoor-50%/blocks.2.hook_resid_post", "drift"), alerts);
        Assert.DoesNotContain(alerts, alert => alert.Monitor!.Contains("@base/", StringComparison.Ordinal) || alert.Monitor.Contains("@control/", StringComparison.Ordinal));
        var monitor = report.GetProperty("monitors").EnumerateArray().First();
        foreach (var name in new[] { "monitor", "windows", "rows", "sequences", "fvu", "l0" }) Assert.True(monitor.TryGetProperty(name, out _), name);
        var hazard = report.GetProperty("alerts").EnumerateArray().First(alert => alert.GetProperty("kind").GetString() == "hazard");
        foreach (var name in new[] { "id", "rule", "severity", "attribution", "opened", "ended", "features" }) Assert.True(hazard.TryGetProperty(name, out _), name);
        Assert.True(hazard.GetProperty("opened").GetProperty("window").GetInt64() > 0);
    }

    [Fact]
    public async Task Going_on_with_more_files_gives_the_log_of_all_at_once()
    {
        var (whole, parts) = (sample.NewLog(), sample.NewLog());
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", whole]);
        var files = Directory.GetFiles(sample.Folder).Order(StringComparer.Ordinal).ToArray();

        await Program.RunAsync(["analyze", .. files[..70], "--config", sample.Catalog, "--log", parts]);
        await Program.RunAsync(["analyze", .. files, "--config", sample.Catalog, "--log", parts]);

        Assert.Equal(await Content(whole), await Content(parts));
    }

    [Fact]
    public async Task Windows_that_are_not_judged_are_said_and_not_taken_for_quiet()
    {
        var catalog = Path.Combine(sample.Folder, "..", "blind.yaml");
        await File.WriteAllTextAsync(
            catalog,
            (await File.ReadAllTextAsync(sample.Catalog, TestContext.Current.CancellationToken))
                .Replace("sae: sae", $"sae: {SampleMessages.Sample}/sae", StringComparison.Ordinal)
                .Replace("labels: labels.csv", "", StringComparison.Ordinal)
                .Replace("rows: 3840", "rows: 800", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);

        var run = await Program.RunAsync(["analyze", sample.Folder, "--config", catalog, "--log", sample.NewLog()]);

        Assert.Contains("windows were not judged: too few sequences", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refused_files_are_named_counted_and_end_in_exit_code_3_while_the_others_are_analysed()
    {
        var bad = Path.Combine(sample.Folder, "..", "bad.safetensors");
        await File.WriteAllBytesAsync(bad, [9, 9], TestContext.Current.CancellationToken);

        var run = await Program.RunAsync(["analyze", bad, sample.Folder, "--config", sample.Catalog, "--log", sample.NewLog(), "--json"]);

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("refused (truncated)", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, JsonDocument.Parse(run.Output).RootElement.GetProperty("run").GetProperty("rejected").GetProperty("truncated").GetInt64());
        Assert.NotEmpty(JsonDocument.Parse(run.Output).RootElement.GetProperty("monitors").EnumerateArray());
    }

    [Theory]
    [InlineData("2", "No message files there", "analyze", ".", "--config", "x", "--log", "memory:")]
    [InlineData("2", "no such file or folder", "analyze", "nowhere", "--config", "x", "--log", "memory:")]
#if !PRODUCTION
    [InlineData("2", "PROFILE=production", "analyze", "FOLDER", "--config", "x", "--log", "esdb://localhost:2113")]
#endif
    [InlineData("2", "no such file or folder", "analyze", "FOLDER", "--config", "nowhere.yaml", "--log", "memory:")]
    [InlineData("2", "no such folder", "sae", "inspect", "nowhere")]
    [InlineData("3", "no dictionary that DriftWatch reads", "sae", "inspect", "FOLDER")]
    [InlineData("2", "--to is 'ftp://x'", "send", "FOLDER", "--to", "ftp://x")]
    [InlineData("2", "'--config' is required", "run")]
    [InlineData("2", "no such file. Name the log of a daemon", "hazards", "test", "--config", "CATALOG", "--log", "sqlite:nowhere.db")]
    [InlineData("2", "'base' is no monitor. Use model@version/hook", "hazards", "test", "--config", "CATALOG", "--log", "memory:", "--quiet", "base")]
    [InlineData("2", "holds no window of tinystories-260k@x/h", "hazards", "test", "--config", "CATALOG", "--log", "memory:", "--monitor", "tinystories-260k@x/h")]
    [InlineData("2", "holds no window of tinystories-260k@x/h", "replay", "--config", "CATALOG", "--log", "memory:", "--monitor", "tinystories-260k@x/h")]
    [InlineData("2", "holds no window of tinystories-260k@x/h", "tune", "--config", "CATALOG", "--log", "memory:", "--quiet", "tinystories-260k@x/h")]
    [InlineData("3", "0 quiet windows are too few to rest a threshold on; 30 are needed", "tune", "--config", "CATALOG", "--log", "memory:")]
    [InlineData("2", "the configuration has no model m at h", "fingerprint", "m@a/h", "m@b/h", "--config", "CATALOG", "--log", "memory:", "--out", "x.json")]
    [InlineData("2", "holds no window of tinystories-260k@a/blocks.2.hook_resid_post", "fingerprint", "tinystories-260k@a/blocks.2.hook_resid_post", "tinystories-260k@b/blocks.2.hook_resid_post", "--config", "CATALOG", "--log", "memory:", "--out", "x.json")]
    [InlineData("2", "--head and --key belong together", "audit", "verify", "--log", "memory:", "--head", "head.json")]
    [InlineData("2", "nowhere.pem: no such file", "audit", "head", "--log", "memory:", "--key", "nowhere.pem", "--out", "head.json")]
    [InlineData("2", "--from is 'yesterday'. Use RFC 3339", "audit", "export", "--log", "memory:", "--from", "yesterday")]
    [InlineData("2", "--from: nowhere.db: no such file", "log", "copy", "--from", "sqlite:nowhere.db", "--to", "memory:")]
    [InlineData("2", "--to: log is 'banana'", "log", "copy", "--from", "memory:", "--to", "banana")]
    [InlineData("2", "--features is 1. Use 5 or more", "fingerprint", "m@a/h", "m@b/h", "--config", "CATALOG", "--log", "memory:", "--out", "x.json", "--features", "1")]
    [InlineData("2", "no such file. Name the log of a daemon", "compare", "tinystories-260k@a", "tinystories-260k@b", "--config", "CATALOG", "--log", "sqlite:nowhere.db")]
    [InlineData("2", "'base' is no monitor. Use model@version/hook", "compare", "base", "tinystories-260k@b", "--config", "CATALOG", "--log", "memory:")]
    [InlineData("2", "The configuration has no model m. It has tinystories-260k at blocks.2.hook_resid_post", "compare", "tinystories-260k@b", "m@a", "--config", "CATALOG", "--log", "memory:")]
    [InlineData("2", "There are no stored canary windows from 2026-01-01 00:00:00Z of tinystories-260k@a/blocks.2.hook_resid_post. There are windows of: none", "compare", "tinystories-260k@a", "tinystories-260k@b", "--config", "CATALOG", "--log", "memory:", "--probe", "canary", "--from", "2026-01-01")]
    [InlineData("2", "--probe is 'both'. Use traffic or canary", "compare", "tinystories-260k@a", "tinystories-260k@b", "--config", "CATALOG", "--log", "memory:", "--probe", "both")]
    [InlineData("2", "--top is '0'. Use 1 to 500", "compare", "tinystories-260k@a", "tinystories-260k@b", "--config", "CATALOG", "--log", "memory:", "--top", "0")]
    [InlineData("2", "--to is 'soon'. Use an event time, as in 2026-11-20T12:00:00Z", "compare", "tinystories-260k@a", "tinystories-260k@b", "--config", "CATALOG", "--log", "memory:", "--to", "soon")]
    public async Task What_is_wrong_is_said_with_an_exit_code(string code, string sentence, params string[] args)
    {
        var run = await Program.RunAsync([.. args.Select(arg => arg switch { "FOLDER" => sample.Folder, "CATALOG" => sample.Catalog, _ => arg })]);

        Assert.Equal(code, run.ExitCode.ToString());
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_record_is_copied_pinned_exported_and_what_was_altered_in_it_is_named()
    {
        var (log, copy) = (sample.NewLog(), sample.NewLog());
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log]);
        var (key, head) = (Path.Combine(sample.Folder, "..", "key.pem"), Path.Combine(sample.Folder, "..", "head.json"));
        using (var ecdsa = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256)) await File.WriteAllTextAsync(key, ecdsa.ExportPkcs8PrivateKeyPem());

        Assert.Equal(0, (await Program.RunAsync(["log", "copy", "--from", log, "--to", copy])).ExitCode);
        Assert.Equal(0, (await Program.RunAsync(["audit", "head", "--log", log, "--key", key, "--out", head])).ExitCode);
        var verified = await Program.RunAsync(["audit", "verify", "--log", copy, "--head", head, "--key", key]);
        Assert.Equal((0, true), (verified.ExitCode, verified.Output.Contains("none altered, removed or reordered; up to position", StringComparison.Ordinal)));

        var table = (await Program.RunAsync(["audit", "export", "--log", copy, "--format", "csv", "--feature", "3", "--monitor", "tinystories-260k@control/blocks.2.hook_resid_post"])).Output.Trim().Split('\n');
        Assert.StartsWith("position,monitor,probe,partition,start,end,firstOffset,nextOffset,rows,sequences,fvu,l0,drifting,feature,firingRows", table[0], StringComparison.Ordinal);
        Assert.True(table.Length > 1 && table.Skip(1).All(line => line.Contains("@control/", StringComparison.Ordinal)));
        var lines = (await Program.RunAsync(["audit", "export", "--log", copy])).Output.Trim().Split('\n');
        Assert.All(lines, line => Assert.False(JsonDocument.Parse(line).RootElement.GetProperty("data").TryGetProperty("summary", out _)));

        await using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={copy["sqlite:".Length..]}"))
        {
            await connection.OpenAsync();
            await using var alter = connection.CreateCommand();
            alter.CommandText = "UPDATE events SET actor = 'mallory' WHERE position = 4";
            await alter.ExecuteNonQueryAsync();
        }
        var altered = await Program.RunAsync(["audit", "verify", "--log", copy]);
        Assert.Equal(3, altered.ExitCode);
        Assert.StartsWith("position 4, watch-", altered.Output, StringComparison.Ordinal);
        Assert.Contains("altered", altered.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rule_is_tried_on_what_is_stored_and_nothing_is_written()
    {
        var log = sample.NewLog();
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log]);
        var before = await Content(log);

        var run = await Program.RunAsync(["hazards", "test", "--config", sample.Catalog, "--log", log, "--json"]);
        var text = await Program.RunAsync(["hazards", "test", "--config", sample.Catalog, "--log", log, "--monitor", "tinystories-260k@control/blocks.2.hook_resid_post"]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var rule = Assert.Single(JsonDocument.Parse(run.Output).RootElement.GetProperty("rules").EnumerateArray());
        Assert.Equal(("backdoor-hostile", 0), (rule.GetProperty("rule").GetString(), rule.GetProperty("quietHeld").GetInt32()));
        Assert.True(rule.GetProperty("quietWindows").GetInt32() > 3);
        Assert.InRange(rule.GetProperty("falsePositiveInterval").GetProperty("high").GetDouble(), 0.01, 0.7);
        var alerted = rule.GetProperty("monitors").EnumerateArray().Where(monitor => monitor.GetProperty("alerts").GetInt32() > 0).Select(monitor => monitor.GetProperty("monitor").GetString());
        Assert.Equal(["tinystories-260k@backdoor-10%/blocks.2.hook_resid_post", "tinystories-260k@backdoor-50%/blocks.2.hook_resid_post"], alerted);
        Assert.Contains("held in 0 of", text.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("@base/", text.Output, StringComparison.Ordinal);
        Assert.Equal(before, await Content(log));
    }

    [Fact]
    public async Task A_replay_under_the_same_configuration_is_what_was_recorded_and_under_another_shows_what_differs()
    {
        var log = sample.NewLog();
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log]);
        var before = await Content(log);
        var changed = Path.Combine(sample.Folder, "..", "changed.yaml");
        await File.WriteAllTextAsync(
            changed,
            (await File.ReadAllTextAsync(sample.Catalog, TestContext.Current.CancellationToken))
                .Replace("sae: sae", $"sae: {SampleMessages.Sample}/sae", StringComparison.Ordinal)
                .Replace("labels: labels.csv", "", StringComparison.Ordinal)
                .Replace("hazards:", "detection: { raiseAfter: 3 }\nhazards:", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);

        var same = await Program.RunAsync(["replay", "--config", sample.Catalog, "--log", log, "--json"]);
        var text = await Program.RunAsync(["replay", "--config", changed, "--log", log]);

        Assert.Equal((0, ""), (same.ExitCode, same.Error));
        var report = JsonDocument.Parse(same.Output).RootElement;
        Assert.All(report.GetProperty("monitors").EnumerateArray(), monitor => Assert.Equal(monitor.GetProperty("windows").GetInt32(), monitor.GetProperty("asRecorded").GetInt32()));
        Assert.NotEmpty(report.GetProperty("alerts").EnumerateArray());
        Assert.All(report.GetProperty("alerts").EnumerateArray(), alert => Assert.Equal("same", alert.GetProperty("change").GetString()));
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        Assert.Contains("| opened by window", text.Output, StringComparison.Ordinal);
        Assert.Matches("gone +drift", text.Output);
        Assert.Equal(before, await Content(log));
    }

    [Fact]
    public async Task A_fingerprint_of_two_versions_is_a_rule_that_knows_the_second()
    {
        var (log, again) = (sample.NewLog(), sample.NewLog());
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log]);
        var print = Path.Combine(sample.Folder, "..", "bad.json");

        var made = await Program.RunAsync(
            ["fingerprint", "tinystories-260k@base/blocks.2.hook_resid_post", "tinystories-260k@backdoor-50%/blocks.2.hook_resid_post", "--log", log, "--config", sample.Catalog, "--out", print]);
        var catalog = Path.Combine(sample.Folder, "..", "print.yaml");
        await File.WriteAllTextAsync(
            catalog,
            (await File.ReadAllTextAsync(sample.Catalog, TestContext.Current.CancellationToken))
                .Replace("sae: sae", $"sae: {SampleMessages.Sample}/sae", StringComparison.Ordinal)
                .Replace("labels: labels.csv", "", StringComparison.Ordinal)
                .Replace("hazards:", "hazards:\n  - id: known\n    when: { fingerprint: bad.json, cosineAbove: 0.4 }", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        var run = await Program.RunAsync(["hazards", "test", "--config", catalog, "--log", log, "--json"]);

        Assert.Equal((0, ""), (made.ExitCode, made.Error));
        Assert.Contains("features that moved from tinystories-260k@base", made.Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var rule = JsonDocument.Parse(run.Output).RootElement.GetProperty("rules").EnumerateArray().Single(each => each.GetProperty("rule").GetString() == "known");
        var heldOf = rule.GetProperty("monitors").EnumerateArray().ToDictionary(
            monitor => monitor.GetProperty("monitor").GetString()!.Split('@', '/')[1], monitor => (monitor.GetProperty("held").GetInt32(), monitor.GetProperty("judged").GetInt32()));
        Assert.Equal(heldOf["backdoor-50%"].Item2, heldOf["backdoor-50%"].Item1);
        Assert.All(["base", "control"], version => Assert.Equal(0, heldOf[version].Item1));
    }

    [Fact]
    public async Task Two_versions_are_compared_over_their_stored_windows_as_text_JSON_and_a_page()
    {
        var (log, page) = (sample.NewLog(), Path.Combine(sample.Folder, "..", "compared.html"));
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log]);
        var before = await Content(log);
        string[] rest = ["--config", sample.Catalog, "--log", log];

        var control = await Program.RunAsync(["compare", "tinystories-260k@base", "tinystories-260k@control", .. rest, "--json"]);
        var backdoor = await Program.RunAsync(["compare", "tinystories-260k@base", "tinystories-260k@backdoor-50%/blocks.2.hook_resid_post", .. rest, "--json", "--top", "5", "--html", page]);
        var text = await Program.RunAsync(["compare", "tinystories-260k@base", "tinystories-260k@backdoor-50%", .. rest, "--top", "5"]);

        Assert.Equal((0, "", 0, "", 0, ""), (control.ExitCode, control.Error, backdoor.ExitCode, backdoor.Error, text.ExitCode, text.Error));
        var (benign, bad) = (JsonDocument.Parse(control.Output).RootElement, JsonDocument.Parse(backdoor.Output).RootElement);
        // What the demo's rule watches (feature 124) fires far more in the backdoored version, and so do many others; a benign fine-tune moves hardly any.
        Assert.InRange(Difference(benign, "fires-more").GetProperty("large").GetInt32() + Difference(benign, "new").GetProperty("large").GetInt32(), 0, 5);
        Assert.True(Difference(bad, "fires-more").GetProperty("large").GetInt32() > 50);
        var first = Difference(bad, "fires-more").GetProperty("features")[0];
        var factor = first.GetProperty("factor");
        Assert.True(factor.GetProperty("low").GetDouble() > 3 && factor.GetProperty("value").GetDouble() > factor.GetProperty("low").GetDouble() && factor.GetProperty("high").GetDouble() > factor.GetProperty("value").GetDouble());
        Assert.Equal(5, Difference(bad, "fires-more").GetProperty("features").GetArrayLength());
        Assert.Equal(0, bad.GetProperty("notMapped").GetInt32());
        var side = bad.GetProperty("b");
        foreach (var name in new[] { "monitor", "windows", "windowsLeftOut", "start", "end", "rows", "sequences", "fvu", "l0", "transform" }) Assert.True(side.TryGetProperty(name, out _), name);
        Assert.Equal("identity", side.GetProperty("transform").GetProperty("kind").GetString());
        Assert.Contains("Traffic was compared", bad.GetProperty("notes")[0].GetString(), StringComparison.Ordinal);
        Assert.Contains("Fires more in B: ", text.Output, StringComparison.Ordinal);
        Assert.Matches(@"feature \d+ .* factor [0-9.]+ \([0-9.]+ to [0-9.]+\)", text.Output);
        var html = await File.ReadAllTextAsync(page, TestContext.Current.CancellationToken);
        Assert.Contains("Effect and 95 % interval", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("http", html, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(before, await Content(log));

        static JsonElement Difference(JsonElement report, string change) => report.GetProperty("differences").EnumerateArray().Single(each => each.GetProperty("change").GetString() == change);
    }

    [Fact]
    public async Task Paired_rows_tell_what_is_a_versions_own_from_what_only_looks_so()
    {
        var log = sample.NewLog();
        await Program.RunAsync(["analyze", sample.Folder, "--config", sample.Catalog, "--log", log]);
        string[] rest = ["--config", sample.Catalog, "--log", log, "--top", "3"];
        var (one, two) = (Path.Combine(sample.Folder, "0000.safetensors"), Path.Combine(sample.Folder, "0001.safetensors"));

        var run = await Program.RunAsync(["compare", "tinystories-260k@base", "tinystories-260k@backdoor-50%", .. rest, "--paired-a", one, "--paired-b", one, "--json"]);
        var half = await Program.RunAsync(["compare", "tinystories-260k@base", "tinystories-260k@backdoor-50%", .. rest, "--paired-a", one]);
        var uneven = await Program.RunAsync(["compare", "tinystories-260k@base", "tinystories-260k@backdoor-50%", .. rest, "--paired-a", one, two, "--paired-b", one]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Contains(report.GetProperty("notes").EnumerateArray(), note => note.GetString()!.StartsWith("On the paired rows, of ", StringComparison.Ordinal));
        var more = report.GetProperty("differences").EnumerateArray().Single(difference => difference.GetProperty("change").GetString() == "fires-more").GetProperty("features").EnumerateArray().ToArray();
        // The same rows on both sides: nothing is anybody's own.
        Assert.All(more, feature => Assert.Contains(feature.GetProperty("scaling").GetProperty("origin").GetString(), new[] { "shared", "unknown", "misfit" }));
        Assert.All(report.GetProperty("differences").EnumerateArray().Single(difference => difference.GetProperty("change").GetString() == "fires-less").GetProperty("features").EnumerateArray(), feature => Assert.False(feature.TryGetProperty("scaling", out _)));
        Assert.Equal((2, true), (half.ExitCode, half.Error.Contains("--paired-b is missing", StringComparison.Ordinal)));
        Assert.Equal((3, true), (uneven.ExitCode, uneven.Error.Contains("There are 2 source files and 1 target files", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_demo_says_that_all_is_as_it_should_be()
    {
        var run = await Program.RunAsync(["demo"]);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("As it should be", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspecting_the_samples_dictionary_gives_the_fit_that_its_training_reported()
    {
        var run = await Program.RunAsync(["sae", "inspect", Path.Combine(SampleMessages.Sample, "sae"), "--activations", Path.Combine(SampleMessages.Sample, "base.safetensors"), "--json"]);

        var about = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal("SAELens", about.GetProperty("format").GetString());
        Assert.Equal(1024, about.GetProperty("features").GetInt32());
        // 16 and 0.046 over whole stories; the sample's later halves are a little easier.
        Assert.InRange(about.GetProperty("health").GetProperty("l0").GetDouble(), 14, 17);
        Assert.InRange(about.GetProperty("health").GetProperty("fvu").GetDouble(), 0.03, 0.06);
    }

    internal static async Task<IReadOnlyList<string>> Content(string address)
    {
        using var log = EventLogAddress.Open(address, TimeProvider.System);
        return await Simulation.SmallWorld.ContentAsync(log.Log);
    }
}
