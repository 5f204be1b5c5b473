using System.Security.Cryptography;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>The samples of sequences beside stored windows: they answer for sets that no rule watched when the windows closed. For trials and replays; the daemon decides nothing by them.</summary>
internal sealed class WindowSamples
{
    private readonly Dictionary<Guid, string> hashes = [];
    private readonly Dictionary<string, Guid[]> windowsOf = [];
    private readonly Dictionary<(string Hash, string Sets), Baseline> baselines = [];

    /// <summary>Takes the log's facts in order.</summary>
    public void Evolve(AlertEvent fact, Guid id)
    {
        if (fact is WindowClosed { Sample: { } hash }) hashes[id] = hash;
        if (fact is BaselineFrozen baseline) windowsOf[baseline.Hash] = [.. baseline.Windows];
    }

    /// <summary>The summary, with the sets that it has not counted from its window's sample; as it is where none is missing or the sample has been dropped.</summary>
    /// <exception cref="MalformedException">A sample is not the one that its event names.</exception>
    public Task<WindowSummary> CompletedAsync(WindowSummary summary, Guid window, IReadOnlyCollection<FeatureSet> sets, IEventLog log, CancellationToken stopping) => CompletedAsync(summary, [window], sets, log, stopping);

    /// <summary>The same for a baseline, from the samples of the windows that it is made of.</summary>
    public async Task<Baseline> CompletedAsync(Baseline baseline, IReadOnlyCollection<FeatureSet> sets, IEventLog log, CancellationToken stopping)
    {
        var key = (baseline.Hash, string.Join(' ', sets.Select(set => set.Key)));
        if (!baselines.TryGetValue(key, out var completed))
        {
            var summary = await CompletedAsync(baseline.Summary, windowsOf.GetValueOrDefault(baseline.Hash, []), sets, log, stopping);
            baselines[key] = completed = ReferenceEquals(summary, baseline.Summary) ? baseline : baseline with { Summary = summary };
        }
        return completed;
    }

    private async Task<WindowSummary> CompletedAsync(WindowSummary summary, IEnumerable<Guid> windows, IReadOnlyCollection<FeatureSet> sets, IEventLog log, CancellationToken stopping)
    {
        var missing = sets.Where(set => set.MustBeCounted && !summary.Sets.ContainsKey(set.Key)).ToArray();
        if (missing.Length == 0) return summary;
        WindowSummary? sampled = null;
        foreach (var window in windows)
        {
            if (await ReadAsync(window, log, stopping) is not { } sample) continue;
            var counted = sample.Counted(summary.Features, summary.Width, missing);
            sampled = sampled?.Merge(counted) ?? counted;
        }
        return sampled is null ? summary : summary with { Sampled = sampled };
    }

    private async Task<SequenceSample?> ReadAsync(Guid window, IEventLog log, CancellationToken stopping)
    {
        if (!hashes.TryGetValue(window, out var hash) || await log.ReadAttachmentAsync(window, stopping) is not { } bytes) return null;
        if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != hash) throw new MalformedException("sample", $"the sample of sequences beside window {window} is not the one that its event names: it was changed");
        return SequenceSample.Decode(bytes);
    }
}
