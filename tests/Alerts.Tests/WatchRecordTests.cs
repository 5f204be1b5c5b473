using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests;

/// <summary>Two daemons that write to the same stream, one that is nobody's, in the same moment.</summary>
public sealed class WatchRecordTests
{
    [Fact]
    public async Task Daemons_that_start_with_other_catalogs_in_the_same_moment_both_record_theirs()
    {
        var log = new InMemoryEventLog();
        var (mine, theirs) = (Some.Catalog(Some.Plan()), Some.Catalog(Some.Plan()) with { Hash = new('d', 64) });
        var record = new WatchRecord(new OvertakenLog(log, StreamNames.Catalog, () => new WatchRecord(log, theirs).RecordCatalogAsync(default)), mine);

        await record.RecordCatalogAsync(default);

        Assert.Equal([theirs.Hash, mine.Hash], (await FactsAsync(log)).OfType<CatalogChanged>().Select(change => change.Hash));
    }

    [Fact]
    public async Task A_baseline_that_another_daemon_froze_meanwhile_is_believed_and_ones_own_is_frozen_behind_it()
    {
        var (log, apart) = (new InMemoryEventLog(), new InMemoryEventLog());
        // Of ten rows a window.
        var plan = Some.Plan();
        plan = plan with { Baseline = plan.Baseline with { Rows = 20, CanaryRows = 20 } };
        var stream = StreamNames.Baseline(plan.Baseline.From);
        // It has not seen what is stored here when it freezes its own.
        await StoreAsync(new(apart, Some.Catalog(plan)), Probe.Canary, 1);
        var canary = await apart.ReadStreamAsync(stream, 0, default).SingleAsync();
        var record = new WatchRecord(new OvertakenLog(log, stream, () => log.AppendAsync(stream, -1, [new(canary.Id, canary.Type, canary.Time, canary.Actor, canary.Causation, canary.Data)], default)), Some.Catalog(plan));

        await StoreAsync(record, Probe.Traffic, 0);

        Assert.Equal([Probe.Canary, Probe.Traffic], (await FactsAsync(log)).OfType<BaselineFrozen>().Select(baseline => baseline.Probe));
        Assert.Empty(record.Baselines.Due());

        async Task StoreAsync(WatchRecord by, Probe probe, int partition)
        {
            await by.CatchUpAsync(default);
            for (var i = 0; i < 2; i++) await by.RecordAsync(Some.Judged(i, plan, [], plan.Baseline.From, probe), partition, default);
        }
    }

    private static async Task<List<AlertEvent>> FactsAsync(IEventLog log)
    {
        var facts = new List<AlertEvent>();
        await foreach (var stored in log.ReadAllAsync(0, default)) facts.Add(EventJson.Read(stored.Data));
        return facts;
    }

    /// <summary>Somebody else writes first, once.</summary>
    private sealed class OvertakenLog(IEventLog log, string overtaken, Func<Task> first) : IEventLog
    {
        private bool done;

        public async Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping)
        {
            if (stream == overtaken && !done)
            {
                done = true;
                await first();
            }
            return await log.AppendAsync(stream, expectedRevision, events, stopping);
        }

        public IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken stopping) => log.ReadStreamAsync(stream, fromRevision, stopping);

        public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => log.ReadAttachmentAsync(id, stopping);

        public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => log.ReadAllAsync(afterPosition, stopping);

        public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => log.SubscribeAsync(afterPosition, stopping);
    }
}
