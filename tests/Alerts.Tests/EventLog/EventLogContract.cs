using System.Text;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Support;

namespace DriftWatch.Alerts.Tests.EventLog;

/// <summary>What every event log promises. A new adapter is held to it by one class that derives from this.</summary>
public abstract class EventLogContract
{
    protected const string Stream = "watch-acme/bot@1/h-0";

    /// <summary>An empty log; <see cref="IEventLog"/> and <see cref="ICheckpoints"/> in one.</summary>
    protected abstract OpenedLog Open(int attachmentsKept);

    /// <summary>Refuses an id that stands in any other stream.</summary>
    protected virtual bool KnowsIdsOfOtherStreams => true;

    protected OpenedLog Open() => Open(EventLogAddress.AttachmentsKept);

    [Fact]
    public async Task The_newest_attachments_of_a_stream_are_kept_and_events_outlive_theirs()
    {
        using var opened = Open(attachmentsKept: 2);
        for (var i = 0; i < 4; i++) await opened.Log.AppendAsync(Stream, 2 * i - 1, [Attached($"window {i}"), .. Events($"alert {i}")], default);
        await opened.Log.AppendAsync("other", -1, [Attached("elsewhere")], default);

        Assert.Equal(new string?[] { null, null, "window 2", "window 3" }, await Task.WhenAll(Enumerable.Range(0, 4).Select(async i => await TextAsync(opened.Log, $"window {i}"))));
        Assert.Equal((null, "elsewhere"), (await TextAsync(opened.Log, "alert 3"), await TextAsync(opened.Log, "elsewhere")));
        Assert.Equal(8, (await ListAsync(opened.Log.ReadStreamAsync(Stream, 0, default))).Count);
    }

    [Fact]
    public async Task A_lease_is_held_by_one_and_taken_over_when_he_lets_go()
    {
        using var opened = Open();
        var first = await opened.Leases.TakeAsync("mail", default);
        await using var other = await opened.Leases.TakeAsync("other: work/1", default);
        var waiting = opened.Leases.TakeAsync("mail", default);
        await Task.Delay(1500);
        Assert.False(waiting.IsCompleted);
        Assert.False(first.Lost.IsCancellationRequested);

        await first.DisposeAsync();

        await using var second = await waiting.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(second.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Who_stops_while_he_waits_for_a_lease_does_not_have_it()
    {
        using var opened = Open();
        await using var held = await opened.Leases.TakeAsync("mail", default);
        using var stop = new CancellationTokenSource();
        var waiting = opened.Leases.TakeAsync("mail", stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task An_append_that_is_refused_or_asked_for_twice_leaves_attachments_as_they_are()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, [Attached("a")], default);
        await opened.Log.AppendAsync(Stream, -1, [Attached("a")], default);
        await Assert.ThrowsAsync<WrongRevisionException>(() => opened.Log.AppendAsync(Stream, -1, [Attached("b")], default));

        Assert.Equal(("a", null), (await TextAsync(opened.Log, "a"), await TextAsync(opened.Log, "b")));
    }

    private static NewEvent Attached(string name) => Events(name)[0] with { Attachment = Encoding.UTF8.GetBytes(name) };

    private static async Task<string?> TextAsync(IEventLog log, string name) => await log.ReadAttachmentAsync(Id(name), default) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    [Fact]
    public async Task What_was_appended_is_read_back_whole_and_in_order()
    {
        using var opened = Open();
        var full = new NewEvent(Id("full"), "window-closed", Some.Time.ToOffset(TimeSpan.FromHours(2)).AddTicks(1), "driftwatch", Id("cause"), [0, 255, 10]);
        var sparse = new NewEvent(Id("sparse"), "catalog-changed", null, "Zoë", null, []);

        Assert.Equal(1, await opened.Log.AppendAsync(Stream, -1, [full, sparse], default));

        var stored = await ListAsync(opened.Log.ReadStreamAsync(Stream, 0, default));
        Assert.Equal([0L, 1L], stored.Select(fact => fact.Revision));
        if (opened.PositionsHaveGaps) Assert.InRange(stored[0].Position, 1, stored[1].Position - 1);
        else Assert.Equal([1L, 2L], stored.Select(fact => fact.Position));
        foreach (var (expected, actual) in new[] { full, sparse }.Zip(stored))
        {
            Assert.Equal((Stream, expected.Id, expected.Type, expected.Time, expected.Actor, expected.Causation), (actual.Stream, actual.Id, actual.Type, actual.Time, actual.Actor, actual.Causation));
            Assert.Equal(expected.Data, actual.Data);
            Assert.True(actual.Time is null or { Offset.Ticks: 0 }, "times are given in UTC");
        }
    }

    [Fact]
    public async Task Each_event_carries_the_hash_of_the_one_before_it_in_its_stream()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default);
        await opened.Log.AppendAsync("other", -1, Events("x"), default);
        await opened.Log.AppendAsync(Stream, 1, Events("c"), default);

        var stored = await ListAsync(opened.Log.ReadStreamAsync(Stream, 0, default));

        Assert.Equal([EventChain.Beginning, stored[0].Hash, stored[1].Hash], stored.Select(fact => fact.Previous));
        Assert.All(stored, fact => Assert.Equal(fact.Hash, Recomputed(fact)));
    }

