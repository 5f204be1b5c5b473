using System.Collections.Immutable;
using System.Security.Cryptography;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>What the watcher believes: a fold of the event log, read from the store and from nothing else.</summary>
/// <remarks>What was just appended is read back too, so there is one way in which belief changes. One caller at a time.</remarks>
/// <param name="snapshots">Where it begins, and what it leaves for the next start; null: at the beginning of the log.</param>
public sealed class WatchRecord(IEventLog log, Catalog catalog, WatchSnapshots? snapshots = null)
{
    private readonly Dictionary<string, long> revisions = new(StringComparer.Ordinal);
    private readonly Dictionary<int, PartitionPosition> positions = [];
    private WindowJudge judge = new();
    private readonly HashSet<int> owned = [];
    private readonly Dictionary<int, WrongRevisionException> taken = [];
    private readonly Dictionary<string, long> appended = new(StringComparer.Ordinal);
    private long position;
    private string positionHash = EventChain.Beginning;
    private bool begun;
    private int windowsSinceSnapshot;
    private readonly HashSet<(string Hash, string Model, string Hook)> installed = [];
    private string? catalogHash;

    public AlertBook Book => judge.Book;
    public BaselineBook Baselines { get; private set; } = new(BaselineTargets.Of(catalog));

    /// <summary>Judges a window that was just closed, by all that is stored before it.</summary>
    public JudgedWindow Judge(ClosedWindow window, int partition)
    {
        var plan = catalog.PlanFor(window.Key.Monitor)!;
        var baseline = Baselines.For(plan, window.Key.Probe, catalog);
        return judge.Judge(window, partition, plan, baseline, baseline is null ? Baselines.NoveltyOf(window.Key, plan.EncodingHash) : baseline.Novelty);
    }

    public PartitionPosition PositionOf(int partition) => positions.GetValueOrDefault(partition, PartitionPosition.Beginning);

    /// <summary>From here on only we write windows of this partition. Call it when everything stored is folded.</summary>
    public void Own(int partition)
    {
        owned.Add(partition);
        taken.Remove(partition);
    }

    public void Leave(int partition)
    {
        owned.Remove(partition);
        taken.Remove(partition);
    }

    /// <summary>Partitions that we owned until somebody else wrote to them. They are to be left; until then nothing is stored of them: with his windows folded the revision would no longer refuse ours.</summary>
    public IReadOnlyList<(int Partition, WrongRevisionException Because)> Taken => [.. taken.Select(entry => (entry.Key, entry.Value))];

    /// <summary>Folds what was stored since, by whomever.</summary>
    public async Task CatchUpAsync(CancellationToken stopping)
    {
        if (!begun) await BeginAsync(stopping);
        await foreach (var stored in log.ReadAllAsync(position, stopping))
        {
            var fact = EventJson.Read(stored.Data);
            if (fact is WindowClosed foreign && owned.Contains(foreign.Partition) && stored.Revision > appended.GetValueOrDefault(stored.Stream, -1))
                taken.TryAdd(foreign.Partition, new(stored.Stream, RevisionOf(stored.Stream), stored.Revision));
            judge.Evolve(fact);
            Baselines.Evolve(fact, stored.Id);
            if (fact is WindowClosed { Baseline: not null } judged) TakeTails(judged, stored.Position);
            if (fact is WindowClosed window) positions[window.Partition] = PositionOf(window.Partition).After(new(window.Monitor, window.Probe), window.Offsets);
            if (fact is TransformInstalled map) installed.Add((map.Hash, map.Model, map.Hook));
            if (fact is CatalogChanged changed) catalogHash = changed.Hash;
            revisions[stored.Stream] = stored.Revision;
            (position, positionHash) = (stored.Position, stored.Hash);
            if (fact is WindowClosed) windowsSinceSnapshot++;
            if (windowsSinceSnapshot >= snapshots?.WindowsBetween && !snapshots.IsWriting) TakeSnapshot();
        }
    }

