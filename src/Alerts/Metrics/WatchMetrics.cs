using System.Diagnostics.Metrics;
using DriftWatch.Alerts.Faults;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;

namespace DriftWatch.Alerts.Metrics;

/// <summary>⑨ Every metric, in one place. Base units; never a label value per feature.</summary>
/// <remarks>Counters and histograms count what this process did. Gauges show what the log says, so they are right after a restart too.</remarks>
public sealed class WatchMetrics : IDisposable
{
    public const string MeterName = "DriftWatch";

    private readonly Meter meter;
    private readonly Counter<long> rows, rejected, windows, undecided, rowsLeftOut, givenUp, httpRefused, reloadsFailed;
    private readonly Histogram<double> encodeSeconds, appendSeconds;
    private readonly Counter<long> dependencyFailures, dependencyRetries, dependencyTimeouts;
    private readonly List<Dependency> dependencies = [];
    private readonly MonitorRegister register;
    private readonly TimeProvider time;
    private readonly Dictionary<(MonitorId, Probe), long> lastWindow = [];
    private readonly Lock gate = new();

    public WatchMetrics(MonitorRegister register, TimeProvider time)
    {
        (this.register, this.time) = (register, time);
        meter = new(new MeterOptions(MeterName) { Scope = register });
        rows = meter.CreateCounter<long>("driftwatch_rows_total", description: "Rows of activations taken into windows.");
        rowsLeftOut = meter.CreateCounter<long>("driftwatch_rows_left_out_total", description: "Rows left out of the statistics, by reason: not-finite, zero, outlier.");
        rejected = meter.CreateCounter<long>("driftwatch_messages_rejected_total", description: "Messages refused, by reason.");
        windows = meter.CreateCounter<long>("driftwatch_windows_closed_total", description: "Windows closed and stored.");
        undecided = meter.CreateCounter<long>("driftwatch_windows_undecided_total", description: "Windows from which nothing was decided, by reason: no-baseline, too-few-sequences. Blind is not quiet.");
        httpRefused = meter.CreateCounter<long>("driftwatch_http_refused_total", description: "HTTP requests refused before they were looked at, by reason: no-token, unknown-token, expired-token, wrong-role, rate and others.");
        reloadsFailed = meter.CreateCounter<long>("driftwatch_reloads_failed_total", description: "Files that changed while the daemon ran and could not be used, by setting: what was in force before stays so.");
        givenUp = meter.CreateCounter<long>("driftwatch_partitions_given_up_total", description: "Partitions given up because another daemon had written to them.");
        encodeSeconds = meter.CreateHistogram<double>("driftwatch_encode_seconds", description: "Time to select, map, encode and add up one message.");
        appendSeconds = meter.CreateHistogram<double>("driftwatch_event_append_seconds", description: "Time to store one window and what was decided from it.");
        Gauge("driftwatch_drift_score", "Score of each detector on the last window; each detector's documentation says its unit.", () =>
            Monitors(entry => entry.Last.Findings.Where(finding => !AlertBook.IsHazard(finding)).Select(finding => (finding.Score, Label("detector", finding.Detector)))));
        Gauge("driftwatch_features_drifted", "Features behind the findings of the last window, by detector.", () =>
            Monitors(entry => entry.Last.Findings.Where(finding => !AlertBook.IsHazard(finding)).Select(finding => ((double)finding.FeatureCount, Label("detector", finding.Detector)))));
        Gauge("driftwatch_encoder_fvu", "Fraction of variance that the dictionary left unexplained in the last window.", () => Monitors(entry => [(entry.Last.Fvu, null)]));
        Gauge("driftwatch_encoder_l0", "Active features per row in the last window.", () => Monitors(entry => [(entry.Last.L0, null)]));
        Gauge("driftwatch_hazard_active", "1 while an alert of this hazard is raised.", HazardsActive);
        Gauge("driftwatch_alerts_open", "Alerts that are raised and neither muted nor resolved.", AlertsOpen);
        dependencyFailures = meter.CreateCounter<long>("driftwatch_dependency_failures_total", description: "Attempts to ask a dependency (event log, dead letters, a sink) that failed, by reason: transient and timeout are asked again, permanent is not.");
        dependencyRetries = meter.CreateCounter<long>("driftwatch_dependency_retries_total", description: "Times that a caller waited before it asks a dependency again, also because the breaker is open.");
        dependencyTimeouts = meter.CreateCounter<long>("driftwatch_dependency_timeouts_total", description: "Attempts that a dependency did not answer in time.");
        Gauge("driftwatch_dependency_breaker_state", "Circuit breaker of a dependency: 0 closed, 1 half open, 2 open.", () => Dependencies(dependency => dependency.BreakerState));
        Gauge("driftwatch_dependency_away_seconds", "Seconds since a caller began to wait for a dependency that does not answer; 0: nobody waits.", () => Dependencies(dependency => dependency.Away?.Lasts.TotalSeconds ?? 0));
        Gauge("driftwatch_seconds_since_last_window", "Seconds since this process stored the monitor's last window.", SinceLastWindow);
    }

    public void Dispose() => meter.Dispose();

    /// <summary>Listeners hear every meter of the process: is it one of this register's?</summary>
    public static bool Has(Instrument instrument, MonitorRegister register) => instrument.Meter.Name == MeterName && instrument.Meter.Scope == register;

