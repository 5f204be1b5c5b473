using System.Collections.Immutable;
using System.Security.Cryptography;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>Which monitors the catalog learns a baseline from, and how many rows each needs.</summary>
public sealed record BaselineTargets(ImmutableDictionary<(WindowKey From, string Encoding), long> Rows)
{
    public static BaselineTargets Of(Catalog catalog)
    {
        var rows = ImmutableDictionary.CreateBuilder<(WindowKey, string), long>();
        foreach (var plan in catalog.Models)
        {
            if (catalog.PlanFor(plan.Baseline.From) is not { } from) continue;
            foreach (var (probe, needed) in new[] { (Probe.Traffic, plan.Baseline.Rows), (Probe.Canary, plan.Baseline.CanaryRows) })
            {
                var key = (new WindowKey(plan.Baseline.From, probe), from.EncodingHash);
                rows[key] = Math.Max(rows.GetValueOrDefault(key), needed);
            }
        }
        return new(rows.ToImmutable());
    }
}

/// <summary>The baselines that are frozen and those that are being learned: a fold of the event log.</summary>
public sealed class BaselineBook(BaselineTargets targets)
{
    private readonly Dictionary<(WindowKey, string), Baseline> frozen = [];
    private readonly Dictionary<(WindowKey, string), Learned> learning = [];

    /// <summary>Frozen baselines as models behind a feature map compare with them, by baseline and the windows' encoding.</summary>
    private readonly Dictionary<(string Baseline, string Encoding), Baseline> through = [];

    /// <param name="Novelty">Fitted on the first of <see cref="NoveltyModel.BaselineParts"/> parts of the rows; the windows after that are scored with it.</param>
    private sealed record Learned(WindowSummary Summary, ImmutableArray<Guid> Windows, DateTimeOffset End, NoveltyModel? Novelty);

    /// <summary>What windows of this plan are compared with; null: not frozen yet.</summary>
    public Baseline? For(ModelPlan plan, Probe probe, Catalog catalog)
    {
        if (catalog.PlanFor(plan.Baseline.From) is not { } from || frozen.GetValueOrDefault((new(plan.Baseline.From, probe), from.EncodingHash)) is not { } baseline) return null;
        if (plan.Own is not { } own) return baseline;
        if (!through.TryGetValue((baseline.Hash, plan.EncodingHash), out var seen)) through[(baseline.Hash, plan.EncodingHash)] = seen = baseline.Through(own.Map, plan.EncodingHash);
        return seen;
    }

    /// <summary>What a baseline's later windows are scored with; null: nothing is fitted yet, or the monitor is no baseline.</summary>
    public NoveltyModel? NoveltyOf(WindowKey key, string encoding) => learning.GetValueOrDefault((key, encoding))?.Novelty;

    /// <summary>Rows that the monitor's windows still have to bring before its baseline is frozen; null: it is no baseline, or has one.</summary>
    public long? RowsLeft(WindowKey key, string encoding)
    {
        if (!targets.Rows.TryGetValue((key, encoding), out var rows) || frozen.ContainsKey((key, encoding))) return null;
        return Math.Max(1, rows - (learning.TryGetValue((key, encoding), out var learned) ? learned.Summary.Rows : 0));
    }

    /// <summary>What is still being learned, and whether the monitor has a frozen baseline of another dictionary, transform or row selection, which no window compares with any more.</summary>
    public IEnumerable<(WindowKey From, long RowsLeft, bool HadOther)> Learning() => targets.Rows.Keys
        .OrderBy(key => key.From.Monitor).ThenBy(key => key.From.Probe)
        .Select(key => (key.From, RowsLeft: RowsLeft(key.From, key.Encoding), frozen.Keys.Any(other => other.Item1 == key.From)))
        .Where(entry => entry.RowsLeft is not null)
        .Select(entry => (entry.From, entry.RowsLeft!.Value, entry.Item3));

    public void Evolve(AlertEvent fact, Guid id)
    {
        switch (fact)
        {
            case WindowClosed window:
                var key = (new WindowKey(window.Monitor, window.Probe), window.Encoding);
                if (RowsLeft(key.Item1, key.Encoding) is null) break;
                var summary = SummaryCodec.Decode(window.Summary);
                var learned = learning.TryGetValue(key, out var before) ? before with { Summary = before.Summary.Merge(summary), Windows = before.Windows.Add(id), End = window.End } : new(summary, [id], window.End, null);
                learning[key] = learned.Novelty is null && learned.Summary.Rows >= targets.Rows[key] / NoveltyModel.BaselineParts ? learned with { Novelty = NoveltyModel.Fit(learned.Summary) } : learned;
                break;
            case BaselineFrozen baseline:
                var frozenKey = (new WindowKey(baseline.Monitor, baseline.Probe), baseline.Encoding);
                frozen[frozenKey] = new(frozenKey.Item1, baseline.Encoding, baseline.Hash, SummaryCodec.Decode(baseline.Summary), baseline.Novelty is null ? null : NoveltyModel.FromBytes(baseline.Novelty));
                learning.Remove(frozenKey);
                break;
        }
    }