    [Fact]
    public async Task Another_revision_than_the_last_is_refused_and_nothing_is_stored()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default);

        foreach (var expected in new[] { -1, 0, 2, 7 })
        {
            var refused = await Assert.ThrowsAsync<WrongRevisionException>(() => opened.Log.AppendAsync(Stream, expected, Events("c"), default));
            Assert.Equal(Stream, refused.Stream);
            Assert.Contains($"revision 1, not {expected}", refused.Message);
        }
        await Assert.ThrowsAsync<WrongRevisionException>(() => opened.Log.AppendAsync("new", 0, Events("c"), default));

        Assert.Equal(["a", "b"], await NamesAsync(opened.Log.ReadAllAsync(0, default)));
    }

    [Fact]
    public async Task The_same_events_again_are_answered_the_same_and_not_stored_twice()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default);
        await opened.Log.AppendAsync(Stream, 1, Events("c"), default);

        Assert.Equal(1, await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default));
        Assert.Equal(0, await opened.Log.AppendAsync(Stream, -1, Events("a"), default));
        Assert.Equal(2, await opened.Log.AppendAsync(Stream, 1, Events("c"), default));

        Assert.Equal(["a", "b", "c"], await NamesAsync(opened.Log.ReadAllAsync(0, default)));
    }

    [Fact]
    public async Task Events_of_which_only_some_are_there_already_are_refused()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default);

        await Assert.ThrowsAsync<WrongRevisionException>(() => opened.Log.AppendAsync(Stream, -1, Events("a", "c"), default));
        await Assert.ThrowsAsync<WrongRevisionException>(() => opened.Log.AppendAsync(Stream, -1, Events("b", "a"), default));
        await Assert.ThrowsAsync<WrongRevisionException>(() => opened.Log.AppendAsync(Stream, 0, Events("b", "c"), default));

        Assert.Equal(["a", "b"], await NamesAsync(opened.Log.ReadAllAsync(0, default)));
    }

    [Fact]
    public async Task All_events_of_an_append_are_stored_or_none()
    {
        using var opened = Open();
        await opened.Log.AppendAsync("other", -1, Events("a"), default);

        Assert.SkipUnless(KnowsIdsOfOtherStreams, "this store knows an id within its stream; ours are made of their stream's name, so one never stands in two");
        // The id of the third stands in the log already.
        await Assert.ThrowsAnyAsync<Exception>(() => opened.Log.AppendAsync(Stream, -1, Events("b", "c", "a"), default));

        Assert.Equal(["a"], await NamesAsync(opened.Log.ReadAllAsync(0, default)));
        Assert.Equal(0, await opened.Log.AppendAsync(Stream, -1, Events("d"), default));
    }

    [Fact]
    public async Task A_stream_is_read_from_a_revision_and_an_unknown_one_is_empty()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b", "c"), default);

        Assert.Equal(["b", "c"], await NamesAsync(opened.Log.ReadStreamAsync(Stream, 1, default)));
        Assert.Empty(await NamesAsync(opened.Log.ReadStreamAsync(Stream, 3, default)));
        Assert.Empty(await NamesAsync(opened.Log.ReadStreamAsync("unknown", 0, default)));
        Assert.Empty(await NamesAsync(opened.Log.ReadStreamAsync(Stream.ToUpperInvariant(), 0, default)));
    }

    [Fact]
    public async Task All_streams_have_one_order_and_are_read_from_behind_a_position()
    {
        using var opened = Open();
        await opened.Log.AppendAsync("one", -1, Events("a", "b"), default);
        await opened.Log.AppendAsync("two", -1, Events("c"), default);
        await opened.Log.AppendAsync("one", 1, Events("d"), default);

        Assert.Equal(["a", "b", "c", "d"], await NamesAsync(opened.Log.ReadAllAsync(0, default)));
        var positions = (await ListAsync(opened.Log.ReadAllAsync(0, default))).Select(fact => fact.Position).ToArray();
        Assert.Equal(positions.Order().Distinct(), positions);
        Assert.Equal(["c", "d"], await NamesAsync(opened.Log.ReadAllAsync(positions[1], default)));
        Assert.Empty(await NamesAsync(opened.Log.ReadAllAsync(positions[3], default)));
        Assert.Equal(positions[2], (await ListAsync(opened.Log.ReadStreamAsync("two", 0, default))).Single().Position);
    }

    [Fact]
    public async Task A_subscription_catches_up_and_then_hears_of_what_comes()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b", "c"), default);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var first = (await ListAsync(opened.Log.ReadAllAsync(0, default)))[0].Position;
        await using var subscription = opened.Log.SubscribeAsync(first, stop.Token).GetAsyncEnumerator(stop.Token);

        Assert.Equal(["b", "c"], [await NextAsync(subscription), await NextAsync(subscription)]);
        var live = NextAsync(subscription);
        Assert.False(live.IsCompleted);
        await opened.Log.AppendAsync("other", -1, Events("d"), default);

        Assert.Equal("d", await live);
    }

    [Fact]
    public async Task A_subscription_under_fire_misses_nothing()
    {
        using var opened = Open();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 200; i++) await opened.Log.AppendAsync(Stream, i - 1, Events($"{i}"), stop.Token);
        }, stop.Token);

        var names = new List<string>();
        await foreach (var fact in opened.Log.SubscribeAsync(0, stop.Token))
        {
            names.Add(Encoding.UTF8.GetString(fact.Data));
            if (names.Count == 200) break;
        }
        await writing;

        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}"), names);
    }

    [Fact]
    public async Task A_subscription_ends_only_with_its_token()
    {
        using var opened = Open();
        using var stop = new CancellationTokenSource();
        await using var subscription = opened.Log.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = subscription.MoveNextAsync().AsTask();

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public async Task Checkpoints_begin_at_0_and_keep_the_last_position_of_each_follower()
    {
        using var opened = Open();

        Assert.Equal(0, await opened.Checkpoints.ReadAsync("kafka:alerts", default));
        await opened.Checkpoints.WriteAsync("kafka:alerts", 5, default);
        await opened.Checkpoints.WriteAsync("kafka:alerts", 7, default);
        await opened.Checkpoints.WriteAsync("mail", 1, default);

        Assert.Equal((7, 1), (await opened.Checkpoints.ReadAsync("kafka:alerts", default), await opened.Checkpoints.ReadAsync("mail", default)));
    }

    [Fact]
    public async Task Of_writers_that_race_for_a_revision_one_wins()
    {
        using var opened = Open();

        var wins = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => WinsAsync(opened.Log, $"writer {i}"))));

        Assert.Single(wins, won => won);
        Assert.Single(await NamesAsync(opened.Log.ReadAllAsync(0, default)));
    }

    /// <summary>For stores that several daemons share.</summary>
    protected async Task OneDaemonWinsAsync()
    {
        var daemons = Enumerable.Range(0, 4).Select(_ => Open()).ToArray();

        var wins = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => WinsAsync(daemons[i % 4].Log, $"writer {i}"))));

        Assert.Single(wins, won => won);
        foreach (var daemon in daemons) daemon.Dispose();
    }

    protected static async Task<bool> WinsAsync(IEventLog log, string name)
    {
        try
        {
            await log.AppendAsync(Stream, -1, Events(name), default);
            return true;
        }
        catch (WrongRevisionException)
        {
            return false;
        }
    }

    /// <summary>Events whose ids and data are made of their names.</summary>
    protected static NewEvent[] Events(params string[] names) => [.. names.Select(name => new NewEvent(Id(name), "window-closed", Some.Time, "driftwatch", null, Encoding.UTF8.GetBytes(name)))];

    protected static Guid Id(string name) => EventId.From(name);

    protected static string Recomputed(StoredEvent fact) =>
        EventChain.Hash(fact.Previous, fact.Stream, fact.Revision, new(fact.Id, fact.Type, fact.Time, fact.Actor, fact.Causation, fact.Data));

    protected static async Task<List<StoredEvent>> ListAsync(IAsyncEnumerable<StoredEvent> events)
    {
        var list = new List<StoredEvent>();
        await foreach (var fact in events) list.Add(fact);
        return list;
    }

    protected static async Task<string[]> NamesAsync(IAsyncEnumerable<StoredEvent> events) => [.. (await ListAsync(events)).Select(fact => Encoding.UTF8.GetString(fact.Data))];

    protected static async Task<string> NextAsync(IAsyncEnumerator<StoredEvent> subscription) => await subscription.MoveNextAsync() ? Encoding.UTF8.GetString(subscription.Current.Data) : "(ended)";
}
