using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Ingest.Kafka;

/// <summary>① Messages from a Kafka topic, as one member of a consumer group.</summary>
/// <remarks>
/// One thread polls, so that heartbeats go on while messages are analysed. Messages wait in a queue bounded by bytes; at the bound all partitions are paused.
/// Offsets are the event log's: a partition begins where the reader says. What Kafka's group stores is for lag tools only.
/// </remarks>
/// <param name="hold">Is something away without which the reader cannot go on? Then the partitions are paused at once and polled on; what has been read stays, within its bound.</param>
/// <param name="pool">Of the arrays that message values lie in, each from its arrival until the reader asks for the event behind it.</param>
public sealed partial class KafkaActivationSource(KafkaOptions options, ILogger<KafkaActivationSource> log, Func<bool>? hold = null, ArrayPool<byte>? pool = null) : IActivationSource, IDisposable
{
    /// <summary>Long before the group would take the partitions from a member that does not poll.</summary>
    private readonly TimeSpan pauseAfter = TimeSpan.FromSeconds(Math.Min(10, options.PollWithin.TotalSeconds / 4));
    private static readonly TimeSpan pollTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>A daemon that was asleep hears within a heartbeat that the partition is another's; one that is right loses this much time.</summary>
    private static readonly TimeSpan retakeAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan watermarkTimeout = TimeSpan.FromSeconds(2);

    /// <summary>How long a rebalance waits for the reader. Behind that it goes on without: a partition that is taken away is cut off by the event log's fence, one that is given begins when the reader says where.</summary>
    private readonly TimeSpan rebalancePatience = TimeSpan.FromSeconds(Math.Min(10, options.PollWithin.TotalSeconds / 4));

    /// <summary>Ends and acknowledged offsets are for eyes: at each message they would cost more than the message.</summary>
    private static readonly TimeSpan reportEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>To wake a waiting reader takes longer than to read a small message: what the client has at hand goes to it together, up to this many messages or bytes.</summary>
    private const int TogetherMaximum = 64, TogetherBytes = 256 << 10;

    /// <summary>What a message takes beside its bytes, roughly: a flood of empty ones must meet the bound too.</summary>
    internal const int MessageOverheadBytes = 512;

    /// <summary>For the last word with the group; without it the group finds out by the session's timeout.</summary>
    private static readonly TimeSpan closePatience = TimeSpan.FromSeconds(8);

    private readonly Channel<Queued> queue = Channel.CreateUnbounded<Queued>(new() { SingleReader = true, SingleWriter = true });
    private readonly ConcurrentQueue<Action<IConsumer<byte[]?, ArraySegment<byte>>>> commands = new();

    // Messages of an earlier assignment, or from before a postponement, are dropped by this number. The polling thread stamps messages with the number it has heard of:
    // between a postponement and its command it still takes messages, which must be dropped too.
    private readonly ConcurrentDictionary<int, int> generations = new();
    private readonly Dictionary<int, int> stamps = [];
    private readonly ConcurrentDictionary<int, long> read = new();
    private readonly ConcurrentDictionary<int, long> ends = new();

    // By the reader for the group, not stored with the client yet.
    private readonly ConcurrentDictionary<int, long> acknowledged = new();
    private readonly Dictionary<int, (long Offset, Dictionary<int, long>? Until)> postponed = [];
    private readonly Dictionary<int, long> givenUp = [];
    private readonly Dictionary<int, CancellationTokenSource> held = [];

    // Assigned, and the reader has not said yet where to begin: nothing is read of them.
    private readonly Dictionary<int, PartitionAssigned> unbegun = [];
    private readonly AutoResetEvent room = new(false);

    // A little below the bound, and only when it is crossed: to wake the poller for each message takes longer than to read a small one. It looks by itself every now and then.
    private readonly long wakeBelow = options.BytesInFlight - options.BytesInFlight / 16;

    // Room for a queue at its bound, the message in the reader's hand and the one that passed the bound.
    private readonly ArrayPool<byte> buffers = pool ?? new MessageBuffers(options.BytesInFlight + options.BytesInFlight / 4);

