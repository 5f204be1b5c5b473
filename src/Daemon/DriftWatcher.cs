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

    /// <summary>Messages that are at hand are encoded together, up to so many rows: more do not read the weights less often. And up to so many numbers in them (16 MiB), and messages: their rows may all be left out.</summary>
    internal const int RowsTogether = 1024, MessagesTogether = 256;
    internal const long NumbersTogether = 4L << 20;

    private readonly DriftAnalyzer analyzer = new(catalog);
    private readonly BatchGroup together = new();
    private readonly List<Decoded> decoded = [];
    private readonly Dictionary<int, PartitionWatch> partitions = [];
    private readonly List<DeadLetter> deadLettersSent = [];
    private readonly HashSet<WindowKey> undecided = [];
    private readonly EncoderWatch encoders = new(log, catalog);

    private sealed record DeadLetter(int Partition, long Offset, int Bytes, Task Sent);

    /// <summary>A message that waits to be encoded with others. Its bytes are the source's again, unless it is refused.</summary>
    /// <param name="Batch">Null: it is refused.</param>
    /// <param name="Encoded">Null: there is nothing to encode, or a stored window has it already.</param>
    /// <param name="Selecting">Time that it took so far.</param>
    private readonly record struct Decoded(RawMessage Message, PartitionWatch Partition, ActivationBatch? Batch, EncodedBatch? Encoded, TimeSpan Selecting, MalformedException? Refused);

    private sealed record PartitionWatch(PartitionWindows Windows, PartitionPosition Position, CancellationToken Lost)
    {
        /// <summary>Everything before it is decoded: what comes again is known.</summary>
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
            await foreach (var happened in source.ReadAsync(stopping))
            {
                if (happened is PartitionAssigned) await WatchDecodedAsync(giveUp);
                await HandleAsync(() => TakeAsync(happened, giveUp));
                if (IsEnough || !source.MoreAtHand) await WatchDecodedAsync(giveUp);
            }
            await WatchDecodedAsync(giveUp);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !giveUp.IsCancellationRequested)
        {
        }
        await FlushDeadLettersAsync(giveUp);
    }

    private async Task HandleAsync(Func<Task> work)
    {
        using var step = progress.Begin();
        try
        {
            await work();
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
                Decode(message, partition);
                break;
        }
    }

    private void Decode(RawMessage message, PartitionWatch partition)
    {
        var began = time.GetTimestamp();
        try
        {
            var batch = decoder.Decode(message.Value, message.Headers, message.Timestamp);
            var encoded = partition.Windows.HasAlready(new(batch.Monitor, batch.Probe), message.Offset) ? null : together.Add(batch, catalog.PlanFor(batch.Monitor)!);
            decoded.Add(new(message with { Value = default }, partition, batch with { Data = default }, encoded, time.GetElapsedTime(began), null));
        }
        catch (MalformedException error)
        {
            decoded.Add(new(message, partition, null, null, default, error));
        }
        partition.Next = message.Offset + 1;
    }

    /// <summary>A refused message is the last one: its bytes are valid until the source is asked for more.</summary>
    private bool IsEnough => together.Rows >= RowsTogether || together.Numbers >= NumbersTogether || decoded is [.., { Refused: not null }] or { Count: >= MessagesTogether };

    /// <summary>Encodes what is decoded, and takes one message after the other into its window, in the order in which they came.</summary>
    private async Task WatchDecodedAsync(CancellationToken giveUp)
    {
        if (decoded.Count == 0) return;
        var began = time.GetTimestamp();
        using (progress.Begin()) together.Encode();
        var perRow = time.GetElapsedTime(began) / Math.Max(1, together.Rows);
        foreach (var one in decoded)
        {
            // Taken away, given up or begun anew since.
            if (partitions.GetValueOrDefault(one.Message.Partition) != one.Partition || one.Message.Offset >= one.Partition.Next) continue;
            await HandleAsync(() => UnlessLostAsync(one.Message.Partition, async token =>
            {
                if (one.Refused is { } error) await RejectAsync(one.Message, one.Partition, error, token, giveUp);
                else if (!await WatchAsync(one, one.Batch!, one.Selecting + perRow * (one.Encoded?.Rows.Kept ?? 0), token)) return;
                Acknowledge(one.Message, one.Partition);
            }, one.Partition.Lost, giveUp));
        }
        decoded.Clear();
        together.Clear();
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

    /// <param name="encoding">Time that its part of the encoding took.</param>
    /// <returns>False: it waits, and comes again.</returns>
    private async Task<bool> WatchAsync(Decoded one, ActivationBatch batch, TimeSpan encoding, CancellationToken stopping)
    {
        var (message, partition) = (one.Message, one.Partition);
        if (await MustWaitAsync(batch, message.Offset, partition, stopping))
        {
            partition.Waited = message.Offset;
            // This one and those decoded behind it come again.
            partition.Next = message.Offset;
            source.Postpone(message.Partition, message.Offset);
            return false;
        }

        // One by one: what a stored window completes (a baseline) is known before the next one closes.
        using var closed = analyzer.Analyze(partition.Windows, batch, one.Encoded, message.Offset).GetEnumerator();
        while (Timed(closed.MoveNext, ref encoding)) await StoreAsync(closed.Current, message.Partition, stopping);
        metrics.Encoded(encoding);
        if (one.Encoded is { Rows: var rows, Plan: var plan })
        {
            encoders.Look(plan);
            metrics.RowsTaken(batch.Monitor, rows.Kept, rows.NotFinite, rows.Zero, rows.Outliers);
        }
        return true;
    }

    /// <summary>Not past the oldest open window: after a crash its rows must be read again.</summary>
    private void Acknowledge(RawMessage message, PartitionWatch partition)
    {
        // Nor past a refused message that is not with the dead letters yet.
        deadLettersSent.RemoveAll(letter => letter.Sent.IsCompletedSuccessfully);
        var unsent = long.MaxValue;
        foreach (var letter in deadLettersSent)
            if (letter.Partition == message.Partition) unsent = Math.Min(unsent, letter.Offset);
        source.Acknowledge(message.Partition, Math.Min(unsent, partition.Windows.OpenFrom(message.Offset + 1)), message.Offset + 1);
        observer?.Handled(message);
    }

    private bool Timed(Func<bool> analyze, ref TimeSpan so)
    {
        var began = time.GetTimestamp();
        var any = analyze();
        so += time.GetElapsedTime(began);
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
