using DriftWatch.Alerts.EventLog;
using DriftWatch.Support;
using Microsoft.Data.Sqlite;

namespace DriftWatch.Alerts.Tests.EventLog;

public sealed class SqliteEventLogTests : EventLogContract, IDisposable
{
    private readonly TempFolder folder = new();

    protected override OpenedLog Open(int attachmentsKept) => EventLogAddress.Open($"sqlite:{folder.File("log.db")}", TimeProvider.System, attachmentsKept);

    public void Dispose() => folder.Dispose();

    /// <summary>Every column that says something; position is only the order in which streams were interleaved.</summary>
    public static TheoryData<string, string> Forgeries => new()
    {
        { "stream", "'other'" },
        { "revision", "revision + 100" },
        { "id", "'00000000-0000-0000-0000-000000000001'" },
        { "type", "'drift-ended'" },
        { "time", "'2026-11-20T12:00:00.0000001Z'" },
        { "time", "NULL" },
        { "actor", "'mallory'" },
        { "causation", "NULL" },
        { "causation", "'00000000-0000-0000-0000-000000000001'" },
        { "previous", "replace(previous, '0', '1')" },
        { "hash", "replace(replace(hash, 'a', 'b'), '1', '2')" },
        { "data", "x'00'" },
        { "data", "x''" },
    };

    [Theory, MemberData(nameof(Forgeries))]
    public async Task Changing_any_column_of_any_event_is_found_by_recomputing(string column, string forged)
    {
        for (var victim = 0; victim < 3; victim++)
        {
            File.Delete(folder.File("log.db"));
            using (var opened = Open()) await opened.Log.AppendAsync(Stream, -1, [.. Events("a", "b", "c").Select(fact => fact with { Causation = Id("cause") })], default);
            using (var connection = Connect())
            {
                Assert.Equal(1, Execute(connection, $"UPDATE events SET {column} = {forged} WHERE position = {victim + 1}"));
            }
            using var again = Open();

            Assert.False(IsWhole(await ListAsync(again.Log.ReadAllAsync(0, default))), $"{column} of event {victim}");
        }
    }

    [Fact]
    public async Task Taking_an_event_out_or_swapping_two_is_found_by_recomputing()
    {
        using (var opened = Open()) await opened.Log.AppendAsync(Stream, -1, Events("a", "b", "c"), default);
        var whole = await StoredAsync();
        Assert.True(IsWhole(whole));

        Assert.False(IsWhole([whole[0], whole[2]]));
        Assert.False(IsWhole([whole[1], whole[2]]));
        Assert.False(IsWhole([whole[1], whole[0], whole[2]]));
        Assert.False(IsWhole([whole[0], whole[2] with { Revision = 1 }]));
    }

    [Fact]
    public async Task What_was_stored_is_there_when_the_file_is_opened_again()
    {
        using (var opened = Open())
        {
            await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default);
            await opened.Checkpoints.WriteAsync("sink", 2, default);
        }
        using var again = Open();

        Assert.Equal(2, await again.Log.AppendAsync(Stream, 1, Events("c"), default));
        Assert.Equal(["a", "b", "c"], await NamesAsync(again.Log.ReadAllAsync(0, default)));
        Assert.True(IsWhole(await ListAsync(again.Log.ReadAllAsync(0, default))));
        Assert.Equal(2, await again.Checkpoints.ReadAsync("sink", default));
    }

    [Fact]
    public async Task Of_writers_on_two_connections_of_the_same_file_one_wins()
    {
        using var first = Open();
        using var second = Open();

        var wins = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => WinsAsync(i % 2 == 0 ? first.Log : second.Log, $"writer {i}"))));

        Assert.Single(wins, won => won);
    }

    [Fact]
    public async Task Writers_on_two_connections_that_do_not_compete_both_get_on()
    {
        using var first = Open();
        using var second = Open();

        await Task.WhenAll(new[] { (first.Log, "one"), (second.Log, "two") }.Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++) await writer.Item1.AppendAsync(writer.Item2, i - 1, Events($"{writer.Item2} {i}"), default);
        })));

        foreach (var stream in new[] { "one", "two" })
            Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{stream} {i}"), await NamesAsync(first.Log.ReadStreamAsync(stream, 0, default)));
        Assert.Equal(Enumerable.Range(1, 100).Select(i => (long)i), (await ListAsync(second.Log.ReadAllAsync(0, default))).Select(fact => fact.Position));
    }

    [Fact]
    public async Task What_another_process_appends_is_found_by_a_subscription()
    {
        using var follower = Open();
        using var writer = Open();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var subscription = follower.Log.SubscribeAsync(0, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = subscription.MoveNextAsync().AsTask();

        await writer.Log.AppendAsync(Stream, -1, Events("a"), default);

        Assert.True(await next);
    }

    [Fact]
    public void Appends_are_synced_before_they_are_believed_and_readers_do_not_block_writers()
    {
        using var log = new SqliteEventLog(folder.File("log.db"), TimeProvider.System, attachmentsKept: 0);

        // 2 is FULL. The setting belongs to the connection that writes, so it is asked there.
        Assert.Equal(("wal", 2L), (log.Pragma("journal_mode"), log.Pragma("synchronous")));
    }

    [Fact]
    public async Task A_reader_in_the_middle_of_the_log_does_not_stop_an_append()
    {
        using var opened = Open();
        await opened.Log.AppendAsync(Stream, -1, Events("a", "b"), default);
        await using var reader = opened.Log.ReadAllAsync(0, default).GetAsyncEnumerator();
        Assert.True(await reader.MoveNextAsync());

        await opened.Log.AppendAsync(Stream, 1, Events("c"), default).WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_file_of_a_newer_daemon_is_refused()
    {
        using (Open())
        using (var connection = Connect()) Execute(connection, "PRAGMA user_version = 99");

        Assert.Contains("newer DriftWatch (schema 99", Assert.Throws<InvalidOperationException>(Open).Message);
    }

    [Fact]
    public void Addresses_that_this_build_does_not_open_are_refused_with_what_to_use()
    {
        Assert.Null(EventLogAddress.Problem("sqlite:a.db"));
        Assert.Null(EventLogAddress.Problem("memory:"));
#if !PRODUCTION
        Assert.Contains("PROFILE=production", EventLogAddress.Problem("esdb://host"));
#endif
        Assert.Null(EventLogAddress.Problem("postgres://host/db"));
        Assert.Contains("'sqlite:'", EventLogAddress.Problem("sqlite:"));
        Assert.Contains("Use sqlite:PATH", EventLogAddress.Problem("file.db"));
    }

    private async Task<List<StoredEvent>> StoredAsync()
    {
        using var opened = Open();
        return await ListAsync(opened.Log.ReadAllAsync(0, default));
    }

    /// <summary>What an audit does: revisions without a gap, each hash recomputed and chained.</summary>
    private static bool IsWhole(IReadOnlyList<StoredEvent> events)
    {
        var (revision, previous) = (0L, EventChain.Beginning);
        foreach (var fact in events)
        {
            if (fact.Revision != revision++ || fact.Previous != previous || fact.Hash != Recomputed(fact)) return false;
            previous = fact.Hash;
        }
        return true;
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection($"Data Source={folder.File("log.db")};Pooling=False");
        connection.Open();
        return connection;
    }

    private static int Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Only constants of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteNonQuery();
    }
}