    /// <summary>From the newest snapshot that fits the log; what came after it is folded as ever.</summary>
    private async Task BeginAsync(CancellationToken stopping)
    {
        begun = true;
        if (snapshots is null || await snapshots.ReadAsync(log, stopping) is not var (snapshot, parts)) return;
        var (loaded, baselines) = (new WindowJudge(), new BaselineBook(BaselineTargets.Of(catalog)));
        try
        {
            foreach (var (key, part) in parts) baselines.Load(key, part);
            foreach (var (key, part) in parts) loaded.Load(key, part, window => catalog.PlanFor(window.Monitor) is { } plan && baselines.For(plan, window.Probe, catalog) is { } baseline ? (plan, baseline) : null);
        }
        catch (MalformedException error)
        {
            await snapshots.RefuseAsync(snapshot, error, stopping);
            return;
        }
        loaded.Load(snapshot.Book());
        (judge, Baselines, catalogHash, position, positionHash) = (loaded, baselines, snapshot.Catalog, snapshot.Position, snapshot.Hash);
        foreach (var (stream, revision) in snapshot.Revisions) revisions[stream] = revision;
        foreach (var partition in snapshot.Partitions) positions[partition.Number] = WatchSnapshot.PositionOf(partition);
        foreach (var map in snapshot.Installed) installed.Add((map.Hash, map.Model, map.Hook));
    }

    /// <summary>Leaves what is believed now for the next start.</summary>
    public void TakeSnapshot()
    {
        if (snapshots is null || position == 0) return;
        windowsSinceSnapshot = 0;
        SnapshotPart[] parts = [.. Baselines.Save(), .. judge.Save()];
        var (alarms, seen, canaryMaps) = WatchSnapshot.Of(judge.Book);
        snapshots.Write(
            new(position, positionHash, catalogHash, new(revisions, StringComparer.Ordinal), WatchSnapshot.Of(positions), alarms, seen, canaryMaps,
                [.. installed.Order().Select(map => new WatchSnapshot.Map(map.Hash, map.Model, map.Hook))], [.. parts.Select(part => part.Key)]),
            parts);
    }

    private void TakeTails(WindowClosed window, long at)
    {
        if (catalog.PlanFor(window.Monitor) is not { } plan || plan.EncodingHash != window.Encoding) return;
        if (Baselines.For(plan, window.Probe, catalog) is not { } baseline || baseline.Hash != window.Baseline) return;
        judge.Take(new(window.Monitor, window.Probe), window.Partition, plan, baseline, SummaryCodec.Decode(window.Summary), window.End, at);
    }

    /// <summary>Records the catalog in force if it is another than before, and the learned maps that are new in it.</summary>
    public async Task RecordCatalogAsync(CancellationToken stopping)
    {
        while (catalogHash != catalog.Hash)
        {
            // No event time: the first window that names it dates it. Anything else would make two runs over the same data differ.
            await AppendUnlessOvertakenAsync(StreamNames.Catalog, [(new CatalogChanged(catalog.Hash, catalog.Content), $"{RevisionOf(StreamNames.Catalog)}|{catalog.Hash}"), .. Uninstalled()], null, stopping);
        }
    }

    private IEnumerable<(AlertEvent Fact, string Name)> Uninstalled() =>
        from plan in catalog.Models
        where plan.Transform.Card is not null && !installed.Contains((plan.Transform.Hash, plan.Model, plan.Hook))
        orderby plan.Model, plan.Hook
        select ((AlertEvent)new TransformInstalled(plan.Transform.Hash, plan.Model, plan.Hook, plan.Space.Id, plan.Transform.Card!.Metadata().ToImmutableSortedDictionary(StringComparer.Ordinal)), $"{plan.Transform.Hash}|{plan.Model}|{plan.Hook}");

