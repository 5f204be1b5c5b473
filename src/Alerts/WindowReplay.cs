using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>A stored fact, and for a window what is decided from it now.</summary>
/// <param name="Closed">The window with its new findings, without its sums; null: no window, or one that cannot be re-decided.</param>
/// <param name="Decided">What follows from it.</param>
/// <param name="NotCounted">Rules that name sets or probes which this window did not count and no sample beside it answers for, and which.</param>
/// <param name="Measured">What the caller asked for.</param>
public sealed record ReplayStep(
    StoredEvent Stored, AlertEvent Fact, WindowClosed? Closed, IReadOnlyList<AlertEvent> Decided, ImmutableArray<(string Rule, string Names)> NotCounted, object? Measured);

/// <summary>Stored windows, judged and decided anew under a catalog: a function of the log and the catalog. Writes nothing.</summary>
/// <remarks>
/// The daemon's own steps (<see cref="WindowJudge"/>), so that under the same catalog the same follows. Windows are as they are: sums, offsets and novelty scores stay what they were.
/// A window is compared with the baseline that was frozen before it in the log; one that the log never froze (the catalog names another version) is learned from its stored windows as the daemon would.
/// Reads page by page; decoding is spread over windows and judging over monitors, so memory is a page and the result does not depend on the number of cores.
/// </remarks>
/// <param name="only">These monitors; empty: all.</param>
/// <param name="measure">Asked for every window that is judged, by several threads.</param>
public sealed class WindowReplay(Catalog catalog, IReadOnlySet<MonitorId> only, Func<JudgedWindow, object?>? measure = null)
{
    /// <summary>A page is full at either: a window is up to a megabyte, and several times that when unpacked.</summary>
    private const int PageEvents = 64, PageBytes = 8 << 20;

    private readonly BaselineBook baselines = new(BaselineTargets.Of(catalog));
    private readonly HashSet<(WindowKey, string Encoding)> frozenInLog = [];
    private readonly Dictionary<MonitorId, WindowJudge> judges = [];
    private readonly WindowSamples samples = new();

    /// <summary>Threads; the result is the same with any number.</summary>
    public int Parallelism { get; init; } = Environment.ProcessorCount;

    public async IAsyncEnumerable<ReplayStep> RunAsync(IEventLog log, [EnumeratorCancellation] CancellationToken stopping)
    {
        foreach (var from in catalog.Models.Select(plan => plan.Baseline.From).Distinct())
            await foreach (var stored in log.ReadStreamAsync(StreamNames.Baseline(from), 0, stopping))
                if (EventJson.Read(stored.Data) is BaselineFrozen frozen) frozenInLog.Add((new(frozen.Monitor, frozen.Probe), frozen.Encoding));

        await using var events = log.ReadAllAsync(0, stopping).GetAsyncEnumerator(stopping);
        var next = Task.Run(() => PageAsync(events), stopping);
        while (await next is { Count: > 0 } page)
        {
            next = Task.Run(() => PageAsync(events), stopping);
            foreach (var step in await StepsAsync(page, log, stopping)) yield return step;
        }
    }

    private async Task<List<StoredEvent>> PageAsync(IAsyncEnumerator<StoredEvent> events)
    {
        var (page, bytes) = (new List<StoredEvent>(), 0L);
        while (page.Count < PageEvents && bytes < PageBytes && await events.MoveNextAsync())
        {
            if (!IsWanted(events.Current.Stream)) continue;
            page.Add(events.Current);
            bytes += events.Current.Data.Length;
        }
        return page;
    }

    /// <summary>Windows of other monitors are not even parsed, unless a baseline is to be learned from them.</summary>
    private bool IsWanted(string stream) =>
        only.Count == 0 || !stream.StartsWith(StreamNames.WatchPrefix, StringComparison.Ordinal)
        || only.Concat(catalog.Models.Select(plan => plan.Baseline.From)).Any(monitor => stream.StartsWith($"{StreamNames.WatchPrefix}{monitor}-", StringComparison.Ordinal));

    private async Task<IEnumerable<ReplayStep>> StepsAsync(List<StoredEvent> page, IEventLog log, CancellationToken stopping)
    {
        var jobs = new Job[page.Count];
        Spread(page.Count, at => jobs[at] = new(page[at], EventJson.Read(page[at].Data)), stopping);
        foreach (var job in jobs) Prepare(job);
        Spread(page.Count, at => jobs[at].Unpack(), stopping);
        foreach (var job in jobs) await CompleteAsync(job, log, stopping);
        // A monitor's windows in order, on all its partitions: what canary windows say of one counts for another.
        var monitors = jobs.Where(job => job.Fact is WindowClosed).GroupBy(job => ((WindowClosed)job.Fact).Monitor).Select(group => (Judge: JudgeOf(group.Key), Jobs: group.ToArray())).ToArray();
        Spread(monitors.Length, at => Array.ForEach(monitors[at].Jobs, job => Decide(monitors[at].Judge, job)), stopping);
        return jobs.Where(job => only.Count == 0 || job.Fact is not WindowClosed window || only.Contains(window.Monitor)).Select(job => new ReplayStep(job.Stored, job.Fact, job.Closed, job.Decided, job.NotCounted, job.Measured));
    }

