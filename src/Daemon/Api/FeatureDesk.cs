using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Daemon.Api;

public enum FeatureOrder
{
    Drift,
    Rate,
    Feature,
}

/// <summary>What single features of a monitor do now, and did before.</summary>
public sealed class FeatureDesk(Catalog catalog, MonitorRegister register, IEventLog log, FeatureHistoryReader history, FeatureHistoryFollower follower)
{
    public const int TopDefault = 50, TopMaximum = 1000, WindowsMaximum = MonitorEntry.RecentMaximum, BucketsDefault = 200;

    /// <summary>Null: there is no window of this monitor and probe.</summary>
    public async Task<FeaturesView?> NowAsync(MonitorId monitor, Probe probe, int windows, int top, FeatureOrder order, CancellationToken stopping)
    {
        if (!register.Current.Monitors.TryGetValue((monitor, probe), out var entry)) return null;
        // Windows of another dictionary or transform do not add up with the last one.
        var newest = entry.Recent.Zip(entry.RecentRevisions).Where(recent => recent.First.Encoding == entry.Last.Encoding).TakeLast(windows).ToArray();
        WindowSummary? sum = null;
        foreach (var (window, revision) in newest)
            await foreach (var stored in log.ReadStreamAsync(StreamNames.Watch(monitor, window.Partition), revision, stopping))
            {
                var summary = SummaryCodec.Decode(((WindowClosed)EventJson.Read(stored.Data)).Summary);
                sum = sum?.Merge(summary) ?? summary;
                break;
            }
        var (now, plan) = (sum!, catalog.PlanFor(monitor));
        var baseline = await BaselineAsync(plan, entry.Last.Baseline, stopping);
        if (baseline is not null && baseline.Features != now.Features) baseline = null;
        var reachedF = plan?.Own?.Map.ReachedT;
        var labels = plan?.Space.Labels ?? FeatureLabels.None;
        // A feature that fired on neither side has nothing to show.
        var all = Enumerable.Range(0, now.Features)
            .Where(feature => (now.FiringF()[feature].Rows > 0 || baseline?.FiringF()[feature].Rows > 0) && (reachedF is null || feature < reachedF.Length && reachedF[feature]))
            .Select(feature => FeatureView.Of(feature, now, baseline, labels));
        var sorted = order switch
        {
            FeatureOrder.Drift => all.OrderByDescending(feature => Math.Abs(feature.Z ?? 0)).ThenByDescending(feature => feature.Rate).ThenBy(feature => feature.Feature),
            FeatureOrder.Rate => all.OrderByDescending(feature => feature.Rate).ThenBy(feature => feature.Feature),
            _ => all.OrderBy(feature => feature.Feature),
        };
        return new(monitor, probe, newest.Length, newest.Min(recent => recent.First.Start), newest.Max(recent => recent.First.End), now.Rows, now.Sequences, baseline is null ? null : entry.Last.Baseline,
            now.Features, reachedF?.Count(reached => !reached) ?? 0, [.. sorted.Take(top)]);
    }

    /// <summary>Null: there is no window of this monitor and probe in the history yet.</summary>
    public async Task<FeatureHistoryView?> HistoryAsync(FeatureQuestion question, CancellationToken stopping)
    {
        try
        {
            var answer = await history.AskAsync(question, stopping);
            return answer is null ? null : FeatureHistoryView.Of(answer, question.Feature, catalog.PlanFor(question.Monitor)?.Space.Labels.ById.GetValueOrDefault(question.Feature));
        }
        catch (MalformedException error) when (error.Reason == "projection")
        {
            follower.Distrust(error.Message);
            throw;
        }
    }

    /// <summary>How far the history is, of how far the log is.</summary>
    public (long Position, long End) Progress => (follower.Position, register.Current.Position);

    private async Task<WindowSummary?> BaselineAsync(ModelPlan? plan, string? hash, CancellationToken stopping)
    {
        if (plan is null || hash is null) return null;
        await foreach (var stored in log.ReadStreamAsync(StreamNames.Baseline(plan.Baseline.From), 0, stopping))
            if (EventJson.Read(stored.Data) is BaselineFrozen frozen && frozen.Hash == hash) return SummaryCodec.Decode(frozen.Summary);
        return null;
    }
}