    // The polling thread's: not handed over yet.
    private readonly List<Queued> together = new(TogetherMaximum);
    private int togetherBytes;
    private long bytesQueued;
    private long fullSince;
    private long reportedAt;
    private bool paused, holding;

    // Partitions that came since the pause are not paused yet.
    private bool assignedSincePause;

    /// <param name="Event">Null: the partition was read to its end, <paramref name="End"/>.</param>
    /// <param name="Buffer">Where the message's value lies, lent.</param>
    private readonly record struct Queued(SourceEvent? Event, int Partition, int Generation, int Bytes, long End = 0, byte[]? Buffer = null);

    /// <summary>Messages between what was analysed and the end of each assigned partition, as the client last heard.</summary>
    public IEnumerable<(int Partition, long Messages)> Lag() => ends.Select(end => (end.Key, Math.Max(0, end.Value - read.GetValueOrDefault(end.Key))));

    /// <summary>Bytes of messages' arrays, with keys, headers and <see cref="MessageOverheadBytes"/> each, read and not yet handed to the reader.</summary>
    internal long BytesQueued => Interlocked.Read(ref bytesQueued);

    public string Topic => options.Topic;

    public bool CanPostpone => ends.Count > 1;

    // A message of an earlier generation is dropped when its turn comes, and the one behind it may be long in coming. Where it becomes one only now, an event about its partition follows.
    public bool MoreAtHand => queue.Reader.TryPeek(out var next) && (next.Event is MessageReceived ? next.Generation == GenerationOf(next.Partition) : next.Event is not null);

