using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.Metrics;

/// <summary>The text is parsed as Prometheus would: name, labels, value. The same tests for all that can write it.</summary>
public abstract partial class MetricsTextTests : IDisposable
{
    private readonly IMetricsText text;
    private readonly MonitorRegister register = new();
    private readonly SetTime time = new();
    private readonly WatchMetrics metrics;
    private long position;

    protected MetricsTextTests(Func<MonitorRegister, IMetricsText> text) => (this.text, metrics) = (text(register), new(register, time));

    public void Dispose()
    {
        metrics.Dispose();
        ((IDisposable)text).Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void Every_family_has_its_help_and_type_before_its_samples()
    {
        Fill();
        var (described, typed) = (new HashSet<string>(), new Dictionary<string, string>(StringComparer.Ordinal));

        foreach (var line in text.Write().Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal)) Assert.True(described.Add(line.Split(' ')[2]), line);
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal)) typed.Add(line.Split(' ')[2], line.Split(' ')[3]);
            else
            {
                var name = Sample(line).Name;
                var family = typed.GetValueOrDefault(SuffixPattern().Replace(name, "")) == "histogram" ? SuffixPattern().Replace(name, "") : name;
                Assert.Contains(family, described);
                Assert.Contains(family, typed.Keys);
            }
        }

        Assert.Equal("counter", typed["driftwatch_rows_total"]);
        Assert.Equal("histogram", typed["driftwatch_encode_seconds"]);
        Assert.Equal("gauge", typed["driftwatch_drift_score"]);
        Assert.Superset(
            new HashSet<string>
            {
                "driftwatch_rows_total", "driftwatch_messages_rejected_total", "driftwatch_encode_seconds", "driftwatch_windows_closed_total", "driftwatch_drift_score", "driftwatch_features_drifted",
                "driftwatch_hazard_active", "driftwatch_alerts_open", "driftwatch_encoder_fvu", "driftwatch_encoder_l0", "driftwatch_event_append_seconds", "driftwatch_seconds_since_last_window",
            },
            typed.Keys.ToHashSet());
    }

    [Fact]
    public void Labels_are_escaped_so_that_they_read_back()
    {
        var odd = new MonitorId("a\"b\\c{},=\\n", "1\\", "h\"");

        metrics.RowsTaken(odd, 5, 0, 0, 0);

        var sample = Assert.Single(Samples("driftwatch_rows_total"));
        Assert.Equal((odd.Model, odd.Version, 5d), (sample.Labels["model"], sample.Labels["version"], sample.Value));
    }

    [Fact]
    public void Buckets_are_cumulative_and_end_with_all()
    {
        foreach (var seconds in new[] { 0.0001, 0.0005, 0.003, 0.003, 7, 100 }) metrics.Encoded(TimeSpan.FromSeconds(seconds));

        var buckets = Samples("driftwatch_encode_seconds_bucket");

        Assert.Equal(buckets.Select(bucket => bucket.Value).Order(), buckets.Select(bucket => bucket.Value));
        Assert.Equal(buckets.Select(bucket => Number(bucket.Labels["le"])).Order(), buckets.Select(bucket => Number(bucket.Labels["le"])));
        double Below(string bound) => buckets.Single(bucket => bucket.Labels["le"] == bound).Value;
        Assert.Equal((2d, 4d, 4d, 5d, 6d), (Below("0.0005"), Below("0.005"), Below("5"), Below("10"), Below("+Inf")));
        Assert.Equal(6, Assert.Single(Samples("driftwatch_encode_seconds_count")).Value);
        Assert.Equal(107.0066, Assert.Single(Samples("driftwatch_encode_seconds_sum")).Value, 9);
    }

    [Fact]
    public void Counters_add_up_by_label()
    {
        metrics.Rejected("truncated");
        metrics.Rejected("truncated");
        metrics.Rejected("bad-dtype");
        metrics.RowsTaken(Some.Monitor, 10, 1, 0, 2);
        metrics.RowsTaken(Some.Monitor, 5, 0, 0, 0);

        Assert.Equal([("bad-dtype", 1d), ("truncated", 2d)], Samples("driftwatch_messages_rejected_total").Select(sample => (sample.Labels["reason"], sample.Value)).Order());
        Assert.Equal(15, Assert.Single(Samples("driftwatch_rows_total")).Value);
        Assert.Equal([("not-finite", 1d), ("outlier", 2d)], Samples("driftwatch_rows_left_out_total").Select(sample => (sample.Labels["reason"], sample.Value)).Order());
    }

    [Fact]
    public void Gauges_show_the_last_window_and_lose_what_is_not_reported_any_more()
    {
        Store(Some.Closed(0, Some.Finding("firing-rate-shift", Verdict.Drift, 7), Some.Finding("old", Verdict.Steady)));
        Assert.Equal(2, Samples("driftwatch_drift_score").Count);

        Store(Some.Closed(1, Some.Finding("firing-rate-shift", Verdict.Drift, 9)));

        var sample = Assert.Single(Samples("driftwatch_drift_score"));
        Assert.Equal(9, sample.Value);
        Assert.Equal((Some.Model, Some.Version, Some.Hook, "traffic", "firing-rate-shift"), (sample.Labels["model"], sample.Labels["version"], sample.Labels["hook"], sample.Labels["probe"], sample.Labels["detector"]));
    }

    [Fact]
    public void A_hazard_is_active_while_its_alert_is_raised()
    {
        var holds = Some.Closed(0, Some.Finding("a", Verdict.Steady), Some.Finding("hazard:backdoor-hostile", Verdict.Drift));
        Store(holds);
        Assert.Equal(0, Assert.Single(Samples("driftwatch_hazard_active")).Value);

        Store(SampleFacts.All.OfType<HazardDetected>().Single());
        var active = Assert.Single(Samples("driftwatch_hazard_active"));
        Assert.Equal((1d, "backdoor-hostile", "critical"), (active.Value, active.Labels["hazard"], active.Labels["severity"]));

        Store(SampleFacts.All.OfType<HazardEnded>().Single());
        Assert.Equal(0, Assert.Single(Samples("driftwatch_hazard_active")).Value);
    }

    [Fact]
    public void Open_alerts_are_counted_by_severity_without_the_muted_and_the_resolved()
    {
        Store(SampleFacts.All.OfType<DriftDetected>().Single());
        Store(SampleFacts.All.OfType<HazardDetected>().Single());
        Assert.Equal([("critical", 1d), ("info", 0d), ("warning", 1d)], Open());

        Store(SampleFacts.All.OfType<AlertMuted>().Single());
        Assert.Equal([("critical", 1d), ("info", 0d), ("warning", 0d)], Open());

        time.Now = Some.Time.AddDays(1);
        Assert.Equal([("critical", 1d), ("info", 0d), ("warning", 1d)], Open());

        IEnumerable<(string, double)> Open() => Samples("driftwatch_alerts_open").Select(sample => (sample.Labels["severity"], sample.Value)).Order();
    }

    [Fact]
    public void Seconds_since_the_last_window_go_on_with_the_clock()
    {
        metrics.Stored(Some.Closed(0), TimeSpan.FromMilliseconds(3));
        time.Now += TimeSpan.FromSeconds(90);

        Assert.Equal(90, Assert.Single(Samples("driftwatch_seconds_since_last_window")).Value, 6);
    }

    [Fact]
    public void Nothing_but_the_meters_instruments_is_written_with_their_descriptions_as_they_are()
    {
        Fill();

        var lines = text.Write().Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.All(lines.Where(line => !line.StartsWith('#')), line => Assert.StartsWith("driftwatch_", line, StringComparison.Ordinal));
        Assert.Contains("# HELP driftwatch_rows_total Rows of activations taken into windows.", lines);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", text.ContentType);
    }

    [Fact]
    public async Task Promtool_has_nothing_to_say()
    {
        Assert.SkipUnless((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, "promtool"))), "promtool is not on PATH");
        Fill();
        using var promtool = Process.Start(new ProcessStartInfo("promtool", ["check", "metrics"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;

        await promtool.StandardInput.WriteAsync(text.Write());
        promtool.StandardInput.Close();
        var said = await promtool.StandardOutput.ReadToEndAsync() + await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();

        Assert.Equal(("", 0), (said, promtool.ExitCode));
    }

    private void Fill()
    {
        metrics.RowsTaken(Some.Monitor, 10, 1, 1, 2);
        metrics.Rejected("truncated");
        metrics.Encoded(TimeSpan.FromMilliseconds(3));
        metrics.Stored(Some.Closed(0), TimeSpan.FromMilliseconds(3));
        Store(Some.Closed(0, Some.Finding("firing-rate-shift", Verdict.Drift, double.MaxValue), Some.Finding("hazard:backdoor-hostile", Verdict.Drift)));
        foreach (var fact in SampleFacts.All) Store(fact);
    }

    private void Store(AlertEvent fact)
    {
        position++;
        register.Evolve(new(position, "s", position - 1, EventId.From($"{position}"), EventJson.TypeOf(fact), Some.Time, "ann", null, EventChain.Beginning, EventChain.Beginning, EventJson.Write(fact)));
    }

    private List<(string Name, Dictionary<string, string> Labels, double Value)> Samples(string name) =>
        [.. text.Write().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#')).Select(Sample).Where(sample => sample.Name == name)];

    private static (string Name, Dictionary<string, string> Labels, double Value) Sample(string line)
    {
        var match = SamplePattern().Match(line);
        Assert.True(match.Success, line);
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (Match label in LabelPattern().Matches(match.Groups["labels"].Value)) labels.Add(label.Groups["name"].Value, Unescaped(label.Groups["value"].Value));
        // Nothing of the braces is left over: what is not a label is an error.
        Assert.Equal("", LabelPattern().Replace(match.Groups["labels"].Value, "").Trim(','));
        return (match.Groups["name"].Value, labels, Number(match.Groups["value"].Value));
    }

    private static string Unescaped(string value)
    {
        var plain = new StringBuilder();
        for (var i = 0; i < value.Length; i++) plain.Append(value[i] != '\\' ? value[i] : value[++i] == 'n' ? '\n' : value[i]);
        return plain.ToString();
    }

    private static double Number(string text) => text switch { "+Inf" or "Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, _ => double.Parse(text, CultureInfo.InvariantCulture) };

    [GeneratedRegex("^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\\{(?<labels>.*)\\})? (?<value>[^ ]+)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SamplePattern();

    [GeneratedRegex("(?<name>[a-zA-Z_][a-zA-Z0-9_]*)=\"(?<value>([^\"\\\\]|\\\\[\\\\\"n])*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LabelPattern();

    [GeneratedRegex("_(bucket|sum|count)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SuffixPattern();

    private sealed class SetTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = Some.Time;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.UtcTicks;
    }
}
