using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Analysis.Activations;
using DriftWatch.Daemon.Api;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Api;

public sealed class ComparisonDeskTests
{
    private static readonly MonitorId next = Some.Monitor with { Version = "next" };
    private static readonly ComparisonRequest request = new(Some.Monitor, next, Probe.Traffic, null, null);

    private readonly InMemoryEventLog log = new(attachmentsKept: 1);
    private readonly MonitorRegister register = new();

    [Fact]
    public async Task Only_the_newest_windows_are_read_from_whatever_partition_they_are_in()
    {
        await StoreAsync(Some.Monitor, 0, 1, 100);
        for (var number = 0; number < 4; number++) await StoreAsync(next, number % 2, number, 100 + number);
        var reads = new CountingLog(log);

        var result = await new ComparisonDesk(Some.Catalog(Some.Plan()), register, reads).CompareAsync(request, 3, default);

        Assert.Equal((1, 3, 306L), (result.A.Windows, result.B.Windows, result.B.Summary.Sequences));
        Assert.Equal(4, reads.Events);
    }

    [Fact]
    public async Task One_is_made_at_a_time_and_the_next_is_told_to_come_again()
    {
        await StoreAsync(Some.Monitor, 0, 1, 100);
        await StoreAsync(next, 0, 1, 100);
        var reads = new CountingLog(log) { Gate = new() };
        using var desk = new ComparisonDesk(Some.Catalog(Some.Plan()), register, reads) { Patience = TimeSpan.Zero };

        var first = desk.CompareAsync(request, 50, default);
        await Assert.ThrowsAsync<ComparisonBusyException>(() => desk.CompareAsync(request, 50, default));
        reads.Gate.SetResult();

        Assert.Equal(1, (await first).A.Windows);
        Assert.Equal(1, (await desk.CompareAsync(request, 50, default)).A.Windows);
    }

    [Fact]
    public async Task A_client_that_goes_away_leaves_the_place_free()
    {
        await StoreAsync(Some.Monitor, 0, 1, 100);
        await StoreAsync(next, 0, 1, 100);
        using var gone = new CancellationTokenSource();
        var reads = new CountingLog(log) { Gate = new() };
        using var desk = new ComparisonDesk(Some.Catalog(Some.Plan()), register, reads) { Patience = TimeSpan.Zero };

        var first = desk.CompareAsync(request, 50, gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        reads.Gate.SetResult();

        Assert.Equal(1, (await desk.CompareAsync(request, 50, default)).A.Windows);
    }

    private async Task StoreAsync(MonitorId monitor, int partition, int number, int sequences)
    {
        var closed = Some.Closed(Some.Judged(number, Some.Plan(), [], monitor, summary: Some.Summary(sequences)), partition);
        var stream = StreamNames.Watch(monitor, partition);
        var last = -1L;
        await foreach (var stored in log.ReadStreamAsync(stream, 0, default)) last = stored.Revision;
        await log.AppendAsync(stream, last, [new(EventId.From($"{stream}|{number}"), EventJson.TypeOf(closed), Some.Time, "driftwatch", null, EventJson.Write(closed))], default);
        await foreach (var stored in log.ReadAllAsync(register.Current.Position, default)) register.Evolve(stored);
    }

    /// <summary>Counts what is read, and lets nothing through until it may.</summary>
    private sealed class CountingLog(IEventLog log) : IEventLog
    {
        public int Events { get; private set; }
        public TaskCompletionSource? Gate { get; init; }

        public async IAsyncEnumerable<StoredEvent> ReadStreamAsync(string stream, long fromRevision, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stopping)
        {
            if (Gate is not null) await Gate.Task.WaitAsync(stopping);
            await foreach (var stored in log.ReadStreamAsync(stream, fromRevision, stopping))
            {
                Events++;
                yield return stored;
            }
        }

        public Task<long> AppendAsync(string stream, long expectedRevision, IReadOnlyList<NewEvent> events, CancellationToken stopping) => throw new NotSupportedException();

        public Task<byte[]?> ReadAttachmentAsync(Guid id, CancellationToken stopping) => throw new NotSupportedException();

        public IAsyncEnumerable<StoredEvent> ReadAllAsync(long afterPosition, CancellationToken stopping) => throw new NotSupportedException();

        public IAsyncEnumerable<StoredEvent> SubscribeAsync(long afterPosition, CancellationToken stopping) => throw new NotSupportedException();
    }
}
