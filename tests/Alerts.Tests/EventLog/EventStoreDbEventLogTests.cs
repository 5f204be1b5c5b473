using System.Globalization;
using System.Security.Cryptography;
using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Alerts.Tests.EventLog;

/// <summary>Against the server that <c>DRIFTWATCH_TEST_ESDB</c> names (esdb://HOST:PORT?tls=false), each test under a name of its own. In the production profile alone.</summary>
public sealed class EventStoreDbEventLogTests : EventLogContract
{
    private static readonly string? server = Environment.GetEnvironmentVariable("DRIFTWATCH_TEST_ESDB");

    /// <summary>The server keeps what earlier runs wrote.</summary>
    private readonly string name = "test-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public EventStoreDbEventLogTests() => Assert.SkipWhen(string.IsNullOrEmpty(server), "DRIFTWATCH_TEST_ESDB names no EventStoreDB (esdb://HOST:PORT?tls=false)");

    protected override bool KnowsIdsOfOtherStreams => false;

    protected override OpenedLog Open(int attachmentsKept) => EventLogAddress.Open(Address, TimeProvider.System, attachmentsKept);

    private string Address => server!.Split('?', 2) is [var host, var options] ? $"{host.TrimEnd('/')}/{name}?{options}" : $"{server.TrimEnd('/')}/{name}";

    [Fact]
    public async Task Events_and_attachments_beyond_the_servers_limit_are_stored_whole()
    {
        using var opened = Open(attachmentsKept: 1);
        var (window, sample, baseline) = (Bytes(1, 5_000_000), Bytes(2, 2_500_000), Bytes(3, 786_433));
        NewEvent[] events = [Events("w")[0] with { Data = window, Attachment = sample }, .. Events("alert"), Events("b")[0] with { Data = baseline }];

        Assert.Equal(2, await opened.Log.AppendAsync(Stream, -1, events, default));
        Assert.Equal(2, await opened.Log.AppendAsync(Stream, -1, events, default));

        var stored = await ListAsync(opened.Log.ReadAllAsync(0, default));
        Assert.Equal([window, events[1].Data, baseline], stored.Select(fact => fact.Data));
        Assert.All(stored, fact => Assert.Equal(fact.Hash, Recomputed(fact)));
        Assert.Equal(sample, await opened.Log.ReadAttachmentAsync(Id("w"), default));
        Assert.Equal(3, (await ListAsync(opened.Log.ReadStreamAsync(Stream, 0, default))).Count);
    }

    [Fact]
    public async Task Many_events_that_fit_one_by_one_and_not_together_are_one_append()
    {
        using var opened = Open();
        var events = Events([.. Enumerable.Range(0, 64).Select(i => $"{i}")]).Select((fact, i) => fact with { Data = Bytes(i, 100_000) }).ToArray();

        Assert.Equal(63, await opened.Log.AppendAsync(Stream, -1, events, default));

        Assert.Equal(events.Select(fact => fact.Data), (await ListAsync(opened.Log.ReadStreamAsync(Stream, 0, default))).Select(fact => fact.Data));
    }

    [Fact]
    public async Task A_lower_number_of_attachments_drops_the_older_ones()
    {
        using (var many = Open(attachmentsKept: 10))
            for (var i = 0; i < 8; i++) await many.Log.AppendAsync(Stream, i - 1, [Events($"{i}")[0] with { Attachment = Bytes(i, 10) }], default);

        using var few = Open(attachmentsKept: 2);
        await few.Log.AppendAsync(Stream, 7, [Events("8")[0] with { Attachment = [] }], default);

        var there = await Task.WhenAll(Enumerable.Range(0, 9).Select(async i => await few.Log.ReadAttachmentAsync(Id(i.ToString(CultureInfo.InvariantCulture)), default)));
        Assert.Equal([7, 8], Enumerable.Range(0, 9).Where(i => there[i] is not null));
        Assert.Empty(there[8]!);
    }

    [Fact]
    public async Task What_one_daemon_appends_another_reads_and_follows_and_other_logs_on_the_server_do_not_show()
    {
        using var writer = Open();
        using var reader = Open();
        using var other = EventLogAddress.Open(Address.Replace(name, $"{name}-other", StringComparison.Ordinal), TimeProvider.System);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var subscription = reader.Log.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = NextAsync(subscription);

        await other.Log.AppendAsync(Stream, -1, Events("x"), default);
        await writer.Log.AppendAsync(Stream, -1, Events("a"), default);
        await writer.Checkpoints.WriteAsync("sink", 1, default);
        await writer.Log.AppendAsync(Stream, 0, Events("b"), default);

        Assert.Equal(("a", "b"), (await next, await NextAsync(subscription)));
        Assert.Equal(["a", "b"], await NamesAsync(reader.Log.ReadAllAsync(0, default)));
        Assert.Equal(["x"], await NamesAsync(other.Log.ReadAllAsync(0, default)));
    }

    [Fact]
    public Task Of_daemons_that_race_for_a_revision_one_wins() => OneDaemonWinsAsync();

    [Fact]
    public async Task A_reader_never_overtakes_a_writer()
    {
        var daemons = Enumerable.Range(0, 4).Select(_ => Open()).ToArray();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var writing = Task.WhenAll(daemons.Select((daemon, number) => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++) await daemon.Log.AppendAsync($"stream {number}", 2 * i - 1, Events($"{number} {i} a", $"{number} {i} b"), stop.Token);
        })));

        var seen = new List<StoredEvent>();
        using var follower = Open();
        await foreach (var fact in follower.Log.SubscribeAsync(0, stop.Token))
        {
            seen.Add(fact);
            if (seen.Count == 200) break;
        }
        await writing;

        var stored = await ListAsync(follower.Log.ReadAllAsync(0, default));
        Assert.Equal(stored.Select(fact => (fact.Position, fact.Hash)), seen.Select(fact => (fact.Position, fact.Hash)));
        Assert.Equal(200, stored.Select(fact => fact.Position).Distinct().Count());
        foreach (var daemon in daemons) daemon.Dispose();
    }

    [Fact]
    public async Task A_copy_of_a_log_has_its_hashes_and_is_sound()
    {
        using var opened = Open();
        var source = new InMemoryEventLog();
        for (var i = 0; i < 5; i++)
            foreach (var stream in new[] { "one", "two" })
                await source.AppendAsync(stream, i - 1, [Events($"{stream} {i}")[0] with { Attachment = [(byte)i] }], default);

        Assert.Equal((10, 10), await LogCopy.RunAsync(source, opened.Log, null, default));
        Assert.Equal((0, 10), await LogCopy.RunAsync(source, opened.Log, null, default));

        var audit = new LogAudit(opened.PositionsHaveGaps);
        await foreach (var fact in opened.Log.ReadAllAsync(0, default)) audit.Evolve(fact);
        Assert.Equal((10, 0), (audit.Events, audit.ProblemCount));
        Assert.Equal([3], await opened.Log.ReadAttachmentAsync(Id("two 3"), default));
    }

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