    private const string FrozenKind = "baseline", LearningKind = "learning";

    /// <summary>Everything that was folded, for a <see cref="WatchSnapshot"/>.</summary>
    public IEnumerable<SnapshotPart> Save() =>
    [
        .. frozen.Select(entry => new SnapshotPart($"{FrozenKind}/{entry.Key.Item1.Monitor}/{entry.Key.Item1.Probe}/{entry.Key.Item2}/{entry.Value.Hash}", () => Saved(entry.Value))),
        // The window that came last says which sum it is.
        .. learning.Select(entry => new SnapshotPart($"{LearningKind}/{entry.Key.Item1.Monitor}/{entry.Key.Item1.Probe}/{entry.Key.Item2}/{entry.Value.Windows[^1]}", () => Saved(entry.Key.Item1, entry.Key.Item2, entry.Value))),
    ];

    /// <summary>Into a book that has folded nothing yet.</summary>
    /// <returns>False: it is no part of this book.</returns>
    /// <exception cref="MalformedException">Damaged.</exception>
    public bool Load(string key, byte[] part)
    {
        if (SnapshotPart.KindOf(key) is var kind && kind is not (FrozenKind or LearningKind)) return false;
        var raw = new VarintReader(part, "snapshot", "saved baseline");
        var (from, encoding, novelty, summary) = (SnapshotPart.ReadKey(raw), raw.ReadText(), raw.ReadBlob(), SummaryCodec.Decode(raw.ReadBlob()));
        var model = novelty.Length == 0 ? null : NoveltyModel.FromBytes(novelty);
        if (kind == FrozenKind) frozen[(from, encoding)] = new(from, encoding, raw.ReadText(), summary, model);
        else
        {
            var end = raw.ReadTime();
            var windows = ImmutableArray.CreateBuilder<Guid>();
            for (var left = raw.ReadInt(); left > 0; left--) windows.Add(Guid.TryParse(raw.ReadText(), out var id) ? id : throw raw.Damaged());
            learning[(from, encoding)] = new(summary, windows.ToImmutable(), end, model);
        }
        raw.End();
        return true;
    }

    private static byte[] Saved(Baseline baseline)
    {
        var raw = Saved(baseline.From, baseline.EncodingHash, baseline.Summary, baseline.Novelty);
        raw.Write(baseline.Hash);
        return raw.ToArray();
    }

    private static byte[] Saved(WindowKey from, string encoding, Learned learned)
    {
        var raw = Saved(from, encoding, learned.Summary, learned.Novelty);
        raw.Write(learned.End);
        raw.Write(learned.Windows.Length);
        foreach (var window in learned.Windows) raw.Write(window.ToString());
        return raw.ToArray();
    }

    private static VarintWriter Saved(WindowKey from, string encoding, WindowSummary summary, NoveltyModel? novelty)
    {
        var raw = new VarintWriter();
        SnapshotPart.Write(raw, from);
        raw.Write(encoding);
        raw.Write(novelty?.ToBytes() ?? []);
        raw.Write(SummaryCodec.Encode(summary));
        return raw;
    }

    /// <summary>Baselines that have their rows and are not frozen yet.</summary>
    public IEnumerable<BaselineFrozen> Due() => learning
        .Where(entry => entry.Value.Summary.Rows >= targets.Rows[entry.Key])
        .OrderBy(entry => entry.Key.Item1.Monitor).ThenBy(entry => entry.Key.Item1.Probe)
        .Select(entry =>
        {
            var (summary, windows, end, novelty) = entry.Value;
            var bytes = SummaryCodec.Encode(summary);
            return new BaselineFrozen(entry.Key.Item1.Monitor, entry.Key.Item1.Probe, entry.Key.Item2, Convert.ToHexStringLower(SHA256.HashData(bytes)), end, summary.Rows, summary.Sequences, windows, bytes, novelty?.ToBytes());
        })
        .ToArray();
}
