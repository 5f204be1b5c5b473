namespace DriftWatch.Ingest;

/// <summary>One message as it came, not looked into.</summary>
/// <param name="Value">The source's: it is used again when the reader asks for the next event. Whoever keeps the message beyond that keeps <see cref="Kept"/>.</param>
/// <param name="Timestamp">The broker's; null where there is none.</param>
public sealed record RawMessage(
    int Partition,
    long Offset,
    ReadOnlyMemory<byte> Value,
    ReadOnlyMemory<byte> Key,
    IReadOnlyList<KeyValuePair<string, byte[]?>> Headers,
    DateTimeOffset? Timestamp)
{
    /// <summary>The message with a value of its own.</summary>
    public RawMessage Kept() => this with { Value = Value.ToArray() };
}

/// <summary>What a source tells its reader.</summary>
public abstract record SourceEvent;

/// <summary>The partition is ours from here on. The source waits for <see cref="BeginAt"/>.</summary>
public sealed record PartitionAssigned(int Partition) : SourceEvent
{
    private readonly TaskCompletionSource<long?> begin = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Cancelled when the partition is taken away: what is being done for it may be left, its next owner does it.</summary>
    public CancellationToken Lost { get; init; }

    public Task<long?> Begin => begin.Task;

    /// <param name="offset">Where to read on; null: at the configured start.</param>
    public void BeginAt(long? offset) => begin.TrySetResult(offset);
}

/// <summary>The partition is somebody else's. The source waits for <see cref="Dropped"/>, so that nothing of it is stored afterwards.</summary>
public sealed record PartitionRevoked(int Partition) : SourceEvent
{
    private readonly TaskCompletionSource dropped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Done => dropped.Task;

    public void Dropped() => dropped.TrySetResult();
}

public sealed record MessageReceived(RawMessage Message) : SourceEvent;

/// <summary>① Messages of activations, in order within a partition, at least once.</summary>
public interface IActivationSource
{
    /// <summary>The value of a message is valid until the next event is asked for. Ends only with <paramref name="stopping"/>, or when a source that has an end is at it.</summary>
    IAsyncEnumerable<SourceEvent> ReadAsync(CancellationToken stopping);

    /// <summary>Does the next event come without waiting? Then a reader may keep what it has got and do it together with the next.</summary>
    bool MoreAtHand => false;

    /// <summary>Promises that everything before <paramref name="openFrom"/> is stored and need not be read again; the source is done with messages before <paramref name="next"/>.</summary>
    void Acknowledge(int partition, long openFrom, long next);

    /// <summary>Asks for the message at <paramref name="offset"/>, and what follows it, again when the other partitions have been read as far as they go now.</summary>
    /// <remarks>For what another partition may be about to tell: the baseline that this partition's windows are compared with.</remarks>
    void Postpone(int partition, long offset) => throw new NotSupportedException($"{GetType().Name} has one partition; ask {nameof(CanPostpone)} first");

    /// <summary>Somebody else has written what this partition holds: nothing more of it comes until it is assigned anew, by the group or, after a while in which the group has not taken it away, by the source itself.</summary>
    /// <returns>False: this source has no group that could say whose it is.</returns>
    bool GiveUp(int partition) => false;

    /// <summary>Is there another partition to wait for?</summary>
    bool CanPostpone { get; }
}

/// <summary>Where refused messages go.</summary>
public interface IDeadLetters
{
    /// <summary>Completes when the message is safe there.</summary>
    Task SendAsync(RawMessage message, string reason, string explanation, CancellationToken stopping);
}

/// <summary>Takes messages from clients without Kafka.</summary>
public interface IIntake
{
    /// <summary>Completes when a crash of this process or machine cannot lose the message any more.</summary>
    /// <returns>Where it is.</returns>
    /// <exception cref="IntakeFullException">There is no room; try later.</exception>
    /// <exception cref="Analysis.Activations.MalformedException">It will never fit.</exception>
    Task<(int Partition, long Offset)> AcceptAsync(ReadOnlyMemory<byte> value, string key, CancellationToken stopping);
}

public sealed class IntakeFullException(string message) : Exception(message);
