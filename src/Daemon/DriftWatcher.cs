using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Windows;
using DriftWatch.Ingest;
using DriftWatch.Ingest.Decoding;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon;

/// <summary>What the loop tells whoever watches it: reports, the demo, progress lines.</summary>
public interface IWatchObserver
{
    void Rejected(RawMessage message, string reason, string explanation);

    void Stored(IReadOnlyList<AlertEvent> facts);

    /// <summary>The message is done with; it need not come again unless an open window needs it.</summary>
    void Handled(RawMessage message);
}

/// <summary>The loop: read, analyse, decide, store, acknowledge. Store, believe, acknowledge: in that order.</summary>
/// <remarks>An unexpected error is not caught here: the host stops, the pod restarts, the fold rebuilds the state.</remarks>
public sealed partial class DriftWatcher(
    IActivationSource source,
    ActivationDecoder decoder,
    Catalog catalog,
    WatchRecord record,
    IDeadLetters deadLetters,
    WatchMetrics metrics,
    WatchProgress progress,
    TimeProvider time,
    ILogger<DriftWatcher> log,
    IWatchObserver? observer = null)
{
    /// <summary>Refused messages on their way to the dead-letter topic; at the bound the loop waits for them.</summary>
    private const int DeadLettersMaximum = 1000;

    /// <summary>The same bound in bytes: refused messages may be large.</summary>
    private const long DeadLetterBytesMaximum = 64L << 20;

    private readonly DriftAnalyzer analyzer = new(catalog);
    private readonly Dictionary<int, PartitionWatch> partitions = [];
    private readonly List<DeadLetter> deadLettersSent = [];
    private readonly HashSet<WindowKey> undecided = [];
    private readonly EncoderWatch encoders = new(log, catalog);

    private sealed record DeadLetter(int Partition, long Offset, int Bytes, Task Sent);

    private sealed record PartitionWatch(PartitionWindows Windows, PartitionPosition Position, CancellationToken Lost)
    {
        /// <summary>Everything before it is handled: what comes again is known.</summary>
        public long Next { get; set; }

        /// <summary>Offset of the message that already waited for the other partitions once.</summary>
        public long Waited { get; set; } = -1;
    }

    /// <param name="stopping">Take no further message; the one in work is finished.</param>
    /// <param name="giveUp">Leave that too.</param>
    public async Task RunAsync(CancellationToken stopping, CancellationToken giveUp)
    {
        await record.CatchUpAsync(stopping);
        await record.RecordCatalogAsync(stopping);
        await record.FreezeBaselinesAsync(stopping);
        foreach (var (from, rowsLeft, hadOther) in record.Baselines.Learning())
            if (hadOther) LogRelearning(from.Monitor, from.Probe, rowsLeft);
            else LogLearning(from.Monitor, from.Probe, rowsLeft);
        progress.Ready();

        try
        {
            await foreach (var happened in source.ReadAsync(stopping)) await HandleAsync(happened, giveUp);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !giveUp.IsCancellationRequested)
        {
        }
        await FlushDeadLettersAsync(giveUp);
    }

    private async Task HandleAsync(SourceEvent happened, CancellationToken giveUp)
    {
        using var step = progress.Begin();
        try
        {
            await TakeAsync(happened, giveUp);
        }
        catch (WrongRevisionException taken) when (StreamNames.PartitionIn(taken.Stream) is { } partition)
        {
            StandDown(partition, taken);
        }
        foreach (var (partition, taken) in record.Taken) StandDown(partition, taken);
    }

    private async Task TakeAsync(SourceEvent happened, CancellationToken giveUp)
    {
        switch (happened)
        {
            case PartitionAssigned assigned:
                await UnlessLostAsync(assigned.Partition, async token => assigned.BeginAt(await OpenAsync(assigned, token)), assigned.Lost, giveUp);
                break;
            case PartitionRevoked revoked:
                Drop(revoked.Partition);
                revoked.Dropped();
                break;
            // Of a partition that was given up nothing more is taken.
            case MessageReceived { Message: var message } when partitions.TryGetValue(message.Partition, out var partition) && message.Offset >= partition.Next:
                await UnlessLostAsync(message.Partition, token => WatchAsync(message, partition, token, giveUp), partition.Lost, giveUp);
                break;
        }
    }

    /// <summary>
    /// Somebody else has written windows of this partition. It is given up, its open windows with it, and the daemon goes on with the others: ending would take those from it too,
    /// and all would be read again elsewhere. Whether the partition is ours after all the group says.
    /// </summary>
    private void StandDown(int partition, WrongRevisionException taken)
    {
        Drop(partition);
        if (!source.GiveUp(partition)) throw taken;
        metrics.PartitionGivenUp();
        LogGivenUp(partition, taken.Message);
    }

    /// <summary>What is done for a partition ends when the partition is taken away: a rebalance must not wait for an event log that is away. Whether the append that was on its way is stored its next owner will see.</summary>
    private async Task UnlessLostAsync(int partition, Func<CancellationToken, Task> work, CancellationToken lost, CancellationToken giveUp)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, giveUp);
        try
        {
            await work(either.Token);
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested && !giveUp.IsCancellationRequested)
        {
            Drop(partition);
        }
    }

    private void Drop(int partition)
    {
        partitions.Remove(partition);
        record.Leave(partition);
    }

    private async Task<long?> OpenAsync(PartitionAssigned assigned, CancellationToken stopping)
    {
        await record.CatchUpAsync(stopping);
        // Its owner before may have died between a window and the baseline that is complete with it.
        await record.FreezeBaselinesAsync(stopping);
        record.Own(assigned.Partition);
        var position = record.PositionOf(assigned.Partition);
        partitions[assigned.Partition] = new(new(catalog.Models[0].Windows, position, RowsLeft), position, assigned.Lost);
        return position.OpenFrom;
    }

    private long? RowsLeft(WindowKey key) => catalog.PlanFor(key.Monitor) is { } plan ? record.Baselines.RowsLeft(key, plan.EncodingHash) : null;

    private async Task WatchAsync(RawMessage message, PartitionWatch partition, CancellationToken stopping, CancellationToken giveUp)
    {
        ActivationBatch batch;
        try
        {
            batch = decoder.Decode(message.Value, message.Headers, message.Timestamp);
        }
        catch (MalformedException error)
        {
            await RejectAsync(message, partition, error, stopping, giveUp);
            Acknowledge(message, partition);
            return;
        }

        if (await MustWaitAsync(batch, message.Offset, partition, stopping))
        {
            partition.Waited = message.Offset;
            source.Postpone(message.Partition, message.Offset);
            return;
        }

        // One by one: what a stored window completes (a baseline) is known before the next one closes.
        var repeated = partition.Windows.HasAlready(new(batch.Monitor, batch.Probe), message.Offset);
        using var closed = analyzer.Analyze(partition.Windows, batch, message.Offset).GetEnumerator();
        while (Timed(closed.MoveNext)) await StoreAsync(closed.Current, message.Partition, stopping);
        encoders.Look(catalog.PlanFor(batch.Monitor)!);
        if (!repeated) metrics.RowsTaken(batch.Monitor, analyzer.Rows.Kept, analyzer.Rows.NotFinite, analyzer.Rows.Zero, analyzer.Rows.Outliers);

        Acknowledge(message, partition);
    }

    /// <summary>Not past the oldest open window: after a crash its rows must be read again.</summary>
    private void Acknowledge(RawMessage message, PartitionWatch partition)
    {
        partition.Next = message.Offset + 1;
        // Nor past a refused message that is not with the dead letters yet.
        deadLettersSent.RemoveAll(letter => letter.Sent.IsCompletedSuccessfully);
        var unsent = long.MaxValue;
        foreach (var letter in deadLettersSent)
            if (letter.Partition == message.Partition) unsent = Math.Min(unsent, letter.Offset);
        source.Acknowledge(message.Partition, Math.Min(unsent, partition.Windows.OpenFrom(message.Offset + 1)), message.Offset + 1);
        observer?.Handled(message);
    }

    private bool Timed(Func<bool> analyze)
    {
        var began = time.GetTimestamp();
        var any = analyze();
        metrics.Encoded(time.GetElapsedTime(began));
        return any;
    }

    private async Task StoreAsync(ClosedWindow window, int partition, CancellationToken stopping)
    {
        // What the window counts as rejected must be safe before the window is.
        await FlushDeadLettersAsync(stopping);
        var plan = catalog.PlanFor(window.Key.Monitor)!;
        var judged = record.Judge(window, partition);
        var began = time.GetTimestamp();
        var facts = await record.RecordAsync(judged, partition, stopping);
        metrics.Stored((WindowClosed)facts[0], time.GetElapsedTime(began));
        LogBlindness((WindowClosed)facts[0], plan);
        foreach (var fact in facts) Log(fact);
        observer?.Stored(facts);
    }

    /// <summary>
    /// A window is about to close and its baseline is still being learned, maybe on another partition whose messages were sent earlier and are read later. Once those are read
    /// the window goes on, baseline or not. So a backlog of many partitions, after a crash too, is judged as it would have been when it came in.
    /// </summary>
    private async Task<bool> MustWaitAsync(ActivationBatch batch, long offset, PartitionWatch partition, CancellationToken stopping)
    {
        var plan = catalog.PlanFor(batch.Monitor)!;
        if (record.Baselines.For(plan, batch.Probe, catalog) is not null
            || plan.Baseline.From == batch.Monitor
            || partition.Windows.HasAlready(new(batch.Monitor, batch.Probe), offset)
            || !partition.Windows.MayClose(batch))
            return false;
        // Another daemon of the group may have frozen it.
        await record.CatchUpAsync(stopping);
        return source.CanPostpone && partition.Waited != offset && record.Baselines.For(plan, batch.Probe, catalog) is null;
    }

    /// <param name="giveUp">A letter outlives its partition here: to send it once more than needed does no harm.</param>
    private async Task RejectAsync(RawMessage message, PartitionWatch partition, MalformedException error, CancellationToken stopping, CancellationToken giveUp)
    {
        // Read again after a restart, and counted in a stored window: it is in the dead-letter topic.
        if (message.Offset < partition.Position.RejectedNext) return;
        // One line a reason and window: a flood of garbage must not flood the log. All of it is in the dead-letter topic.
        if (partition.Windows.Reject(error.Reason, message.Offset) == 1) LogRejected(message.Partition, message.Offset, error.Reason, error.Message);
        metrics.Rejected(error.Reason);
        observer?.Rejected(message, error.Reason, error.Message);
        deadLettersSent.Add(new(message.Partition, message.Offset, message.Value.Length, deadLetters.SendAsync(message.Kept(), error.Reason, error.Message, giveUp)));
        if (deadLettersSent.Count >= DeadLettersMaximum || deadLettersSent.Sum(letter => (long)letter.Bytes) >= DeadLetterBytesMaximum) await FlushDeadLettersAsync(stopping);
    }

    private async Task FlushDeadLettersAsync(CancellationToken stopping)
    {
        await Task.WhenAll(deadLettersSent.Select(letter => letter.Sent)).WaitAsync(stopping);
        deadLettersSent.Clear();
    }

    private void LogBlindness(WindowClosed window, ModelPlan plan)
    {
        var key = new WindowKey(window.Monitor, window.Probe);
        if (!window.Undecided) undecided.Remove(key);
        // The approved version's own windows are the baseline: that they are not judged is no surprise.
        else if (plan.Baseline.From != window.Monitor && undecided.Add(key))
            LogUndecided(window.Monitor, window.Baseline is null
                ? $"the baseline of {plan.Baseline.From} is not frozen yet"
                : $"{window.Sequences} sequences are too few (detection.sequencesMinimum is {plan.Detection.SequencesMinimum}); raise windows.rows");
    }

    private void Log(AlertEvent fact)
    {
        switch (fact)
        {
            case DriftDetected alert:
                LogDrift(alert.Alert, alert.Monitor, alert.Attribution, string.Join("; ", alert.Findings.Select(finding => $"{finding.Detector}: {finding.Because}")));
                break;
            case HazardDetected alert:
                LogHazard(alert.Alert, alert.Hazard, alert.Severity, alert.Monitor, alert.Summary, string.Join("; ", alert.Findings.Select(finding => finding.Because)));
                break;
            case DriftEnded alert:
                LogEnded(alert.Alert, alert.Monitor, alert.Rule ?? AlarmKey.DriftRule);
                break;
            case HazardEnded alert:
                LogEnded(alert.Alert, alert.Monitor, alert.Hazard);
                break;
            case BaselineFrozen baseline:
                LogFrozen(baseline.Monitor, baseline.Rows, baseline.Sequences, baseline.Hash);
                break;
        }
    }

    [LoggerMessage(LogLevel.Warning, "Message at partition {Partition} offset {Offset} rejected ({Reason}): {Explanation}. More of this reason are counted and not logged until a window closes")]
    private partial void LogRejected(int partition, long offset, string reason, string explanation);

    [LoggerMessage(LogLevel.Warning, "Alert {Alert}: drift of {Monitor}, attribution {Attribution}. {Findings}")]
    private partial void LogDrift(string alert, MonitorId monitor, string attribution, string findings);

    [LoggerMessage(LogLevel.Warning, "Alert {Alert}: hazard {Hazard} ({Severity}) in {Monitor}: {Summary}. {Findings}")]
    private partial void LogHazard(string alert, string hazard, Analysis.Detection.Severity severity, MonitorId monitor, string summary, string findings);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} is given up, its open windows are dropped: {Reason}. If it is still this daemon's it is begun anew behind what is stored")]
    private partial void LogGivenUp(int partition, string reason);

    [LoggerMessage(LogLevel.Information, "Alert {Alert} of {Monitor} ended: {Rule}")]
    private partial void LogEnded(string alert, MonitorId monitor, string rule);

    [LoggerMessage(LogLevel.Information, "The {Probe} baseline of {Monitor} lacks {Rows} rows; until it is frozen windows are stored and nothing is decided from them")]
    private partial void LogLearning(MonitorId monitor, Probe probe, long rows);

    [LoggerMessage(LogLevel.Warning, "The {Probe} baseline of {Monitor} was frozen for another dictionary, transform or outlierNorm and is learned anew: {Rows} more rows of that version are needed, and until then nothing is decided")]
    private partial void LogRelearning(MonitorId monitor, Probe probe, long rows);

    [LoggerMessage(LogLevel.Warning, "A window of {Monitor} was not judged: {Reason}. Said once until one is; driftwatch_windows_undecided_total counts them")]
    private partial void LogUndecided(MonitorId monitor, string reason);

    [LoggerMessage(LogLevel.Information, "Baseline of {Monitor} frozen: {Rows} rows, {Sequences} sequences, {Hash}")]
    private partial void LogFrozen(MonitorId monitor, long rows, long sequences, string hash);
}