    public void RowsTaken(MonitorId monitor, int count, int notFinite, int zero, int outliers)
    {
        KeyValuePair<string, object?> model = new("model", monitor.Model), version = new("version", monitor.Version);
        rows.Add(count, model, version);
        foreach (var (reason, left) in new[] { ("not-finite", notFinite), ("zero", zero), ("outlier", outliers) })
            if (left > 0) rowsLeftOut.Add(left, model, version, new("reason", reason));
    }

    public void Rejected(string reason) => rejected.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <param name="reason">From a fixed list, never from the client.</param>
    public void Refused(string reason) => httpRefused.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void ReloadFailed(string setting) => reloadsFailed.Add(1, new KeyValuePair<string, object?>("setting", setting));

    public void PartitionGivenUp() => givenUp.Add(1);

    public void Encoded(TimeSpan took) => encodeSeconds.Record(took.TotalSeconds);

    public void Stored(WindowClosed window, TimeSpan took)
    {
        windows.Add(1, [.. Labels(window.Monitor, window.Probe)]);
        if (window.Undecided) undecided.Add(1, [.. Labels(window.Monitor, window.Probe), new("reason", window.Baseline is null ? "no-baseline" : "too-few-sequences")]);
        appendSeconds.Record(took.TotalSeconds);
        lock (gate) lastWindow[(window.Monitor, window.Probe)] = time.GetTimestamp();
    }

    public void DependencyFailed(string dependency, string reason) => dependencyFailures.Add(1, new("dependency", dependency), new("reason", reason));

    public void DependencyRetried(string dependency) => dependencyRetries.Add(1, new KeyValuePair<string, object?>("dependency", dependency));

    public void DependencyTimedOut(string dependency) => dependencyTimeouts.Add(1, new KeyValuePair<string, object?>("dependency", dependency));

    /// <summary>Shows a dependency's breaker and outage from here on.</summary>
    public void Follow(Dependency dependency)
    {
        lock (gate) dependencies.Add(dependency);
    }

    /// <summary>Gauges of a part that this project does not know: lag of a source, grades of transforms.</summary>
    public void Gauge(string name, string description, Func<IEnumerable<Measurement<double>>> read) => meter.CreateObservableGauge(name, read, description: description);

    public static IEnumerable<KeyValuePair<string, object?>> Labels(MonitorId monitor, Probe probe) =>
        [new("model", monitor.Model), new("version", monitor.Version), new("hook", monitor.Hook), new("probe", probe == Probe.Canary ? "canary" : "traffic")];

    private static KeyValuePair<string, object?>? Label(string name, string value) => new(name, value);

    private IEnumerable<Measurement<double>> Monitors(Func<MonitorEntry, IEnumerable<(double Value, KeyValuePair<string, object?>? Extra)>> read)
    {
        foreach (var ((monitor, probe), entry) in register.Current.Monitors)
            foreach (var (value, extra) in read(entry))
                yield return new(value, extra is { } label ? Labels(monitor, probe).Append(label) : Labels(monitor, probe));
    }

    private IEnumerable<Measurement<double>> HazardsActive()
    {
        var now = register.Current;
        var raised = now.AlertsInOrder.Where(alert => alert is { Kind: "hazard", Ended: null }).Select(alert => (alert.Monitor, alert.Probe, alert.Rule)).ToHashSet();
        var severities = now.AlertsInOrder.Where(alert => alert.Kind == "hazard").GroupBy(alert => alert.Rule, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Last().Severity, StringComparer.Ordinal);
        foreach (var ((monitor, probe), entry) in now.Monitors)
            foreach (var hazard in entry.Last.Findings.Where(AlertBook.IsHazard).Select(finding => finding.Detector[Finding.HazardPrefix.Length..]))
                yield return new(
                    raised.Contains((monitor, probe, hazard)) ? 1 : 0,
                    Labels(monitor, probe).Append(new("hazard", hazard)).Append(new("severity", (HazardSeverity?.Invoke(hazard) ?? severities.GetValueOrDefault(hazard)).ToString().ToLowerInvariant())));
    }

    /// <summary>The severity that the catalog gives a hazard; without it the last alert's.</summary>
    public Func<string, Severity?>? HazardSeverity { get; set; }

    private IEnumerable<Measurement<double>> AlertsOpen()
    {
        var now = time.GetUtcNow();
        var open = register.Current.Alerts.Values.Where(alert => alert.StateAt(now) is AlertState.Open or AlertState.Acknowledged).ToLookup(alert => alert.Severity);
        foreach (var severity in Enum.GetValues<Severity>())
            yield return new(open[severity].Count(), new KeyValuePair<string, object?>("severity", severity.ToString().ToLowerInvariant()));
    }

    private IEnumerable<Measurement<double>> Dependencies(Func<Dependency, double> read)
    {
        lock (gate) return [.. dependencies.Select(dependency => new Measurement<double>(read(dependency), new KeyValuePair<string, object?>("dependency", dependency.Name)))];
    }

    private IEnumerable<Measurement<double>> SinceLastWindow()
    {
        lock (gate) return [.. lastWindow.Select(entry => new Measurement<double>(time.GetElapsedTime(entry.Value).TotalSeconds, Labels(entry.Key.Item1, entry.Key.Item2)))];
    }
}