    /// <summary>What a window is compared with, in the order of the log.</summary>
    private void Prepare(Job job)
    {
        samples.Evolve(job.Fact, job.Stored.Id);
        if (job.Fact is BaselineFrozen) baselines.Evolve(job.Fact, job.Stored.Id);
        if (job.Fact is not WindowClosed window || catalog.PlanFor(window.Monitor) is not { } plan || plan.EncodingHash != window.Encoding) return;
        if (only.Count == 0 || only.Contains(window.Monitor)) (job.Plan, job.Baseline) = (plan, baselines.For(plan, window.Probe, catalog));
        // Another daemon froze it, and the one that stored this window had not read that yet.
        if (window.Baseline is null && window.Catalog == catalog.Hash) job.Baseline = null;
        var key = (new WindowKey(window.Monitor, window.Probe), window.Encoding);
        if (frozenInLog.Contains(key) || baselines.RowsLeft(key.Item1, key.Encoding) is null) return;
        baselines.Evolve(window, job.Stored.Id);
        foreach (var due in baselines.Due())
        {
            samples.Evolve(due, job.Stored.Id);
            baselines.Evolve(due, job.Stored.Id);
        }
    }

    /// <summary>Sets that no rule watched at the time are looked for in the samples beside the windows.</summary>
    private async Task CompleteAsync(Job job, IEventLog log, CancellationToken stopping)
    {
        if (job.Plan is not { Sets.Length: > 0 } plan) return;
        job.Summary = await samples.CompletedAsync(job.Summary!, job.Stored.Id, plan.Sets, log, stopping);
        if (job.Baseline is not null) job.Baseline = await samples.CompletedAsync(job.Baseline, plan.Sets, log, stopping);
    }

    private void Decide(WindowJudge judge, Job job)
    {
        var stored = (WindowClosed)job.Fact;
        if (job.Plan is not { } plan)
        {
            // Counted, so that an alert's window has the number that it has in the log; what was found in it says nothing here.
            judge.Evolve(stored with { Findings = [], Summary = [] });
            return;
        }
        var summary = job.Summary!;
        job.Summary = null;
        // Learned and scored beside another baseline: it says nothing beside this one.
        if (job.Baseline?.Hash != stored.Baseline) summary = summary with { Scores = summary.Scores.Remove(ScoreNames.Contrast) };
        var window = new ClosedWindow(new(stored.Monitor, stored.Probe), stored.Offsets, stored.Start, stored.End, stored.Rejected, summary);
        var judged = judge.Judge(window, stored.Partition, plan, job.Baseline, novelty: null);
        job.Closed = stored with { Space = plan.Space.Id, Catalog = catalog.Hash, Baseline = job.Baseline?.Hash, Findings = judged.Findings, Summary = [] };
        job.Decided = judge.Decide(job.Closed, judged);
        judge.Evolve(job.Closed);
        foreach (var fact in job.Decided) judge.Evolve(fact);
        if (job.Baseline is not { } baseline) return;
        judge.Take(window.Key, stored.Partition, plan, baseline, summary, stored.End);
        job.NotCounted = [.. plan.Hazards.Select(rule => (rule.Id, Names: NotCounted(rule, summary))).Where(rule => rule.Names.Length > 0)];
        job.Measured = measure?.Invoke(judged);
    }

    private static string NotCounted(HazardRule rule, WindowSummary summary) => string.Join(", ", rule.Sets.Where(set => set.MustBeCounted && !summary.Counting(set).Sets.ContainsKey(set.Key)).Select(set => set.Key)
        .Concat(rule.Directions.Where(direction => summary.Sequences > 0 && !summary.Scores.ContainsKey(direction.ScoreName)).Select(direction => direction.ScoreName)).Distinct(StringComparer.Ordinal));

    private WindowJudge JudgeOf(MonitorId monitor)
    {
        if (!judges.TryGetValue(monitor, out var judge)) judges[monitor] = judge = new();
        return judge;
    }

    private void Spread(int count, Action<int> work, CancellationToken stopping)
    {
        try
        {
            Parallel.For(0, count, new() { MaxDegreeOfParallelism = Parallelism, CancellationToken = stopping }, work);
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }
    }

    /// <summary>One event of a page on its way.</summary>
    private sealed class Job(StoredEvent stored, AlertEvent fact)
    {
        public StoredEvent Stored { get; } = stored;
        public AlertEvent Fact { get; } = fact;
        public ModelPlan? Plan { get; set; }
        public Baseline? Baseline { get; set; }
        public WindowSummary? Summary { get; set; }
        public WindowClosed? Closed { get; set; }
        public IReadOnlyList<AlertEvent> Decided { get; set; } = [];
        public ImmutableArray<(string Rule, string Names)> NotCounted { get; set; } = [];
        public object? Measured { get; set; }

        public void Unpack()
        {
            if (Plan is not null) Summary = SummaryCodec.Decode(((WindowClosed)Fact).Summary);
        }
    }
}