    public async IAsyncEnumerable<SourceEvent> ReadAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stopping)
    {
        // Not linked: while the reader finishes its last message the group must not give its partition to another.
        using var stop = new CancellationTokenSource();
        var polling = Task.Factory.StartNew(() => Poll(stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            while (await queue.Reader.WaitToReadAsync(stopping))
            {
                while (queue.Reader.TryRead(out var queued))
                {
                    // With a queue that is never empty reading would never end.
                    stopping.ThrowIfCancellationRequested();
                    var left = Interlocked.Add(ref bytesQueued, -queued.Bytes);
                    if (left < wakeBelow && left + queued.Bytes >= wakeBelow) room.Set();
                    if (queued.Event is not (null or MessageReceived) || queued.Generation == GenerationOf(queued.Partition))
                    {
                        if (queued.Event is { } happened) yield return happened;
                        else read[queued.Partition] = Math.Max(read.GetValueOrDefault(queued.Partition), queued.End);
                    }
                    // Nowhere else is one given back that the reader could have seen: it has asked for the next event.
                    if (queued.Buffer is { } buffer) buffers.Return(buffer);
                }
            }
        }
        finally
        {
            await stop.CancelAsync();
            try
            {
                await polling.WaitAsync(closePatience, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                LogNotLeft();
            }
        }
    }

    public void Acknowledge(int partition, long openFrom, long next)
    {
        read[partition] = next;
        acknowledged[partition] = openFrom;
    }

    public void Postpone(int partition, long offset)
    {
        // At once, so that what is queued behind the message does not reach the reader before it.
        NextGeneration(partition);
        commands.Enqueue(consumer =>
        {
            stamps[partition] = GenerationOf(partition);
            // Taken away meanwhile: its next owner begins where the log says.
            if (!consumer.Assignment.Exists(assigned => assigned.Partition.Value == partition)) return;
            consumer.Pause([new(options.Topic, partition)]);
            postponed[partition] = (offset, null);
            LogPostponed(partition, offset);
        });
    }

    public bool GiveUp(int partition)
    {
        NextGeneration(partition);
        commands.Enqueue(consumer =>
        {
            stamps[partition] = GenerationOf(partition);
            postponed.Remove(partition);
            if (!consumer.Assignment.Exists(assigned => assigned.Partition.Value == partition)) return;
            consumer.Pause([new(options.Topic, partition)]);
            givenUp[partition] = Stopwatch.GetTimestamp();
        });
        return true;
    }

    public void Dispose() => room.Dispose();

    private int GenerationOf(int partition) => generations.GetValueOrDefault(partition);

    private int NextGeneration(int partition) => generations.AddOrUpdate(partition, 1, (_, generation) => generation + 1);

    private void Poll(CancellationToken stopping)
    {
        try
        {
            using var consumer = BuildConsumer(stopping);
            consumer.Subscribe(options.Topic);
            try
            {
                while (!stopping.IsCancellationRequested) PollOnce(consumer);
            }
            finally
            {
                RunCommands(consumer);
                StoreAcknowledged(consumer);
                consumer.Close();
            }
            queue.Writer.TryComplete();
        }
        catch (Exception error)
        {
            // The reader throws it; the host stops and the pod restarts.
            queue.Writer.TryComplete(stopping.IsCancellationRequested ? null : Explained(error));
        }
    }

    private Exception Explained(Exception error) => error is KafkaException { Error.Code: ErrorCode.FencedInstanceId } fenced
        ? new InvalidOperationException($"kafka.settings.group.instance.id '{options.Settings.GetValueOrDefault("group.instance.id")}' is used by another daemon of group {options.Group} too, and Kafka has shut this one out. Give each daemon its own, as in ${{HOSTNAME}}. If none uses it, Kafka was away while this daemon joined: start it again", fenced)
        : error;

    private void PollOnce(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        RunCommands(consumer);
        ReleasePostponed(consumer);
        RetakeGivenUp();
        Begin(consumer);
        if (!HasRoom(consumer)) return;
        var waits = together.Count == 0;
        ConsumeResult<byte[]?, ArraySegment<byte>>? result;
        try
        {
            result = consumer.Consume(waits ? pollTimeout : TimeSpan.Zero);
        }
        catch (ConsumeException error) when (!error.Error.IsFatal)
        {
            // A broker that is away, a topic that does not exist yet: the client keeps trying by itself.
            LogConsume(error.Error.Reason);
            return;
        }
        if (result is null && !waits)
        {
            HandOver();
            return;
        }
        if (result is null or { IsPartitionEOF: true } || Stopwatch.GetElapsedTime(reportedAt) >= reportEvery) Report(consumer);
        if (result is null) return;
        if (unbegun.ContainsKey(result.Partition.Value))
        {
            // Not where the reader will begin: what was fetched before it could be paused.
            if (result.Message?.Value is { Count: > 0, Array: { } unread }) buffers.Return(unread);
            return;
        }
        if (result.IsPartitionEOF)
        {
            // Markers of transactions and what compaction took have offsets and no messages: the last message does not show that the end is reached.
            Enqueue(null, result.Partition.Value, 0, result.Offset.Value);
            return;
        }
        var (partition, value, key) = (result.Partition.Value, result.Message.Value, result.Message.Key ?? []);
        var headers = HeadersOf(result.Message, out var headerBytes);
        var buffer = value.Count == 0 ? null : value.Array;
        var message = new RawMessage(partition, result.Offset.Value, value, key, headers, TimeOf(result.Message.Timestamp));
        Enqueue(new MessageReceived(message), partition, MessageOverheadBytes + (buffer?.Length ?? 0) + key.Length + headerBytes, buffer: buffer);
        if (together.Count == TogetherMaximum || togetherBytes >= TogetherBytes) HandOver();
    }

    private static KeyValuePair<string, byte[]?>[] HeadersOf(MessageMetadata message, out int bytes)
    {
        bytes = 0;
        if (message.Headers is not { Count: > 0 and var count } all) return [];
        var headers = new KeyValuePair<string, byte[]?>[count];
        for (var i = 0; i < count; i++)
        {
            headers[i] = new(all[i].Key, all[i].GetValueBytes());
            bytes += headers[i].Key.Length + (headers[i].Value?.Length ?? 0);
        }
        return headers;
    }

    /// <summary>Producers write any 64 bits they like; what is no time is none.</summary>
    private static DateTimeOffset? TimeOf(Timestamp timestamp) =>
        timestamp.Type != TimestampType.NotAvailable && timestamp.UnixTimestampMs >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && timestamp.UnixTimestampMs <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(timestamp.UnixTimestampMs)
            : null;

    private void Enqueue(SourceEvent? happened, int partition, int bytes, long end = 0, byte[]? buffer = null)
    {
        Interlocked.Add(ref bytesQueued, bytes);
        togetherBytes += bytes;
        together.Add(new(happened, partition, stamps.GetValueOrDefault(partition), bytes, end, buffer));
    }

    private void HandOver()
    {
        foreach (var queued in together) queue.Writer.TryWrite(queued);
        together.Clear();
        togetherBytes = 0;
    }

    private void RunCommands(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        while (commands.TryDequeue(out var command)) command(consumer);
    }

    /// <summary>
    /// At the bound the client is simply not asked for messages: a pause would throw away what it has fetched. Only when the reader stays behind are the partitions paused and
    /// polled on, since a member that does not poll loses them.
    /// </summary>
    private bool HasRoom(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        var away = hold?.Invoke() ?? false;
        if (away != holding)
        {
            holding = away;
            if (away) LogHolding(Interlocked.Read(ref bytesQueued));
            else LogGoingOn();
        }
        if (paused)
        {
            if (away || Interlocked.Read(ref bytesQueued) > options.BytesInFlight / 2)
            {
                if (assignedSincePause) consumer.Pause(consumer.Assignment);
                assignedSincePause = false;
                return true;
            }
            consumer.Resume(consumer.Assignment.Where(assigned => IsRead(assigned.Partition.Value)));
            (paused, fullSince) = (false, 0);
            return true;
        }
        if (!away && Interlocked.Read(ref bytesQueued) < options.BytesInFlight)
        {
            fullSince = 0;
            return true;
        }
        if (fullSince == 0) fullSince = Stopwatch.GetTimestamp();
        if (!away && Stopwatch.GetElapsedTime(fullSince) < pauseAfter)
        {
            HandOver();
            room.WaitOne(pollTimeout);
            return false;
        }
        consumer.Pause(consumer.Assignment);
        return paused = true;
    }

    private bool IsRead(int partition) => !postponed.ContainsKey(partition) && !givenUp.ContainsKey(partition) && !unbegun.ContainsKey(partition);

    /// <summary>The group has not taken it away: it is ours, and is begun anew behind what is stored now.</summary>
    private void RetakeGivenUp()
    {
        if (givenUp.Count == 0) return;
        foreach (var partition in givenUp.Where(entry => Stopwatch.GetElapsedTime(entry.Value) >= retakeAfter).Select(entry => entry.Key).ToArray())
        {
            givenUp.Remove(partition);
            unbegun[partition] = Give(partition);
        }
    }

    /// <summary>Reads where the reader has said it meanwhile.</summary>
    private void Begin(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        if (unbegun.Count == 0) return;
        foreach (var (partition, assigned) in unbegun.ToArray())
        {
            // Assigning resumes; until the client has taken this up there is nothing to pause.
            if (!consumer.Assignment.Exists(mine => mine.Partition.Value == partition)) continue;
            consumer.Pause([new(options.Topic, partition)]);
            if (!assigned.Begin.IsCompleted) continue;
            var begin = assigned.Begin.GetAwaiter().GetResult();
            try
            {
                consumer.Seek(new(options.Topic, partition, OffsetOf(begin)));
            }
            catch (KafkaException error) when (error.Error.Code == ErrorCode.Local_State)
            {
                continue;   // The client is still taking the assignment up.
            }
            unbegun.Remove(partition);
            read[partition] = begin ?? 0;
            LogAssigned(partition, begin?.ToString() ?? options.Start);
            if (!paused) consumer.Resume([new(options.Topic, partition)]);
        }
    }

    private Offset OffsetOf(long? begin) => begin is { } offset ? new Offset(offset) : options.Start == "end" ? Offset.End : Offset.Beginning;

    private void ReleasePostponed(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        if (postponed.Count == 0) return;
        foreach (var (partition, (offset, known)) in postponed.ToArray())
        {
            if ((known ?? EndsOfOthers(consumer, partition)) is not { } until) continue;
            postponed[partition] = (offset, until);
            // Partitions that wait themselves cannot be waited for.
            if (!until.All(other => postponed.ContainsKey(other.Key) || read.GetValueOrDefault(other.Key) >= other.Value)) continue;
            postponed.Remove(partition);
            consumer.Seek(new(options.Topic, partition, offset));
            if (!paused) consumer.Resume([new(options.Topic, partition)]);
        }
    }

    /// <summary>How far the other partitions go now; null while the broker does not say: it is asked again at the next poll.</summary>
    private Dictionary<int, long>? EndsOfOthers(IConsumer<byte[]?, ArraySegment<byte>> consumer, int partition)
    {
        try
        {
            return consumer.Assignment
                .Where(other => other.Partition.Value != partition && !postponed.ContainsKey(other.Partition.Value) && !givenUp.ContainsKey(other.Partition.Value))
                .ToDictionary(other => other.Partition.Value, other => consumer.QueryWatermarkOffsets(other, watermarkTimeout).High.Value);
        }
        catch (KafkaException error)
        {
            LogConsume(error.Error.Reason);
            return null;
        }
    }

    private void Report(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        reportedAt = Stopwatch.GetTimestamp();
        foreach (var (partition, _) in ends)
            if (consumer.GetWatermarkOffsets(new(options.Topic, partition)) is { High.Value: >= 0 and var high }) ends[partition] = high;
        StoreAcknowledged(consumer);
    }

    private void StoreAcknowledged(IConsumer<byte[]?, ArraySegment<byte>> consumer)
    {
        if (acknowledged.IsEmpty) return;
        var assigned = consumer.Assignment;
        foreach (var (partition, _) in acknowledged)
        {
            // Needs enable.auto.offset.store = false; the client would otherwise mark messages done on delivery.
            if (acknowledged.TryRemove(partition, out var offset) && assigned.Exists(mine => mine.Partition.Value == partition)) consumer.StoreOffset(new TopicPartitionOffset(options.Topic, partition, offset));
        }
    }

    private IConsumer<byte[]?, ArraySegment<byte>> BuildConsumer(CancellationToken stopping)
    {
        var config = new ConsumerConfig(options.Settings.ToDictionary())
        {
            GroupId = options.Group,
            EnableAutoCommit = true,
            EnableAutoOffsetStore = false,
            EnablePartitionEof = true,
            AutoOffsetReset = options.Start == "end" ? AutoOffsetReset.Latest : AutoOffsetReset.Earliest,
        };
        // A rebalance then takes away only what moves. The older protocols take all partitions from all members each time, and what was open in them is read again.
        if (config.Get("partition.assignment.strategy") is null) config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky;
        // The client's own queue counts too: without a bound it holds 64 MiB a partition.
        config.QueuedMaxMessagesKbytes ??= (int)Math.Max(1024, options.BytesInFlight / 1024);
        return new ConsumerBuilder<byte[]?, ArraySegment<byte>>(config)
            .SetValueDeserializer(new LentValues(buffers))
            .SetLogHandler((_, message) =>
            {
                // Errors come here too; notices of a broker that is away would fill the log.
                if (message.Level <= SyslogLevel.Warning) LogClient(message.Message);
            })
            .SetPartitionsAssignedHandler((_, partitions) => Assigned(partitions, stopping))
            .SetPartitionsRevokedHandler((_, partitions) => Revoked(partitions.ConvertAll(partition => partition.Partition.Value), stopping))
            .SetPartitionsLostHandler((_, partitions) => Revoked(partitions.ConvertAll(partition => partition.Partition.Value), stopping))
            .Build();
    }

    private List<TopicPartitionOffset> Assigned(List<TopicPartition> partitions, CancellationToken stopping)
    {
        assignedSincePause = true;
        reportedAt = 0;
        var given = partitions.ConvertAll(partition => Give(partition.Partition.Value));
        Wait(Task.WhenAll(given.Select(assigned => assigned.Begin)), stopping);
        return given.ConvertAll(assigned =>
        {
            ends[assigned.Partition] = 0;
            read[assigned.Partition] = 0;
            if (!assigned.Begin.IsCompletedSuccessfully)
            {
                unbegun[assigned.Partition] = assigned;
                if (!stopping.IsCancellationRequested) LogUnbegun(assigned.Partition);
                // Where least is fetched in vain.
                return new TopicPartitionOffset(options.Topic, assigned.Partition, Offset.End);
            }
            var begin = assigned.Begin.GetAwaiter().GetResult();
            read[assigned.Partition] = begin ?? 0;
            LogAssigned(assigned.Partition, begin?.ToString() ?? options.Start);
            return new TopicPartitionOffset(options.Topic, assigned.Partition, OffsetOf(begin));
        });
    }

    private PartitionAssigned Give(int partition)
    {
        stamps[partition] = NextGeneration(partition);
        var assigned = new PartitionAssigned(partition) { Lost = (held[partition] = new()).Token };
        Enqueue(assigned, partition, 0);
        HandOver();
        return assigned;
    }

    private void Revoked(List<int> partitions, CancellationToken stopping)
    {
        var taken = partitions.ConvertAll(partition =>
        {
            stamps[partition] = NextGeneration(partition);
            postponed.Remove(partition);
            givenUp.Remove(partition);
            unbegun.Remove(partition);
            ends.TryRemove(partition, out _);
            var revoked = new PartitionRevoked(partition);
            Enqueue(revoked, partition, 0);
            HandOver();
            // Behind the event: a reader that leaves its work for this finds it next. Not on this thread: the reader would go on in it.
            if (held.Remove(partition, out var mine)) _ = mine.CancelAsync();
            return revoked;
        });
        var inTime = Wait(Task.WhenAll(taken.Select(revoked => revoked.Done)), stopping);
        foreach (var partition in partitions)
        {
            acknowledged.TryRemove(partition, out _);
            if (inTime) LogRevoked(partition);
            else LogRevokedInWork(partition);
        }
    }

    /// <summary>The reader's answer, on the polling thread: a rebalance should not go on before it, and does if it takes too long, since a group that waits reads nothing.</summary>
    private bool Wait(Task answer, CancellationToken stopping)
    {
        try
        {
            answer.WaitAsync(rebalancePatience, stopping).GetAwaiter().GetResult();
            return true;
        }
        catch (OperationCanceledException)
        {
            return true;   // Stopping: nobody reads any more.
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    [LoggerMessage(LogLevel.Information, "Partition {Partition} assigned; reading from {Begin}")]
    private partial void LogAssigned(int partition, string begin);

    [LoggerMessage(LogLevel.Information, "Partition {Partition} revoked; its open windows are dropped and belong to its next owner")]
    private partial void LogRevoked(int partition);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} was taken away while a message was in work; what that would still store is refused by the event log if another daemon has gone on")]
    private partial void LogRevokedInWork(int partition);

    [LoggerMessage(LogLevel.Warning, "Partition {Partition} assigned; it is not read until the event log has said where to begin")]
    private partial void LogUnbegun(int partition);

    [LoggerMessage(LogLevel.Warning, "Reading from Kafka pauses while something is away; the group is kept, and {Bytes} bytes that were read wait")]
    private partial void LogHolding(long bytes);

    [LoggerMessage(LogLevel.Information, "Reading from Kafka goes on")]
    private partial void LogGoingOn();

    [LoggerMessage(LogLevel.Warning, "Kafka did not answer when the group was left; it gives the partitions to others after session.timeout.ms")]
    private partial void LogNotLeft();

    [LoggerMessage(LogLevel.Information, "Partition {Partition} waits at offset {Offset} until the other partitions are read: its windows have no baseline yet")]
    private partial void LogPostponed(int partition, long offset);

    [LoggerMessage(LogLevel.Warning, "Kafka: {Message}")]
    private partial void LogClient(string message);

    [LoggerMessage(LogLevel.Warning, "Reading from Kafka: {Reason}; trying on")]
    private partial void LogConsume(string reason);
}