    /// <summary>Stores a closed window with what is decided from it, and the baselines that are complete with it.</summary>
    /// <returns>What was stored.</returns>
    /// <exception cref="WrongRevisionException">The partition is somebody else's.</exception>
    public async Task<IReadOnlyList<AlertEvent>> RecordAsync(JudgedWindow judged, int partition, CancellationToken stopping)
    {
        if (taken.TryGetValue(partition, out var because)) throw because;
        var closed = ClosedOf(judged, partition);
        var decided = judge.Decide(closed, judged);
        var place = $"{closed.Probe}|{closed.Offsets.Next}";
        await AppendAsync(
            StreamNames.Watch(closed.Monitor, partition), judged.Window.Sample,
            [(closed, place), .. decided.Select(fact => (fact, $"{place}|{NameOf(fact)}"))],
            closed.End,
            stopping);
        return [closed, .. decided, .. await FreezeBaselinesAsync(stopping)];
    }

    /// <summary>Freezes what has its rows; after a crash between a window and its baseline this makes up for it.</summary>
    public async Task<IReadOnlyList<AlertEvent>> FreezeBaselinesAsync(CancellationToken stopping)
    {
        var frozen = new List<AlertEvent>();
        while (Baselines.Due().FirstOrDefault() is { } baseline)
        {
            if (await AppendUnlessOvertakenAsync(StreamNames.Baseline(baseline.Monitor), [(baseline, $"{baseline.Probe}|{baseline.Encoding}|{baseline.Hash}")], baseline.End, stopping)) frozen.Add(baseline);
        }
        return frozen;
    }

    /// <summary>To a stream that any daemon of the group may write to. One that was faster is believed, and what is still to do is seen anew.</summary>
    /// <returns>False: somebody was faster.</returns>
    private async Task<bool> AppendUnlessOvertakenAsync(string stream, IReadOnlyList<(AlertEvent Fact, string Name)> facts, DateTimeOffset? time, CancellationToken stopping)
    {
        try
        {
            await AppendAsync(stream, null, facts, time, stopping);
            return true;
        }
        catch (WrongRevisionException overtaken) when (overtaken.Stream == stream)
        {
            await CatchUpAsync(stopping);
            return false;
        }
    }

    /// <summary>What tells facts of one type in one append apart; none for broad drift.</summary>
    private static string? NameOf(AlertEvent fact) => fact switch
    {
        HazardDetected hazard => hazard.Hazard,
        HazardEnded hazard => hazard.Hazard,
        DriftDetected drift => drift.Rule,
        DriftEnded drift => drift.Rule,
        _ => null,
    };

    private long RevisionOf(string stream) => revisions.GetValueOrDefault(stream, -1);

    /// <param name="attachment">To the first of the facts.</param>
    private async Task AppendAsync(string stream, byte[]? attachment, IReadOnlyList<(AlertEvent Fact, string Name)> facts, DateTimeOffset? time, CancellationToken stopping)
    {
        Guid? cause = null;
        var events = new List<NewEvent>(facts.Count);
        foreach (var (fact, name) in facts)
        {
            var id = EventId.From($"{stream}|{EventJson.TypeOf(fact)}|{name}");
            events.Add(new(id, EventJson.TypeOf(fact), time, "driftwatch", cause, EventJson.Write(fact), cause is null ? attachment : null));
            cause ??= id;
        }
        appended[stream] = await log.AppendAsync(stream, RevisionOf(stream), events, stopping);
        await CatchUpAsync(stopping);
    }

    private WindowClosed ClosedOf(JudgedWindow judged, int partition)
    {
        var (window, plan) = (judged.Window, judged.Plan);
        var summary = window.Summary;
        return new(
            window.Key.Monitor, window.Key.Probe, partition, window.Offsets, window.Start, window.End,
            summary.Rows, summary.Sequences, summary.RowsNotFinite, summary.RowsZero, summary.RowsOutlier, summary.Fvu, summary.L0.Ratio,
            window.Rejected, plan.Space.Id, plan.Space.Dictionary.Hash, plan.Transform.Hash, plan.EncodingHash, catalog.Hash, judged.Baseline?.Hash,
            judged.Findings, SummaryCodec.Encode(summary), window.Sample is null ? null : Convert.ToHexStringLower(SHA256.HashData(window.Sample)));
    }
}
